"""Does anything that is shared still follow the face? Exchange the face alone, deface again, compare.

    python benchmarks/blindness.py [--pairs 50] [--methods anatomy template-mask] [--spacing 2] [--json OUT]

Each pair is two synthetic people in one random contrast. The second is laid on the first by their brains, and its
voxels are put where the first scan's were blanked and are removed by the method: the same head with another face. Both
are defaced. Printed for each method: how many outputs are the same bytes, how many differ by recorded choices alone,
and the face leakage: how far the edge of the mask moved, beside how far the face's own surface moved.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from efface import phantom
from efface.anatomy import MODEL, locate
from efface.deface_plan import DefacePlan, apply_plan
from efface.errors import VerificationError
from efface.io import read_scan
from efface.network.inference import load_network
from efface.network.locating import HIDDEN, look_twice
from efface.planning import plan
from efface.scan import Scan
from efface.spatial.head_surface import head_mask, head_of
from efface.spatial.resample import resample

CONTRASTS = ("T1w", "T2w", "FLAIR", "PDw")


@dataclass(frozen=True)
class Outcome:
    """One exchange and one method."""

    same_bytes: bool
    same_choices: bool
    choices_differing: tuple[str, ...]
    mask_mm: float
    """Mean distance between the edges of both masks."""
    face_mm: float
    """Mean distance between both faces' surfaces."""
    exchanged: float
    """Share of what is removed of the head that was exchanged; the rest the second look saw."""


def laid(scan: Scan, other: Scan) -> tuple[np.ndarray, np.ndarray]:
    """Return what the second look at a scan does not see, and the other's values, laid on the scan by the brains."""
    found = look_twice(scan, load_network(MODEL))
    there = look_twice(other, load_network(MODEL))
    hidden = resample(found.blanked.astype(np.float32), found.seen.grid, scan.grid) > HIDDEN
    to_other = there.placement.atlas_to_scan @ np.linalg.inv(found.placement.atlas_to_scan)
    values = resample(other.intensities(), other.grid, scan.grid, target_to_source=np.asarray(to_other))
    return hidden, np.round(values).astype(scan.stored.dtype)


def edge_distance(one: np.ndarray, two: np.ndarray, spacing: np.ndarray) -> float:
    """Return the mean distance between two masks' edges, both ways, mm."""
    edges = [mask & ~ndimage.binary_erosion(mask, border_value=1) for mask in (one, two)]
    if not edges[0].any() or not edges[1].any():
        return float("nan")
    far = [ndimage.distance_transform_edt(~edge, sampling=spacing) for edge in edges]
    return float((far[1][edges[0]].mean() + far[0][edges[1]].mean()) / 2)


def face_distance(one: Scan, two: Scan, where: np.ndarray) -> float:
    """Return the mean distance between both heads' surfaces in front of the exchanged voxels, mm."""
    (first, grid), (second, _) = (head_mask(scan.intensities(), scan.grid) for scan in (one, two))
    inside = resample(where.astype(np.uint8), one.grid, grid, order=0) > 0
    return edge_distance(first & inside, second & inside, grid.spacing_mm)


def judged(scan: Scan, hidden: np.ndarray, values: np.ndarray, method: str, fill: str) -> Outcome:
    """Deface a scan, exchange what was hidden and is removed, deface again, compare."""
    before = plan(scan, locate(scan), method=method, fill=fill)
    where = hidden & before.changed
    other = scan.with_stored(np.where(where, values, scan.stored))
    plans: list[DefacePlan] = [before, plan(other, locate(other), method=method, fill=fill)]
    stored = [apply_plan(each, decided).stored for each, decided in zip((scan, other), plans, strict=True)]
    mask, grid = head_of(scan)
    head = before.changed & (resample(mask.astype(np.uint8), grid, scan.grid, order=0) > 0)
    choices = [dict(decided.choices) for decided in plans]
    differing = tuple(name for name in choices[0] if choices[0][name] != choices[1].get(name))
    return Outcome(
        same_bytes=bool((stored[0] == stored[1]).all()),
        same_choices=not differing,
        choices_differing=differing,
        mask_mm=edge_distance(plans[0].changed, plans[1].changed, scan.grid.spacing_mm),
        face_mm=face_distance(scan, other, where),
        exchanged=float(where[head].mean()),
    )


def run(arguments: argparse.Namespace) -> dict[str, list[Outcome]]:
    """Exchange as many faces as asked."""
    rng = np.random.default_rng(arguments.seed)
    outcomes: dict[str, list[Outcome]] = {method: [] for method in arguments.methods}
    for number in range(arguments.pairs):
        contrast, size = str(rng.choice(CONTRASTS)), float(rng.uniform(0.75, 1.05))
        seeds = 1000 + 2 * number, 1001 + 2 * number
        one, two = (
            read_scan(phantom.head(contrast, spacing_mm=(arguments.spacing,) * 3, seed=seed, size=size))
            for seed in seeds
        )
        try:
            hidden, values = laid(one, two)
            for method in arguments.methods:
                outcomes[method].append(judged(one, hidden, values, method, arguments.fill))
                print(number, contrast, method, outcomes[method][-1], flush=True)
        except VerificationError as error:
            print(number, contrast, f"not judged: {error}")
    return outcomes


def summary(outcomes: list[Outcome]) -> dict[str, object]:
    """Return what is printed for a method."""
    count = len(outcomes)
    return {
        "exchanges": count,
        "same_bytes": sum(one.same_bytes for one in outcomes),
        "other_choices": sum(not one.same_choices for one in outcomes),
        "differ_without_recorded_choice": sum(one.same_choices and not one.same_bytes for one in outcomes),
        "exchanged": round(float(np.mean([one.exchanged for one in outcomes])), 3),
        "choices_differing": dict(Counter(name for one in outcomes for name in one.choices_differing)),
        "mask_mm": round(float(np.nanmean([one.mask_mm for one in outcomes])), 3),
        "face_mm": round(float(np.nanmean([one.face_mm for one in outcomes])), 3),
        "leakage": round(
            float(np.nanmean([o.mask_mm for o in outcomes]) / np.nanmean([o.face_mm for o in outcomes])), 4
        ),
    }


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--methods", nargs="+", default=["anatomy", "template-mask"])
    parser.add_argument("--fill", default="zero")
    parser.add_argument("--spacing", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    answer = {method: summary(each) for method, each in run(arguments).items()}
    print(json.dumps(answer, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(answer, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
