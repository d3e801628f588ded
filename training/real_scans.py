"""Scans of the user's own with known labels, shown to the network beside the synthetic ones.

A folder holds pairs: ``NAME.nii.gz``, any scan, and ``NAME_labels.nii.gz`` on the same grid, with the values of
``classes.CLASSES``. Two more values say less: ``UNKNOWN`` nothing at all, ``INSIDE`` somewhere inside the skull. So a
scan with nothing but a brain mask teaches too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from classes import CLASSES, MIRROR
from efface.grid import Grid
from efface.io import read_scan
from efface.network.preparing import COARSE_SPACING_MM, SPACING_MM, normalised
from efface.spatial.resample import coarsen, resample
from recipe import COARSE_SHAPES, SHAPES

UNKNOWN, INSIDE = 255, 254
"""Label values beside those of ``CLASSES``."""
LABELS = "_labels.nii.gz"
TURN_DEG = 12.0


@dataclass(frozen=True, eq=False)
class RealScan:
    """One scan and what is known of it."""

    values: np.ndarray = field(repr=False)
    """(I, J, K) float32 array, any units."""
    labels: np.ndarray = field(repr=False)
    """(I, J, K) uint8 array of classes, ``UNKNOWN`` or ``INSIDE``."""
    grid: Grid
    """Where both lie."""


def load_real(folder: Path) -> list[RealScan]:
    """Read every pair of a folder.

    Raises
    ------
    ValueError
        There is none, or a label file holds values that mean nothing.
    """
    files = sorted(folder.glob(f"*{LABELS}"))
    if not files:
        message = f"{folder} holds no *{LABELS}; name every scan's labels so, beside the scan"
        raise ValueError(message)
    return [_pair(path) for path in files]


def _pair(labels_file: Path) -> RealScan:
    """Read a scan and its labels."""
    file = labels_file.with_name(labels_file.name.removesuffix(LABELS) + ".nii.gz")
    scan, labelled = read_scan(file), read_scan(labels_file)
    scan.grid.check_same(labelled.grid, labels_file.name)
    labels = labelled.intensities()
    strange = sorted(set(np.unique(labels).tolist()) - {*range(len(CLASSES)), UNKNOWN, INSIDE})
    if strange:
        message = f"{labels_file.name} holds {strange[:5]}; labels are 0 to {len(CLASSES) - 1}, {INSIDE} or {UNKNOWN}"
        raise ValueError(message)
    return RealScan(scan.intensities(), labels.astype(np.uint8), scan.grid)


def draw_real(scans: list[RealScan], rng: np.random.Generator, coarse_odds: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scan as the network is shown it: turned a little, shifted, mirrored or not, its contrast bent.

    Returns
    -------
    image : (X, Y, Z) float32 array
    labels : (X, Y, Z) uint8 array; what the scan does not show is unknown
    """
    scan = scans[rng.integers(len(scans))]
    coarse = bool(rng.random() < coarse_odds)
    shapes = COARSE_SHAPES if coarse else SHAPES
    grid = _view(scan.grid, shapes[rng.integers(len(shapes))], COARSE_SPACING_MM if coarse else SPACING_MM, rng)
    values, blocks = coarsen(scan.values, scan.grid, float(grid.spacing_mm[0]))
    image = normalised(resample(values, blocks, grid, outside=float(values.min())))
    labels = resample(scan.labels, scan.grid, grid, order=0, outside=UNKNOWN)
    image = image ** np.float32(np.exp(rng.normal(0, 0.25)))
    if rng.random() < 0.5:
        mirror = np.arange(256, dtype=np.uint8)
        mirror[: len(MIRROR)] = MIRROR
        image, labels = image[::-1], mirror[labels[::-1]]
    return image.astype(np.float32), labels


def _view(grid: Grid, shape: tuple[int, int, int], spacing_mm: float, rng: np.random.Generator) -> Grid:
    """Return a turned grid of a given size around the middle of a scan."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", rng.normal(0, TURN_DEG, 3), degrees=True).as_matrix() * spacing_mm
    middle = grid.ras((np.array(grid.shape) - 1) / 2) + rng.normal(0, 8.0, 3)
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)
