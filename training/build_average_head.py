"""Write what the fill ``reface`` paints: the average head as weights of few classes, from the bundled atlas alone.

    python training/build_average_head.py OUT_DIR

Writes ``average_head.npz`` and ``average_head.json``; OUT_DIR is ``src/efface/fill``. The same atlas gives the same
bytes. Averages have no fat and no lids; a layer of fat under the skin and in the orbits is drawn in, as in the phantom.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
from scipy import ndimage, special

from efface.atlas import load_atlas
from efface.grid import Grid
from efface.phantom import tissue

CLASSES = {
    "skin": ("skin",),
    "fat": ("fat",),
    "muscle": ("soft_tissue", "artery", "optic_nerve", "dura", "lens"),
    "bone": ("bone",),
    "marrow": ("marrow",),
    "fluid": ("csf", "ventricles", "eye"),
    "mucosa": ("nasal_cavity",),
}
"""Class -> tissues of the phantom's table; what is left is brain."""
PURE = {"muscle": ("soft_tissue", 0.9), "fluid": ("ventricles", 0.75), "grey": ("cerebral_grey_matter", 0.65),
        "white": ("cerebral_white_matter", 0.85)}  # fmt: skip
"""Class -> atlas tissue, and how probable it must be to be measured there."""
SKIN_MM, FAT_MM = 1.6, 5.0
LOW, HIGH = (-93.0, -84.0, -204.0), (93.0, 120.0, 60.0)
"""Corners of what can be painted, RAS+ mm of the atlas: the face and the ears with room, down to the neck."""
STEP_MM = 0.25
STEP = 15
"""Weights are kept in steps of 15/255: voxels of scans average several, and the file is half as large."""


def weights() -> tuple[np.ndarray, Grid]:
    """Return (classes, I, J, K) uint8 weights in 1/255 on the phantom's grid (the atlas, its neck continued)."""
    base, names = tissue._substrate(), list(tissue.SIGNAL)
    maps = np.zeros((len(names), len(base.at)), np.float32)
    maps[: len(base.weights)] = base.weights
    _part(maps, base, names)
    total = maps.sum(axis=0)
    out = np.zeros((len(CLASSES) + 1, *base.grid.shape), np.uint8)
    rest = 1 - maps[names.index("air")] / total
    for row, members in enumerate(CLASSES.values()):
        share = sum(maps[names.index(name)] for name in members) / total
        out[row].reshape(-1)[base.at] = _steps(share)
        rest -= share
    out[-1].reshape(-1)[base.at] = _steps(rest)
    return out, base.grid


def _steps(share: np.ndarray) -> np.ndarray:
    return (np.round(np.clip(share, 0, 1) * 255 / STEP) * STEP).astype(np.uint8)


def _part(maps: np.ndarray, base: tissue._Substrate, names: list[str]) -> None:
    """Part soft tissue by depth into skin, fat and muscle; fill the nasal cavity half with mucosa, half with air."""
    soft = maps[names.index("skin")] + maps[names.index("soft_tissue")]
    skin = special.expit((SKIN_MM - base.depth_mm) / 0.3)
    fat = (1 - skin) * np.maximum(special.expit((FAT_MM - base.depth_mm) / 0.5), base.orbit)
    for name, share in (("skin", skin), ("fat", fat), ("soft_tissue", 1 - skin - fat)):
        maps[names.index(name)] = soft * share
    cavity = maps[names.index("nasal_cavity")].copy()
    solid = special.expit((9 - base.depth_mm) / 1.0)
    maps[names.index("soft_tissue")] += cavity * solid
    maps[names.index("nasal_cavity")] = cavity * (1 - solid) * 0.55
    maps[names.index("air")] += cavity * (1 - solid) * 0.45


def depth(classes: np.ndarray, grid: Grid) -> tuple[np.ndarray, Grid]:
    """Return the signed depth below the skin, int8 in steps of ``STEP_MM``, on every second voxel."""
    solid = classes.sum(axis=0, dtype=np.int32) > 127
    wide = np.pad(solid, ((12, 12), (12, 12), (0, 12)), mode="constant")
    wide = np.pad(wide, ((0, 0), (0, 0), (12, 0)), mode="edge")
    closed = ndimage.binary_erosion(ndimage.binary_dilation(wide, iterations=8), iterations=8, border_value=1)
    head = np.stack([ndimage.binary_fill_holes(plane) for plane in np.moveaxis(closed, 2, 0)], axis=2)
    inside, outside = (ndimage.distance_transform_edt(m) * grid.spacing_mm[0] for m in (head, ~head))
    signed = ndimage.gaussian_filter(inside - outside, 1.0)[12:-12, 12:-12, 12:-12][::2, ::2, ::2]
    affine = grid.affine.copy()
    affine[:3, :3] *= 2
    return np.round(np.clip(signed / STEP_MM, -127, 127)).astype(np.int8), Grid(signed.shape, affine)


def pure() -> np.ndarray:
    """Return (I, J, K) uint8 on the atlas's grid: 1, 2, ... where one of ``PURE`` is nearly sure, 0 elsewhere."""
    from efface.atlas import load_probabilities

    atlas, maps = load_atlas(), load_probabilities()
    out = np.zeros(atlas.grid.shape, np.uint8)
    for value, (name, least) in enumerate(PURE.values(), start=1):
        out[maps[..., atlas.tissue_names.index(name)] >= 255 * least] = value
    return out


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """Serialise arrays to a compressed npz whose bytes depend on nothing but the arrays; quick to read."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def write(out: Path) -> None:
    """Write both files."""
    classes, grid = weights()
    signed, coarse = depth(classes, grid)
    corners = np.stack([grid.index(LOW), grid.index(HIGH)]).round().astype(int)
    low, high = np.clip(corners, 0, np.array(grid.shape) - 1)
    box = (slice(low[0], high[0] + 1), slice(low[1], high[1] + 1), slice(low[2], high[2] + 1))
    data = npz_bytes(weights=classes[:, box[0], box[1], box[2]], depth=signed, pure=pure())
    (out / "average_head.npz").write_bytes(data)
    description = {
        "classes": [*CLASSES, "brain"],
        "affine": grid.part(box).affine.tolist(),
        "depth": {"affine": coarse.affine.tolist(), "step_mm": STEP_MM},
        "pure": list(PURE),
        "atlas_sha256": load_atlas().sha256,
        "made_by": "training/build_average_head.py",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    (out / "average_head.json").write_text(json.dumps(description, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    write(parser.parse_args().out)
