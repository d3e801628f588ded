"""What a release of thousands of scans would meet: synthetic scans of people the network never saw, judged by truth.

    python benchmarks/held_out.py WORK --held-out 1 7 13 20 --scans 500 [--method KEY] [--seed 1] [--minutes N]
                                  [--json OUT.json]

``WORK`` holds what ``training/targets.py`` wrote. Conditions go round (thick slices, partial views, children, tumours,
artefacts, other contrasts ...), and every second scan is drawn with everything left to chance. Each is defaced and
verified like any file, then compared with what is known of it: was brain removed, and does any eye, nose, mouth or ear
still show? A false "verified" is the number that matters. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from time import monotonic

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parent.parent / "training"))
from wilson import wilson

import synthesis
from classes import BRAIN, VALUE
from efface.errors import VerificationError
from efface.grid import Grid
from efface.methods import DEFAULT
from efface.pipeline import deface_scan
from efface.scan import Scan, Source
from heads import load_all, texture_tiles

SPACING_MM = 1.5
SHAPE = (128, 160, 160)
SHOWN = ("left_eye", "right_eye", "nose", "mouth", "left_ear", "right_ear")
SKIN_MM = 4.0
"""What lies nearer to the air than this shows a feature."""
COLUMN_MM = 3.0
CLOSED_MM = 10.0
"""Openings up to twice this wide do not lead outside: where a view ends, it opens the nose from below."""
LEAST_ML = 0.3
"""A feature of which less is in view is not judged."""
LEAST_GONE = 0.9
"""Share of a feature's skin that must be gone; of an eye, of the ball's front half."""
NOT_FILES = ("any", "easy", "stripped", "defaced", "coarse_look", "blanked_lattice")
"""Conditions of training that leave no face to remove."""


def finer(name: str) -> str:
    """Make a condition at this benchmark's spacing; return its name. Nothing has been removed from the scan before."""
    given = synthesis.CONDITIONS[name]
    synthesis.CONDITIONS[f"{name}, finer"] = lambda recipe: replace(
        given(recipe), spacing_mm=SPACING_MM, shape=SHAPE, defacing="none"
    )
    return f"{name}, finer"


def judged(drawn: synthesis.Drawn, method: str) -> dict[str, object]:
    """Deface one scan and compare with the truth."""
    affine = np.diag([SPACING_MM] * 3 + [1.0])
    affine[:3, 3] = -SPACING_MM * np.array(drawn.image.shape) / 2
    stored = np.round(drawn.image * 1000).astype(np.int16)
    scan = Scan(stored, Grid(stored.shape, affine), 1.0, 0.0, Source("nifti", bytes(352)))
    try:
        result = deface_scan(scan, method=method)
    except VerificationError as error:
        return {"verified": False, "why": [type(error).__name__]}
    changed = result.plan.changed
    brain = brain_of(drawn.classes)
    gone = {name: value for name in SHOWN if (value := skin_gone(drawn.classes, name, changed)) is not None}
    return {
        "verified": result.verdict.passed,
        "why": [check.name for check in result.verdict.failed],
        "brain_voxels": int((changed & brain).sum()),
        "gone": gone,
        "face_left": [name for name, share in gone.items() if share < LEAST_GONE],
        "confidence": result.anatomy.confidence,
    }


def skin_gone(classes: np.ndarray, name: str, changed: np.ndarray) -> float | None:
    """Return the share of a feature's skin that changed; None where too little of it is in view."""
    part = classes == VALUE[name]
    if part.sum() * SPACING_MM**3 < 1000 * LEAST_ML:
        return None
    if name.endswith("eye"):
        skin = part & ahead(classes, middle(classes, (name,)))
    else:
        skin = part & ndimage.binary_dilation(outer_air(classes), iterations=round(SKIN_MM / SPACING_MM))
    if name in ("nose", "mouth"):
        skin &= foremost(classes)
    return float(changed[skin].mean()) if skin.any() else None


def brain_of(classes: np.ndarray) -> np.ndarray:
    """Return what lies inside the skull."""
    return np.isin(classes, [VALUE[name] for name in BRAIN])


def foremost(classes: np.ndarray) -> np.ndarray:
    """Return what a look from the front meets first, ``SKIN_MM`` deep: not the walls of nose and mouth.

    Behind the middles of the eyes no skin of nose or mouth is met; there a view that ends shows their insides.
    """
    head = classes != 0
    places, forward = np.argwhere(head) * SPACING_MM, facing(classes)
    across = np.linalg.svd(forward[None])[2][1:]
    column = np.rint((places @ across.T) / COLUMN_MM).astype(int)
    column -= column.min(axis=0)
    along = places @ forward
    front = np.full(column.max(axis=0) + 1, -np.inf)
    np.maximum.at(front, tuple(column.T), along)
    first = np.zeros(classes.shape, bool)
    first[head] = along > front[tuple(column.T)] - SKIN_MM
    eyes = middle(classes, ("left_eye", "right_eye"))
    return first if np.isnan(eyes).any() else first & ahead(classes, eyes)


def facing(classes: np.ndarray) -> np.ndarray:
    """Return where the face looks, a unit vector along the axes."""
    forward = middle(classes, ("left_eye", "right_eye", "nose")) - middle(classes, BRAIN)
    upward = middle(classes, BRAIN) - middle(classes, ("brainstem",))
    forward -= upward * (forward @ upward) / (upward @ upward)
    return np.asarray(forward / np.linalg.norm(forward))


def ahead(classes: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Return what lies before a point, mm along the axes, as the face looks."""
    steps = np.meshgrid(*(np.arange(n) * SPACING_MM for n in classes.shape), indexing="ij", sparse=True)
    return np.asarray(
        sum(step * part for step, part in zip(steps, facing(classes), strict=True)) > point @ facing(classes)
    )


def middle(classes: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return the middle of some classes, mm along the axes; NaN where there are none."""
    found = np.argwhere(np.isin(classes, [VALUE[name] for name in names]))
    return found.mean(axis=0) * SPACING_MM if len(found) else np.full(3, np.nan)


def outer_air(classes: np.ndarray) -> np.ndarray:
    """Return the air around the head, and none in what opens to it, be it a nostril or a nose cut by the view."""
    room = np.ceil(2 * CLOSED_MM / SPACING_MM).astype(int)
    head = np.pad(classes != 0, room)
    near = ndimage.distance_transform_edt(~head) * SPACING_MM <= CLOSED_MM
    closed = ndimage.distance_transform_edt(near) * SPACING_MM > CLOSED_MM
    parts, _ = ndimage.label(~(closed | head))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray((parts == sizes.argmax()) & (parts > 0))[(slice(room, -room),) * 3]


def say(what: str, count: int, total: int) -> None:
    """Print a count with its interval, and what it means for 3,000 scans."""
    low, high = wilson(count, total)
    means = f"{3000 * low:.0f} to {3000 * high:.0f} of 3,000"
    print(f"{what:<44}{count:>5} of {total:<5}{count / max(1, total):>8.1%}  [{low:.1%}, {high:.1%}]  {means}")


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--held-out", type=int, nargs="+", required=True)
    parser.add_argument("--scans", type=int, default=500)
    parser.add_argument("--method", default=DEFAULT)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=np.inf, help="draw no more scans after this time")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    heads, tiles = load_all(arguments.work, arguments.held_out), texture_tiles()
    names = [finer(name) for name in tuple(synthesis.CONDITIONS) if name not in NOT_FILES]
    chance = finer("any")
    rows, began = [], monotonic()
    for number in range(arguments.scans):
        if monotonic() - began > 60 * arguments.minutes:
            break
        condition = chance if number % 2 else names[number // 2 % len(names)]
        drawn = synthesis.draw(heads, tiles, (arguments.seed, number), condition)
        rows.append({"condition": condition, "head": drawn.head, **judged(drawn, arguments.method)})
        if rows[-1]["verified"] and (rows[-1]["brain_voxels"] or rows[-1]["face_left"]):
            print(f"falsely verified: {number} {rows[-1]}", flush=True)
    verified = [row for row in rows if row["verified"]]
    say("verified", len(verified), len(rows))
    say("verified, yet brain was removed", sum(row["brain_voxels"] > 0 for row in verified), len(verified))
    say("verified, yet a feature shows", sum(bool(row["face_left"]) for row in verified), len(verified))
    print("features that show:", dict(Counter(name for row in verified for name in row["face_left"])))
    print("refused by:", dict(Counter(name for row in rows for name in row["why"]).most_common()))
    for name in (*names, chance):
        group = [row for row in rows if row["condition"] == name]
        say(f"verified: {name.removesuffix(', finer')}", sum(bool(row["verified"]) for row in group), len(group))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
