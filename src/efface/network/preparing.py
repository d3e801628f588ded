"""What the network is shown: a scan on an isotropic RAS+ grid, its intensities between 0 and about 1.

Training and inference both go through here, so that they cannot drift apart. Nothing in this file needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from efface.grid import Grid
from efface.spatial.resample import on_ras_grid

Volume = NDArray[np.float32]

SPACING_MM = 2.0
"""Spacing of the network's grid."""
COARSE_SPACING_MM = 3.2
"""Spacing of a first, cheaper look: 256 mm are 80 voxels then. The network has been trained at 2.6 to 3.3 mm too."""
MULTIPLE = 16
"""The network halves its grid four times, so every side must be a multiple of this, voxels."""
FLOOR_PERCENTILE = 1.0
"""Background: this percentile of all kept voxels becomes 0."""
HEAD_SHARE = 0.12
"""Voxels above this share of the range from the floor to the brightest are taken to be head."""
BRIGHTEST_PERCENTILE = 99.8
TOP_PERCENTILE = 98.0
"""This percentile of head voxels becomes 1."""
CEILING = 1.6
"""Brighter values are cut off here: vessels, fat and artefacts carry no anatomy."""
SAMPLES = 200_000
"""Percentiles are taken from about this many voxels, evenly spaced."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A scan as the network sees it."""

    image: Volume = field(repr=False)
    """(X, Y, Z) float32 array, 0 background, about 1 the brightest tissue; sides are multiples of ``MULTIPLE``."""
    grid: Grid
    """Where its voxels lie; padding is included."""
    view: tuple[slice, slice, slice]
    """The part of ``image`` that is not padding."""


def prepare(values: NDArray[np.float32], grid: Grid, spacing_mm: float = SPACING_MM) -> Prepared:
    """Bring a scan onto the network's grid.

    Parameters
    ----------
    values : (I, J, K) float32 array, finite, any units
    grid : where its voxels lie
    spacing_mm : ``SPACING_MM``, or ``COARSE_SPACING_MM`` for a first look

    Returns
    -------
    prepared : normalised image with RAS+ axes, padded
    """
    volume, ras = on_ras_grid(values, grid, spacing_mm)
    return padded(normalised(volume), ras)


def normalised(volume: Volume, kept: NDArray[np.bool_] | None = None) -> Volume:
    """Map background to 0 and bright tissue to 1, by percentiles.

    Parameters
    ----------
    volume : (X, Y, Z) float32 array
    kept : (X, Y, Z) bool array; voxels that are not kept count for nothing and become 0

    Returns
    -------
    image : (X, Y, Z) float32 array between 0 and ``CEILING``
    """
    sample = volume.ravel() if kept is None else volume[kept]
    sample = sample[:: max(1, len(sample) // SAMPLES)]
    if len(sample) == 0:
        return np.zeros_like(volume)
    floor, brightest = np.percentile(sample, (FLOOR_PERCENTILE, BRIGHTEST_PERCENTILE))
    head = sample[sample > floor + HEAD_SHARE * (brightest - floor)]
    top = np.percentile(head, TOP_PERCENTILE) if len(head) else brightest
    image: Volume = (volume - np.float32(floor)) * np.float32(1 / max(top - floor, 1e-12))
    np.clip(image, 0, CEILING, out=image)
    if kept is not None:
        image[~kept] = 0
    return image


def box_around(shown: NDArray[np.bool_], margin: int) -> tuple[slice, slice, slice]:
    """Return the box around what is shown, with room, its sides multiples of ``MULTIPLE`` where the volume allows.

    Parameters
    ----------
    shown : (X, Y, Z) bool array; the whole volume is returned where nothing is shown
    margin : least room on every side, voxels
    """
    box = []
    for axis, n in enumerate(shown.shape):
        filled = np.flatnonzero(shown.any(axis=tuple(other for other in range(3) if other != axis)))
        first, last = (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, n)
        length = min(n, -(-(last - first + 2 * margin) // MULTIPLE) * MULTIPLE)
        start = min(max(0, (first + last - length) // 2), n - length)
        box.append(slice(start, start + length))
    return (box[0], box[1], box[2])


def padded(image: Volume, grid: Grid) -> Prepared:
    """Pad with background, evenly on both sides, to sides that the network accepts."""
    after = [-n % MULTIPLE for n in image.shape]
    before = [n // 2 for n in after]
    view = tuple(slice(b, b + n) for b, n in zip(before, image.shape, strict=True))
    wide = np.pad(image, [(b, a - b) for a, b in zip(after, before, strict=True)])
    affine = grid.affine.copy()
    affine[:3, 3] = grid.ras([-b for b in before])
    return Prepared(np.ascontiguousarray(wide, np.float32), Grid(wide.shape, affine), (view[0], view[1], view[2]))
