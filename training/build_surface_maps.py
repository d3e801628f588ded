"""Measure where the skin of people lies once their brains are laid on one another: what the audit compares a head with.

    python training/build_surface_maps.py OUT_DIR [--people 160] [--seed 2]        after build_envelope.py

Synthetic people are drawn as for the envelope. For each size of the brain and each column of the atlas, seen from the
front and from the side, ``surface_maps.npz`` holds how far the skin of the median person reaches, and which columns
most people's auricles cover. Left and right are measured together. The same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from pathlib import Path

import numpy as np
from scipy import ndimage

from build_envelope import (
    ADULT_LEAST,
    ADULT_SPREAD,
    BALL_MM,
    CHILDREN,
    EARS,
    SIZES,
    WORK_MM,
    Template,
    ball_opened,
    carried,
    filled_head,
    template,
    work_grid,
)  # fmt: skip
from efface.atlas import load_atlas
from efface.phantom.shape import draw_shape
from stable_npz import npz_bytes

LOG = logging.getLogger("build_surface_maps")

STEP_MM = 0.25
"""Depths are kept in steps of this, as int16."""
NONE = -32768
"""Where fewer than half of the people have any head."""
USUAL = 0.5
"""Share of people whose auricle covers a column of an ear."""


def surface_template() -> Template:
    """Return the envelope's template, but what is carried is the whole skin, and the auricles."""
    base, atlas = template(), load_atlas()
    head = filled_head(atlas.tissues > 0)
    skin = head & ~ndimage.binary_erosion(head, border_value=1)
    out = head & ~ball_opened(head, BALL_MM / float(atlas.grid.spacing_mm[0]))
    parts = {"skin": atlas.grid.ras(np.argwhere(skin)[::2])}
    for name in EARS:
        parts[name] = atlas.grid.ras(np.argwhere(out & (atlas.regions == atlas.region(name))))
    return Template(base.model, base.structures, base.surface, parts)


def depth_map(points: np.ndarray, axis: int) -> np.ndarray:
    """Return how far (N, 3) points reach along an axis in each column of the work grid, mm; NaN where there are none.

    Small gaps between points take the farthest neighbour.
    """
    grid = work_grid()
    index = np.rint(grid.index(points)).astype(int)
    inside = ((index >= 0) & (index < grid.shape)).all(axis=1)
    columns = tuple(np.delete(index[inside], axis, axis=1).T)
    reach = np.full(np.delete(grid.shape, axis), -np.inf)
    np.maximum.at(reach, columns, points[inside][:, axis])
    near = ndimage.maximum_filter(reach, 3)
    holes = ~np.isfinite(reach) & ndimage.binary_closing(np.isfinite(reach), iterations=2)
    reach[holes] = near[holes]
    return np.where(np.isfinite(reach), reach, np.nan)


def auricles(points: np.ndarray) -> np.ndarray:
    """Return the columns (y, z) of the work grid that (N, 3) points of an ear cover, gaps closed."""
    return ndimage.binary_closing(np.isfinite(depth_map(points, 0)), iterations=1)


def measured(people: int, seed: int) -> list[dict[str, list[np.ndarray]]]:
    """Return each class's maps of every person: ``front`` (x, z), ``side`` and ``auricle`` (y, z)."""
    base, rng = surface_template(), np.random.default_rng(seed)
    classes: list[dict[str, list[np.ndarray]]] = [{"front": [], "side": [], "auricle": []} for _ in SIZES]
    for number in range(people):
        child = rng.random() < CHILDREN
        size = float(rng.uniform(0.62, 1.0)) if child else float(rng.uniform(1.0, 1.06))
        parts, brain = carried(draw_shape(100_000 * seed + number, size, (0.0, 0.0, 0.0)), base, rng)
        brain *= 1.0 if child else max(ADULT_LEAST, float(rng.normal(1.0, ADULT_SPREAD))) / size
        chosen = classes[int(np.searchsorted(SIZES, brain, side="right")) - 1]
        front = depth_map(parts["skin"], 1)
        chosen["front"] += [front, front[::-1]]
        for name, sign in (("left_ear", -1.0), ("right_ear", 1.0)):
            chosen["side"].append(depth_map(parts["skin"] * [sign, 1, 1], 0))
            chosen["auricle"].append(auricles(parts[name] * [sign, 1, 1]))
        if number % 20 == 0:
            LOG.info("%d people, %s by size of brain", number + 1, [len(each["side"]) // 2 for each in classes])
    return classes


def steps(maps: list[np.ndarray]) -> np.ndarray:
    """Return the median of some maps in steps, `NONE` where few have any head."""
    stacked = np.stack(maps)
    some = np.isfinite(stacked).mean(axis=0) >= 0.5
    stacked[:, ~some] = 0
    return np.where(some, np.rint(np.nanmedian(stacked, axis=0) / STEP_MM), NONE).astype(np.int16)


def write(out: Path, people: int, seed: int) -> None:
    """Measure, and write the maps with their description."""
    found = measured(people, seed)
    arrays = {name: np.stack([steps(each[name]) for each in found]) for name in ("front", "side")}
    arrays["auricle"] = np.stack([np.mean(each["auricle"], axis=0) >= USUAL for each in found])
    data = npz_bytes(**arrays)
    (out / "surface_maps.npz").write_bytes(data)
    described = {
        "spacing_mm": WORK_MM, "origin_mm": work_grid().affine[:3, 3].tolist(), "step_mm": STEP_MM, "none": NONE,
        "people": people, "seed": seed, "made_by": "training/build_surface_maps.py",
        "atlas_sha256": load_atlas().sha256, "sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    (out / "surface_maps.json").write_text(json.dumps(described, indent=1) + "\n", "utf-8")
    LOG.info("%.0f kB", len(data) / 1e3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="src/efface/auditing")
    parser.add_argument("--people", type=int, default=160)
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    write(arguments.out, arguments.people, arguments.seed)
