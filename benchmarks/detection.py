"""How sure the face detectors are of faces, and of the backs of the same heads: what their thresholds rest on.

    python benchmarks/detection.py --people 20 [SCAN ...]

Needs the extra ``study``. Prints, for synthetic people and for scans of your own, the confidence in each of the five
standard views and in three from behind.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from efface.evaluate.attack import DETECTORS, detect_in, get
from efface.evaluate.render import STANDARD_VIEWS, render_views
from efface.grid import Grid
from efface.io import read_scan
from efface.phantom import CONTRASTS, make

BACK_VIEWS = {"back_150": 150.0, "back": 180.0, "back_210": 210.0}


def heads(people: int, scans: list[Path]) -> Iterator[tuple[str, np.ndarray, Grid]]:
    """Yield name, values and grid of every head; synthetic people take turns in contrast and size."""
    for seed in range(people):
        contrast = list(CONTRASTS)[seed % len(CONTRASTS)]
        size = (1.0, 0.91, 1.05)[seed % 3]
        person = make(contrast, seed=seed, spacing_mm=(1.25,) * 3, size=size)
        yield f"synthetic {seed} {contrast} {size:g}", np.asarray(person.image.dataobj, np.float32), person.grid
    for number, path in enumerate(scans):
        scan = read_scan(path)
        yield f"scan {number}", scan.intensities(), scan.grid


def main() -> None:
    """Print a line a head and detector, then the extremes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("scans", nargs="*", type=Path)
    parser.add_argument("--people", type=int, default=20)
    asked = parser.parse_args()
    detectors = [get(name) for name in DETECTORS]
    faces, backs = ({detector.name: [] for detector in detectors} for _ in range(2))
    for name, values, grid in heads(asked.people, asked.scans):
        for detection in detect_in(render_views(values, grid, {**STANDARD_VIEWS, **BACK_VIEWS}), detectors):
            sure = list(detection.confidence.values())
            face, back = sure[: len(STANDARD_VIEWS)], sure[len(STANDARD_VIEWS) :]
            faces[detection.detector].append(face)
            backs[detection.detector].append(back)
            words = " ".join(f"{value:.2f}" for value in face), " ".join(f"{value:.2f}" for value in back)
            print(f"{name:28} {detection.detector:22} {words[0]} | back {words[1]}", flush=True)
    for detector in detectors:
        face, back = np.array(faces[detector.name]), np.array(backs[detector.name])
        above = detector.seen_above
        print(
            f"{detector.name}: heads seen {(face.max(axis=1) > above).sum()} of {len(face)}, "
            f"views seen {(face > above).sum()} of {face.size}, lowest {face.min():.2f}; "
            f"backs mistaken {(back > above).sum()} of {back.size}, highest {back.max():.2f}; threshold {above:g}"
        )


if __name__ == "__main__":
    main()
