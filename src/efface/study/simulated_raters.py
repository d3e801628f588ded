"""Raters for the demonstration: three simulated people who see what was measured, and err now and then."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from efface.io.atomic import write_whole
from efface.study.config import ScanEntry, StudyConfig
from efface.study.outcomes import FEATURES, GONE, Outcome
from efface.study.ratings import CANNOT, COLUMNS, NOBODY
from efface.study.runner import ready_methods
from efface.study.units import read_record, unit_path

RATERS = ("simulated1", "simulated2", "simulated3")
ERRS = 0.04
"""How often a simulated rater gives another answer than the measurements."""
SESSION = "1"
"""Of this session a scan is shown in the recognition task."""
SEEN, UNSURE = 0.5, 0.7
"""Covered share of a face above which nobody knows it, and how often a rater says so."""
OUTCOMES = tuple(outcome.value for outcome in Outcome)


def write_simulated_ratings(config: StudyConfig, out: Path) -> None:
    """Write the demonstration's ratings."""
    if config.options.ratings is None:
        return
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, row in enumerate(_rows(config, out), start=1):
        writer.writerow([number, *row])
    write_whole(config.options.ratings, text.getvalue().encode(), overwrite=True)


def _rows(config: StudyConfig, out: Path) -> Iterator[tuple[str, ...]]:
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
                    if repeat == "0" and scan.session == SESSION:
                        yield rater, "recognition", "who", *common, _recognised(config, scan, record, rng), repeat


def _recognised(config: StudyConfig, scan: ScanEntry, record: Mapping[str, Any], rng: np.random.Generator) -> str:
    """Return whom a rater takes a render for: by luck where the face is gone; of the last person is no photograph."""
    people = sorted({each.participant for each in config.scans})
    photographs = people[:-1]
    covered = record.get("face_covered")
    if covered is not None and covered > SEEN and rng.random() < UNSURE:
        return CANNOT
    if covered is not None and covered > SEEN:
        return str(rng.choice([*photographs, NOBODY]))
    return scan.participant if scan.participant in photographs else NOBODY


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
