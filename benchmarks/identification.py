"""Whose head is it, before and after defacing? Synthetic people, scanned twice, are looked for in a gallery of them.

    python benchmarks/identification.py [--people 100] [--spacing 3] [--attacks face skin kept size dlib] [--json OUT]

The gallery holds everybody's first scan: T1w, with its face. The probes are their second scans, in another pose, with
more noise and mostly in another contrast: as they are, and defaced in several ways. A defaced probe's brain is found
anew in what is left; no verdict is asked, so that refused scans count too. All are adults, so that nobody is known by
size alone. The attacks:

face  the surface of face and ears, as it is seen
skin  the same, told which voxels were replaced: only skin that is the person's own
kept  the vault of the skull, inside and outside, which no method here removes: who is known by it is not by the face
size  the brain's width, length and height, three numbers: what a new face may tell that is drawn in the brain's size
dlib  a face recogniser on five renders (extra ``study``)

Printed for each: how often the right person is the nearest, or among the five nearest, with exact 95 % intervals beside
chance, and how many probes showed nothing to compare. "Centred" is the same with each gallery entry's mean distance
from all probes taken off; see `efface.evaluate.attack.centred`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from efface import phantom
from efface.anatomy import Anatomy, locate
from efface.deface_plan import apply_plan
from efface.errors import UsageError, VerificationError
from efface.evaluate.attack import (
    DlibRecognizer,
    Identification,
    centred,
    feature_distances,
    head_shape,
    identify,
    surface_distances,
)
from efface.evaluate.attack.shapes import PARTS
from efface.evaluate.render import render_views
from efface.io import read_scan
from efface.planning import plan
from efface.scan import Scan

CONTRASTS = ("T1w", "T2w", "FLAIR", "PDw")
GALLERY_NOISE, PROBE_NOISE = 0.02, 0.04
METHODS = {
    "anatomy, zero": ("anatomy", "zero"),
    "anatomy, reface": ("anatomy", "reface"),
    "template-mask, zero": ("template-mask", "zero"),
}
PROBES = ("original", *METHODS)
RANKS = (1, 5)


def size_distances(probes: Sequence[np.ndarray], gallery: Sequence[np.ndarray]) -> np.ndarray:
    """Return how much the sizes of brains differ, given the (4, 4) matrices that lay the atlas on them."""
    probe, known = (np.log(np.linalg.norm(np.array(side)[:, :3, :3], axis=1)) for side in (probes, gallery))
    return np.linalg.norm(probe[:, None] - known[None], axis=-1)


DISTANCES: dict[str, Callable[[Sequence[Any], Sequence[Any]], np.ndarray]] = {
    "face": surface_distances,
    "skin": surface_distances,
    "kept": partial(surface_distances, part="kept"),
    "size": size_distances,
    "dlib": feature_distances,
}
Looked = dict[str, Any]
"""What each attack saw in one scan; one that saw nothing is left out."""


@dataclass
class Seen:
    """What was seen of everybody."""

    gallery: list[Looked] = field(default_factory=list)
    probes: dict[str, list[Looked]] = field(default_factory=lambda: {name: [] for name in PROBES})


def look_at(
    scan: Scan, anatomy: Anatomy | None, replaced: np.ndarray | None, recognizer: DlibRecognizer | None
) -> Looked:
    """Let every attack look at a scan; the surface attacks see nothing where no brain is found."""
    looked: Looked = {}
    if recognizer:
        looked["dlib"] = recognizer.features(render_views(scan.intensities(), scan.grid))
    if anatomy is None:
        return looked
    shape = head_shape(scan, anatomy)
    told = shape if replaced is None else head_shape(scan, anatomy, replaced)
    return {**looked, "face": shape, "kept": shape, "skin": told, "size": anatomy.atlas_to_scan}


def located(scan: Scan) -> Anatomy | None:
    """Find the brain; None where there is none."""
    try:
        return locate(scan)
    except VerificationError:
        return None


def scanned(person: int, scan: int, spacing_mm: float, contrast: str, noise: float) -> Scan:
    """Scan a synthetic adult."""
    spacing = (spacing_mm,) * 3
    return read_scan(phantom.head(contrast, seed=person, scan=scan, spacing_mm=spacing, noise=noise))


def defaced(scan: Scan, anatomy: Anatomy, kind: str, recognizer: DlibRecognizer | None) -> Looked:
    """Deface a scan and let every attack look; nothing is seen where it could not be defaced."""
    method, fill = METHODS[kind]
    try:
        decided = plan(scan, anatomy, method=method, fill=fill)
    except VerificationError:
        return {}
    result = apply_plan(scan, decided)
    return look_at(result, located(result), decided.changed, recognizer)


def look(arguments: argparse.Namespace, recognizer: DlibRecognizer | None) -> Seen:
    """Scan people twice, deface, and let every attack look."""
    rng, seen, end = np.random.default_rng(arguments.seed), Seen(), monotonic() + 60 * arguments.minutes
    for number in range(arguments.people):
        person, contrast = 10_000 * arguments.seed + number, str(rng.choice(CONTRASTS))
        first = scanned(person, 0, arguments.spacing, "T1w", GALLERY_NOISE)
        second = scanned(person, 1, arguments.spacing, contrast, PROBE_NOISE)
        anatomy = locate(second)
        seen.gallery.append(look_at(first, located(first), None, recognizer))
        seen.probes["original"].append(look_at(second, anatomy, None, recognizer))
        for kind in METHODS:
            seen.probes[kind].append(defaced(second, anatomy, kind, recognizer))
        print(f"{number + 1} of {arguments.people}: {contrast}", flush=True)
        if monotonic() > end:
            break
    return seen


def distances(name: str, probes: list[Looked], gallery: list[Looked]) -> np.ndarray:
    """Return an attack's distances, NaN where it saw nothing of one of both."""
    ran, known = ([n for n, looked in enumerate(side) if name in looked] for side in (probes, gallery))
    matrix = np.full((len(probes), len(gallery)), np.nan)
    if ran and known:
        compared = DISTANCES[name]([probes[n][name] for n in ran], [gallery[n][name] for n in known])
        matrix[np.ix_(ran, known)] = compared
    return matrix


def columns(name: str, looked: Looked) -> int:
    """Return how many columns of the face an attack saw."""
    return sum(np.count_nonzero(np.isfinite(looked[name].maps[side])) for side in PARTS["face"]) if looked else 0


def summary(found: Identification) -> dict[str, object]:
    """Return rates with their intervals, chance, and what could not run."""
    answer: dict[str, object] = {"could_not_run": found.could_not_run}
    for rank in RANKS:
        rate = found.rate(rank)
        answer[f"rank_{rank}"] = {
            "hits": rate.hits,
            "probes": rate.probes,
            "share": rate.share,
            "interval_95": [round(limit, 4) for limit in rate.interval()],
            "chance": rate.chance,
        }
    return answer


def judged(name: str, seen: Seen) -> dict[str, Any]:
    """Return an attack's outcome for each kind of probe."""
    names = [str(number) for number in range(len(seen.gallery))]
    answer: dict[str, Any] = {}
    for kind, probes in seen.probes.items():
        matrix = distances(name, probes, seen.gallery)
        ways = {"plain": matrix, "centred": centred(matrix)}
        answer[kind] = {way: summary(identify(each, names, names)) for way, each in ways.items()}
        if name in ("face", "skin"):
            left, whole = (sum(columns(name, looked) for looked in side) for side in (probes, seen.probes["original"]))
            answer[kind]["columns_seen"] = round(left / max(whole, 1), 4)
    return answer


def row(name: str, kind: str, way: str, outcome: dict[str, Any]) -> str:
    """Return one line of the table."""
    words = []
    for rank in RANKS:
        rate = outcome[f"rank_{rank}"]
        low, high = (100 * limit for limit in rate["interval_95"])
        share = "-" if rate["share"] is None else f"{100 * rate['share']:.0f} %"
        words.append(f"rank {rank} {share:>5} ({low:.0f} to {high:.0f}, chance {100 * rate['chance']:.0f})")
    return f"{name:5} {kind:20} {way:8} {'  '.join(words)}  could not run {outcome['could_not_run']}"


def table(outcomes: dict[str, Any]) -> str:
    """Return the outcomes of all attacks, a line for each kind of probe."""
    lines = []
    for name, kinds in outcomes.items():
        for kind, found in kinds.items():
            lines += [row(name, kind, way, found[way]) for way in ("plain", "centred")]
            lines += [f"{'':27}columns seen: {found['columns_seen']:.0%}"] if "columns_seen" in found else []
    return "\n".join(lines)


def main() -> None:
    """Read the command line, look, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--spacing", type=float, default=3.0, help="voxel edge, mm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--attacks", nargs="+", choices=list(DISTANCES), default=list(DISTANCES))
    parser.add_argument("--minutes", type=float, default=np.inf, help="take no more people after this time")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    recognizer, missing = None, {}
    if "dlib" in arguments.attacks:
        try:
            recognizer = DlibRecognizer()
        except UsageError as error:
            missing["dlib"] = str(error)
    seen = look(arguments, recognizer)
    outcomes = {name: judged(name, seen) for name in arguments.attacks if name not in missing}
    print(table(outcomes), *(f"{name} could not run: {reason}" for name, reason in missing.items()), sep="\n")
    if arguments.json:
        asked = {"people": len(seen.gallery), "spacing_mm": arguments.spacing, "seed": arguments.seed}
        answer = {**asked, "attacks": outcomes, "could_not_run": missing}
        arguments.json.write_text(json.dumps(answer, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
