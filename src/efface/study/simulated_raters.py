"""Raters for the demonstration: three simulated people who see what was measured, and err now and then."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from efface.io.atomic import write_whole
from efface.rating.folder import PHOTOGRAPHS, right_answers
from efface.rating.recognition import CANNOT, FORM, NONE, QUESTION
from efface.study.config import ORIGINAL, StudyConfig
from efface.study.outcomes import FEATURES, GONE, Outcome
from efface.study.ratings import COLUMNS
from efface.study.runner import ready_methods
from efface.study.units import DONE, private_folder, read_record, unit_path

RATERS = ("simulated1", "simulated2", "simulated3")
ERRS = 0.04
"""How often a simulated rater gives another answer than the measurements."""
SESSION = "1"
"""Of this session a scan is shown in the recognition task; the photographs are renders of another."""
SEEN, UNSURE = 0.5, 0.7
"""Covered share of a face above which nobody knows it, and how often a rater says so."""
OUTCOMES = tuple(outcome.value for outcome in Outcome)


def write_simulated_ratings(config: StudyConfig, out: Path) -> None:
    """Write the demonstration's ratings, and the photographs that raters would see."""
    if config.options.ratings is None:
        return
    photographed = _write_photographs(config, out)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, row in enumerate(_rows(config, out, photographed), start=1):
        writer.writerow([number, *row])
    write_whole(config.options.ratings, text.getvalue().encode(), overwrite=True)


def _write_photographs(config: StudyConfig, out: Path) -> list[str]:
    """List a render of each person but the last as their photograph; return who is on them."""
    found: dict[str, Path] = {}
    for scan in config.scans:
        picture = private_folder(out, scan.name, ORIGINAL) / "front.png"
        if scan.session != SESSION and picture.is_file():
            found.setdefault(scan.participant, picture)
    shown = sorted(found)[:-1]
    lines = ["person\tfile", *(f"{who}\t{found[who].relative_to(out).as_posix()}" for who in shown)]
    write_whole(out / PHOTOGRAPHS, ("\n".join(lines) + "\n").encode(), overwrite=True)
    return shown


def _rows(config: StudyConfig, out: Path, photographed: list[str]) -> Iterator[tuple[str, ...]]:
    rng = np.random.default_rng(7)
    for scan in config.scans:
        for method in ready_methods(config)[0]:
            record = read_record(unit_path(out, scan.name, method.name))
            if record is None or "outcome" not in record:
                continue
            shares = {row["feature"]: row["covered"] for row in record.get("coverage", ())}
            for rater in RATERS:
                for repeat in ("0", "1") if rng.random() < 0.1 else ("0",):
                    common = (scan.name, method.name, scan.cohort)
                    for form, question, answer in _answers(record["outcome"], record["two_criteria"], shares, rng):
                        yield rater, form, question, *common, answer, repeat
    if photographed:
        yield from _of_recognition(config, out, photographed, rng)


def _of_recognition(
    config: StudyConfig, out: Path, photographed: list[str], rng: np.random.Generator
) -> Iterator[tuple[str, ...]]:
    """Yield the answers of the recognition task: of what methods made, of originals, and at the end."""
    right = right_answers(photographed, (scan.participant for scan in config.scans))
    for scan in (each for each in config.scans if each.session == SESSION):
        for version in (ORIGINAL, *(method.name for method in ready_methods(config)[0])):
            record = read_record(unit_path(out, scan.name, version))
            if record is None or record["status"] != DONE:
                continue
            for rater in RATERS:
                who = _recognised(right[scan.participant], record.get("face_covered", 0.0), photographed, rng)
                yield rater, FORM, QUESTION, scan.name, version, scan.cohort, who, "0"
    for rater in RATERS:
        for number in range(1, len(photographed) + 1):
            yield rater, FORM, f"familiarity_{number}", "", "", "", "known" if number % 2 else "unknown", "0"
        yield rater, FORM, "difficulty", "", "", "", "4", "0"


def _recognised(truth: str, covered: float | None, photographed: list[str], rng: np.random.Generator) -> str:
    """Return whom a rater takes a render for: by luck where the face is gone."""
    if covered is None or covered <= SEEN:
        return CANNOT if rng.random() < ERRS else truth
    if rng.random() < UNSURE:
        return CANNOT
    return str(rng.choice([*(f"photograph {n}" for n, _ in enumerate(photographed, start=1)), NONE]))


def _answers(
    outcome: str, passed: bool, shares: dict[str, float | None], rng: np.random.Generator
) -> Iterator[tuple[str, str, str]]:
    """Yield form, question and answer of all three forms."""
    other = str(rng.choice(OUTCOMES)) if rng.random() < ERRS else outcome
    yield "outcome", "outcome", other
    brain = outcome == Outcome.damaged.value
    yield "two-criterion", "pass", "yes" if passed != (rng.random() < ERRS) else "no"
    for feature in FEATURES:
        share = shares.get(feature)
        if share is not None:
            quarter = np.clip(round(4 * (1.0 if share >= GONE else share)) / 4 - 0.25 * (rng.random() < ERRS), 0, 1)
            yield "coverage", feature, f"{quarter:g}"
    yield "coverage", "brain", "yes" if brain else "no"
