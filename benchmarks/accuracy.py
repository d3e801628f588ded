"""How well the network labels people it was not trained on: synthetic scans at 1 mm, every condition, one table.

    python benchmarks/accuracy.py WORK --held-out 1 7 13 20 [--model MODEL_DIR] [--per-condition 4] [--json OUT.json]

``WORK`` holds what ``training/targets.py`` wrote. The scans are drawn at 1 mm and go through
`efface.network.locating` like any file: first look, blanking, second look. Scored at 1 mm: Dice of everything
inside the skull, of the nine regions of Gao et al. 2022 (left and right apart, averaged), of eyes and ears;
distances of eye centres, nose tip and brain centroid from the truth.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from zlib import crc32

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "training"))
import synthesis
from classes import CLASSES, INTRACRANIAL, NINE, VALUE
from efface.anatomy import MODEL
from efface.atlas import load_atlas
from efface.errors import DefaceError
from efface.grid import Grid
from efface.network.inference import Network, load_network
from efface.network.locating import look_twice
from efface.scan import Scan, Source
from efface.spatial.resample import resample
from heads import load_all, texture_tiles
from objects import draw_object

SHAPE = (192, 224, 256)
"""Voxels of the drawn scans, 1 mm."""
EYEBALL = load_atlas().tissue_names.index("eye")
LEAST_VOXELS = 100
"""Structures of which less is in view are not scored."""
NOT_SCORED = ("easy", "stripped", "coarse_look", "blanked_lattice")
"""Conditions of training that no user's file is in, or that are told apart by others."""


def fine(name: str) -> str:
    """Make a 1 mm version of a condition of the synthesis; return its name."""
    coarse = synthesis.CONDITIONS[name]
    synthesis.CONDITIONS[f"{name} at 1 mm"] = lambda recipe: replace(coarse(recipe), spacing_mm=1.0, shape=SHAPE)
    return f"{name} at 1 mm"


def scores(drawn: synthesis.Drawn, network: Network) -> dict[str, float]:
    """Label one scan and compare with the truth."""
    affine = np.eye(4)
    affine[:3, 3] = -np.array(drawn.image.shape) / 2
    grid = Grid(drawn.image.shape, affine)
    scan = Scan(drawn.image, grid, 1.0, 0.0, Source("nifti", b""))
    try:
        located = look_twice(scan, network)
    except DefaceError:
        return {"refused": 1.0}
    found, true = resample(located.seen.labels, located.seen.grid, grid, order=0), drawn.classes
    inside = np.isin(true, [VALUE[name] for name in INTRACRANIAL])
    row = {"refused": 0.0, "head": float(drawn.head), "brain": dice(located.brain, inside)}
    row |= {f"evidence {name}": value for name, value in asdict(located.evidence).items()}
    row["brain_mm"] = apart(located.brain, inside)
    for name, value in VALUE.items():
        if (true == value).sum() >= LEAST_VOXELS and name != "air":
            row[name] = dice(found == value, true == value)
    for side in ("left", "right"):
        if f"{side}_eye" in row:
            row[f"{side}_eye_mm"] = apart(found == VALUE[f"{side}_eye"], true == VALUE[f"{side}_eye"])
            row[f"{side}_carried"] = carried(f"{side}_eye", true, located.placement.atlas_to_scan, grid)
    if "nose" in row and not touches_front(true == VALUE["nose"]):
        row["nose_tip_mm"] = float(np.linalg.norm(tip(found == VALUE["nose"]) - tip(true == VALUE["nose"])))
    return row


def no_head(rng: np.random.Generator, network: Network) -> dict[str, float]:
    """Look for a brain where there is none; a row of evidence, the brain's Dice being 0."""
    image = draw_object(rng)
    grid = Grid(image.shape, np.diag([2.0, 2.0, 2.0, 1.0]))
    try:
        located = look_twice(Scan(image, grid, 1.0, 0.0, Source("nifti", b"")), network)
    except DefaceError:
        return {"refused": 1.0}
    evidence = {f"evidence {name}": value for name, value in asdict(located.evidence).items()}
    return {"refused": 0.0, "head": 0.0, "brain": 0.0} | evidence


def dice(one: np.ndarray, two: np.ndarray) -> float:
    """Return the Dice overlap."""
    return float(2 * (one & two).sum() / max(1, int(one.sum() + two.sum())))


def apart(one: np.ndarray, two: np.ndarray) -> float:
    """Return the distance between two masks' centroids, voxels; infinity if one is empty."""
    if not (one.any() and two.any()):
        return float("inf")
    return float(np.linalg.norm(np.argwhere(one).mean(axis=0) - np.argwhere(two).mean(axis=0)))


def carried(name: str, true: np.ndarray, atlas_to_scan: np.ndarray, grid: Grid) -> float:
    """Return the distance between the atlas's middle of a region, carried to the scan, and the truth, mm."""
    atlas = load_atlas()
    here = atlas.grid.ras(np.argwhere((atlas.regions == atlas.region(name)) & (atlas.tissues == EYEBALL)).mean(axis=0))
    there = grid.ras(np.argwhere(true == VALUE[name]).mean(axis=0))
    return float(np.linalg.norm(atlas_to_scan[:3, :3] @ here + atlas_to_scan[:3, 3] - there))


def tip(mask: np.ndarray) -> np.ndarray:
    """Return the middle of the foremost hundredth of a mask, voxels."""
    points = np.argwhere(mask)
    if not len(points):
        return np.full(3, np.inf)
    return points[points[:, 1] >= np.percentile(points[:, 1], 99)].mean(axis=0)


def touches_front(mask: np.ndarray) -> bool:
    """Return whether a mask is cut by the front of the view."""
    return bool(mask[:, -2:].any())


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Average scores; distances by median and 95th percentile."""

    def values(*ends: str) -> list[float]:
        return [v for row in rows for key, v in row.items() if key.endswith(ends) and not key.endswith("_mm")]

    regions = {region: np.mean(values(region)) for region in NINE if values(region)}
    table = {
        "scans": len(rows),
        "refused": sum(row["refused"] for row in rows),
        "brain": np.mean([row["brain"] for row in rows if "brain" in row] or [np.nan]),
        "nine": np.mean(list(regions.values())) if regions else np.nan,
        "worst of nine": min(regions.values()) if regions else np.nan,
        "eyes": np.mean(values("_eye")) if values("_eye") else np.nan,
        "ears": np.mean(values("_ear")) if values("_ear") else np.nan,
    }
    for name, key in (("eye mm", "eye_mm"), ("nose mm", "nose_tip_mm"), ("brain mm", "brain_mm")):
        distances = [v for row in rows for k, v in row.items() if k.endswith(key)]
        for what, level in (("", 0.5), (" 95 %", 0.95)):
            table[name + what] = np.quantile(distances, level, method="higher") if distances else np.nan
    return {name: float(value) for name, value in table.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--held-out", type=int, nargs="+", required=True)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--per-condition", type=int, default=4)
    parser.add_argument("--conditions", nargs="*", help="by default all")
    parser.add_argument("--objects", type=int, default=60, help="scans of no head, for calibrate.py alone")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    network = load_network(arguments.model)
    heads, tiles = load_all(arguments.work, arguments.held_out), texture_tiles()
    names = arguments.conditions or [name for name in synthesis.CONDITIONS if name not in NOT_SCORED]
    everything: dict[str, list[dict[str, float]]] = {}
    for name in names:
        condition = fine(name)
        draws = range(arguments.per_condition)
        everything[name] = [
            scores(synthesis.draw(heads, tiles, (4242, crc32(name.encode()), n), condition), network) for n in draws
        ]
        show(name, summary(everything[name]), first=name == names[0])
    rows = [row for group in everything.values() for row in group]
    rng = np.random.default_rng(4242)
    everything["no_head"] = [no_head(rng, network) for _ in range(arguments.objects)]
    show("all", summary(rows), first=False)
    scored = {name: [row[name] for row in rows if name in row] for name in CLASSES if name != "air"}
    per_class = {name: np.mean(found) for name, found in scored.items() if found}
    print("\n".join(f"{name:<32}{value:6.3f}" for name, value in per_class.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1), "utf-8")


def show(name: str, table: dict[str, float], *, first: bool) -> None:
    """Print one row, and the headings before the first."""
    if first:
        print(f"{'condition':<18}" + "".join(f"{key:>15}" for key in table))
    print(f"{name:<18}" + "".join(f"{value:>15.3f}" for value in table.values()), flush=True)


if __name__ == "__main__":
    main()
