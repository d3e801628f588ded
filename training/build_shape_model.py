"""Find how heads differ in shape: principal modes of the deformations that ``build_average.py`` left.

    python training/build_shape_model.py WORK_DIR OUT_DIR [--heads 2 5 ...]

Every head is laid on the atlas by its brain: turned and moved, and its brain's width, length and height scaled away.
What then remains, and its mirror image, is a deformation of the atlas; its symmetric and antisymmetric parts have
principal modes of their own. ``shape_model.npz`` (modes, in steps) and ``shape_model.json`` (spread of the scales,
sha256) are written. Modes are scaled to the spread over all heads: no person's coefficients are kept. The same inputs
give the same bytes. `nobody.py` shows that what is drawn from them is none of the people.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.linalg import polar

from efface.atlas import load_atlas
from efface.phantom.shape_model import KNOT_MM, mirrored
from efface.phantom.tissue import NECK_CUT, NECK_DOWN
from label_maps import COMPLETE_HEADS
from stable_npz import npz_bytes

LOG = logging.getLogger("build_shape_model")

EVERY = 5
"""Knots lie on every fifth voxel of the atlas's grid, from ``FIRST`` on: symmetric about x = 0."""
FIRST = np.array([2, 0, 0])
SMOOTH_MM = 3.0
"""Warps are smoothed before they are sampled at the knots."""
ABOVE_CUT_MM = 8.0
"""Necks are cut off at various heights, which spoils warps nearby: from here down the deformation is constant."""
FACE_WEIGHT = 4.0
"""How much more a knot in the face counts than one elsewhere in the head."""
SYMMETRIC, ANTISYMMETRIC = 9, 8
"""How many modes are kept; the rest is in good part what single people alone have, and stays out."""


def knots() -> tuple[np.ndarray, np.ndarray]:
    """Return the knots as voxel indices and as atlas points (RAS+ mm), each (I, J, K, 3)."""
    grid = load_atlas().grid
    axes = [np.arange(first, n, EVERY) for first, n in zip(FIRST, grid.shape, strict=True)]
    axes[0] = axes[0][axes[0] < grid.shape[0] - FIRST[0]]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return index, grid.ras(index)


def read_warp(work: Path, head: int) -> np.ndarray:
    """Return one head's displacement after the affine part was taken out, (3, I, J, K) RAS mm, smoothed."""
    field = np.load(work / f"warp_{head:02d}.npy") * np.array([-1, -1, 1], np.float32)
    sigma = SMOOTH_MM / load_atlas().grid.spacing_mm[0]
    return np.stack([ndimage.gaussian_filter(field[..., axis], sigma, mode="nearest") for axis in range(3)])


def carry(places: np.ndarray, warp: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Carry (..., 3) atlas points to a head, RAS+ mm."""
    index = np.moveaxis(load_atlas().grid.index(places), -1, 0)
    shift = [ndimage.map_coordinates(part, index, order=1, mode="nearest") for part in warp]
    return (places + np.stack(shift, axis=-1)) @ matrix[:3, :3].T + matrix[:3, 3]


def lay_on_atlas(warp: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find how a head's brain lies: its turn (3, 3), its centre (3,) and its three scales against the atlas."""
    atlas = load_atlas()
    brain = atlas.grid.ras(np.argwhere(atlas.regions == atlas.region("brain"))[::97])
    middle = brain.mean(axis=0)
    carried = carry(brain, warp, matrix)
    linear = np.linalg.lstsq(brain - middle, carried - carried.mean(axis=0), rcond=None)[0].T
    turn, stretch = polar(linear)
    return turn, carried.mean(axis=0), np.diag(stretch)


def deformations(work: Path, heads: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return all heads' deformations at the knots and the logarithms of their scales.

    Returns
    -------
    shifts : (heads, I, J, K, 3) mm
    log_scales : (heads, 3)
    """
    _, places = knots()
    beyond = np.maximum((places - NECK_CUT) @ NECK_DOWN + ABOVE_CUT_MM, 0)
    sources = places - beyond[..., None] * NECK_DOWN
    affines = np.load(work / "affines.npy")
    atlas = load_atlas()
    middle = atlas.grid.ras(np.argwhere(atlas.regions == atlas.region("brain"))).mean(axis=0)
    shifts, log_scales = [], []
    for head, matrix in zip(heads, affines, strict=True):
        warp = read_warp(work, head)
        turn, centre, scales = lay_on_atlas(warp, matrix)
        laid = (carry(sources, warp, matrix) - centre) @ turn / scales + middle
        shifts.append(laid - sources)
        log_scales.append(np.log(scales))
    return np.array(shifts), np.array(log_scales)


def weights() -> np.ndarray:
    """Return what each knot counts, (I, J, K): the head, above all its face."""
    index, _ = knots()
    atlas, at = load_atlas(), tuple(np.moveaxis(index, -1, 0))
    inside = atlas.tissues[at] > 0
    brain = atlas.regions[at] == atlas.region("brain")
    return np.where(inside, np.where((atlas.regions[at] > 0) & ~brain, FACE_WEIGHT, 1.0), 0.0)


def modes_of(samples: np.ndarray, weight: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Find principal modes, each as large as its standard deviation.

    Parameters
    ----------
    samples : (people, I, J, K, 3) deformations, mm
    weight : (I, J, K)
    count : how many to keep

    Returns
    -------
    modes : (count, I, J, K, 3) mm
    kept : the kept share of the weighted variance
    """
    flat = (samples * np.sqrt(weight)[..., None]).reshape(len(samples), -1)
    left, values, _ = np.linalg.svd(flat, full_matrices=False)
    modes = np.tensordot(left[:, :count].T, samples, axes=1) / np.sqrt(len(samples) - 1)
    largest = [part.reshape(-1)[np.abs(part).argmax()] for part in modes]
    modes *= np.sign(largest).reshape(-1, 1, 1, 1, 1)
    return modes, float((values[:count] ** 2).sum() / (values**2).sum())


def build(work: Path, heads: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, dict[str, object]]:
    """Return symmetric and antisymmetric modes, (modes, I, J, K, 3) mm, and the description."""
    shifts, log_scales = deformations(work, heads)
    twins = mirrored(shifts)
    mean = (shifts + twins).mean(axis=0) / 2
    symmetric, kept = modes_of((shifts + twins) / 2 - mean, weights(), SYMMETRIC)
    antisymmetric, kept_anti = modes_of((shifts - twins) / 2, weights(), ANTISYMMETRIC)
    origin = knots()[1][0, 0, 0]
    description = {
        "origin": np.round(origin, 3).tolist(),
        "knot_mm": KNOT_MM,
        "log_scale_covariance": np.round(np.cov(log_scales.T), 5).tolist(),
        "people": len(heads),
        "variance_kept": {"symmetric": round(kept, 3), "antisymmetric": round(kept_anti, 3)},
        "made_by": "training/build_shape_model.py",
        "from": "SynthSeg training label maps (Billot et al. 2023), Apache-2.0; no coefficients of people",
    }
    return symmetric, antisymmetric, description


def quantised(modes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the half at x >= 0 as int8, (modes, 3, I/2, J, K), and each mode's step in mm."""
    half = np.moveaxis(modes, -1, 1)[:, :, modes.shape[1] // 2 :]
    steps = np.abs(half).max(axis=(1, 2, 3, 4)) / 127
    return np.rint(half / steps.reshape(-1, 1, 1, 1, 1)).astype(np.int8), steps.astype(np.float32)


def write(work: Path, out: Path, heads: tuple[int, ...]) -> None:
    """Build the model and write both files."""
    symmetric, antisymmetric, description = build(work, heads)
    (even, even_mm), (odd, odd_mm) = quantised(symmetric), quantised(antisymmetric)
    data = npz_bytes(symmetric=even, symmetric_mm=even_mm, antisymmetric=odd, antisymmetric_mm=odd_mm)
    description["sha256"] = hashlib.sha256(data).hexdigest()
    out.mkdir(parents=True, exist_ok=True)
    (out / "shape_model.npz").write_bytes(data)
    (out / "shape_model.json").write_text(json.dumps(description, indent=1) + "\n", "utf-8")
    LOG.info("%.2f MB, %s", len(data) / 1e6, description)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="where build_average.py left affines and warps")
    parser.add_argument("out", type=Path)
    parser.add_argument("--heads", type=int, nargs="*", default=list(COMPLETE_HEADS))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    write(arguments.work, arguments.out, tuple(arguments.heads))
