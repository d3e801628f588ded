"""Turn whole-head label maps into what training reads: per head one compact file of tissues and classes.

    python training/targets.py LABEL_MAPS REGIONS_DIR WORK

``REGIONS_DIR`` is what ``carry_regions.py`` wrote. Every ``WORK/head_XX.npz`` holds, at 1 mm on the axes R, A, S and
cropped to the head with a margin:

- ``tissues`` (I, J, K) uint8, index into ``classes.TISSUES``: what gets one intensity;
- ``classes`` (I, J, K) uint8, value of ``classes.CLASSES``: what the network must answer;
- ``regions`` (I, J, K) uint8, the atlas's regions carried to this head, reaching through the air in front;
- ``depth`` (I, J, K) uint8, depth below the skin in half millimetres, up to 60 mm; 0 in the air;
- ``atlas_to_index`` (4, 4) float64, the atlas's world (RAS+ mm) to voxel indices, fitted to brain structures;
- ``cut`` (3, 2) bool, whether the head was cut off there: the lower and the upper end of every axis.

The files are real people's anatomy: keep them out of the project.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

import regions as atlas_regions
from classes import CLASS_OF_LABEL, CLASSES, TISSUES, VALUE
from head_landmarks import in_view_ends, place
from label_maps import read_tissues

MARGIN = 14
"""Voxels of air kept around the head, for hair and markers."""
EAR_BALL_MM = 16.0
"""An auricle is what a ball of this radius, rolled inside the head, does not reach."""
EAR_MIN_MM3 = 300
EAR_PIECE = 0.15
"""Pieces smaller than this share of the largest are skin folds."""


def read_labels(path: Path) -> np.ndarray:
    """Read a label map as (I, J, K) int16, axes R, A, S."""
    return np.asanyarray(nib.as_closest_canonical(nib.load(path)).dataobj).astype(np.int16)


def lookup(table: dict[int, int]) -> np.ndarray:
    """Return an array that maps a label to its value; unknown labels to 255."""
    values = np.full(max(table) + 1, 255, np.uint8)
    for label, value in table.items():
        values[label] = value
    return values


def tissues_of(labels: np.ndarray) -> np.ndarray:
    """Return index into ``TISSUES`` of every voxel."""
    table = {label: value for value, group in enumerate(TISSUES.values()) for label in group}
    return lookup(table)[labels]


def classes_of(labels: np.ndarray, inside: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Return the class of every voxel.

    Parameters
    ----------
    labels : (I, J, K) int16 FreeSurfer and extra-cerebral labels
    inside : (I, J, K) bool, inside of the skull
    regions : (I, J, K) uint8, the atlas's regions on this head
    """
    classes = lookup({0: 0, **{label: VALUE[name] for label, name in CLASS_OF_LABEL.items()}})[labels]
    eyes = split_eyes(labels == 506)
    classes[eyes > 0] = eyes[eyes > 0]
    classes[(classes == VALUE["csf_and_dura"]) & ~inside] = VALUE["soft_tissue"]
    outer = np.isin(classes, [VALUE["soft_tissue"], VALUE["skull"]]) & ~inside
    for name in ("nose", "mouth", "chin"):
        classes[outer & (regions == atlas_regions.VALUE[name])] = VALUE[name]
    for name, ear in ears(labels > 0, regions).items():
        classes[ear & np.isin(classes, [VALUE["soft_tissue"], VALUE["skull"]])] = VALUE[name]
    return classes


def split_eyes(eyes: np.ndarray) -> np.ndarray:
    """Return the class of eyeball voxels, left and right of the plane between their centroids."""
    x = np.nonzero(eyes)[0]
    middle = x.mean()
    middle = (x[x < middle].mean() + x[x >= middle].mean()) / 2
    left = np.arange(eyes.shape[0])[:, None, None] < middle
    return np.where(eyes, np.where(left, VALUE["left_eye"], VALUE["right_eye"]), 0).astype(np.uint8)


def ears(head: np.ndarray, regions: np.ndarray) -> dict[str, np.ndarray]:
    """Return both auricles: what sticks out of the smooth head within the atlas's ear regions."""
    solid = ndimage.binary_fill_holes(ndimage.binary_closing(head, iterations=2))
    smooth = opened(solid, EAR_BALL_MM)
    out = {}
    for name in ("left_ear", "right_ear"):
        room = ndimage.binary_dilation(regions == atlas_regions.VALUE[name], iterations=4)
        pieces, _ = ndimage.label(ndimage.binary_opening(head & ~smooth & room))
        sizes = np.bincount(pieces.ravel(), minlength=2)
        sizes[0] = 0
        ear = (sizes > EAR_PIECE * sizes.max())[pieces]
        ear = ndimage.binary_dilation(ear, iterations=2) & head & room
        out[name] = ear if ear.sum() >= EAR_MIN_MM3 else np.zeros(head.shape, bool)
    return out


def opened(solid: np.ndarray, radius_mm: float) -> np.ndarray:
    """Open a 1 mm mask with a ball, by distances; the neck goes on below the lowest plane of the mask."""
    pad = int(radius_mm) + 2
    lowest = int(np.flatnonzero(solid.any(axis=(0, 1)))[0])
    wide = np.pad(solid[:, :, lowest:], ((0, 0), (0, 0), (pad, 0)), mode="edge")
    core = ndimage.distance_transform_edt(wide) > radius_mm
    reach = np.zeros_like(solid)
    reach[:, :, lowest:] = (ndimage.distance_transform_edt(~core) <= radius_mm)[:, :, pad:]
    return reach


def depth_of(head: np.ndarray) -> np.ndarray:
    """Return depth below the skin, half millimetres; air inside the head counts as head."""
    solid = ndimage.binary_fill_holes(ndimage.binary_closing(head, iterations=2))
    lowest = int(np.flatnonzero(solid.any(axis=(0, 1)))[0])
    solid[:, :, : lowest + 1] = solid[:, :, lowest : lowest + 1]
    depth = ndimage.distance_transform_edt(np.pad(solid, ((0, 0), (0, 0), (30, 0)), mode="edge"))[:, :, 30:]
    return np.where(head, np.clip(2 * depth, 1, 120), 0).astype(np.uint8)


def prepare(path: Path, regions_file: Path, out: Path) -> np.ndarray:
    """Write one head's file; return the number of voxels per class."""
    labels = read_labels(path)
    coarse, affine = read_tissues(path)
    with np.load(regions_file) as stored:
        regions = stored["regions"]
    inside = atlas_regions.inside_skull(coarse, 1.0)
    classes = classes_of(labels, inside, regions)
    head = labels > 0
    cut = in_view_ends(head)
    box = bounding_box(head)
    start = np.array([part.start for part in box])
    atlas_to_index = np.linalg.inv(affine) @ place(coarse, affine)
    atlas_to_index[:3, 3] -= start
    np.savez_compressed(
        out, tissues=tissues_of(labels)[box], classes=classes[box], regions=regions[box], depth=depth_of(head)[box],
        atlas_to_index=atlas_to_index, cut=cut,
    )  # fmt: skip
    return np.bincount(classes.ravel(), minlength=len(CLASSES))


def bounding_box(head: np.ndarray) -> tuple[slice, ...]:
    """Return slices around the head with a margin."""
    box = []
    for axis in range(3):
        where = np.flatnonzero(head.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(max(0, int(where[0]) - MARGIN), min(head.shape[axis], int(where[-1]) + MARGIN + 1)))
    return tuple(box)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("label_maps", type=Path)
    parser.add_argument("regions", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--heads", type=int, nargs="*", default=list(range(1, 21)))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for number in arguments.heads:
        name = f"{number:02d}"
        counts = prepare(
            arguments.label_maps / f"head_{name}.nii.gz",
            arguments.regions / f"regions_{name}.npz",
            arguments.work / f"head_{name}.npz",
        )
        print(name, dict(zip(CLASSES, counts.tolist(), strict=True)), flush=True)
