"""Voxels of a scan as places on the average head, and what they measure there."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.fill.kept import Mask, Volume
from efface.grid import FloatArray, Grid

FINEST_MM = 1.6
"""Voxels longer than this are averages of several samples, so that thick slices look thick."""


@dataclass(frozen=True, eq=False)
class Spots:
    """Where some voxels of a scan lie on a grid of the average head."""

    centres: NDArray[np.float32] = field(repr=False)
    """(3, n) indices on that grid, between its voxels."""
    steps: NDArray[np.float32]
    """(m, 3) from a centre to the samples of which a voxel is the mean, in that grid's voxels."""

    def measure(self, volume: Volume) -> Volume:
        """Return the mean over each voxel's box, (n,) float32 array; beyond the volume its edge goes on."""
        total = np.zeros(self.centres.shape[1], np.float32)
        for step in self.steps:
            total += sampled(volume, self.centres + step[:, None])
        return np.asarray(total / np.float32(len(self.steps)))

    def only(self, which: Mask) -> Spots:
        """Return some of them; (n,) bool array."""
        return Spots(self.centres[:, which], self.steps)


def spots(where: Mask, grid: Grid, average: Grid, atlas_to_scan: FloatArray) -> Spots:
    """Find where the voxels of a mask, in C order, lie on the average head.

    Parameters
    ----------
    where : (I, J, K) bool array
    grid : where its voxels lie, RAS+ mm of the scan
    average : the average head's grid, RAS+ mm of the atlas
    atlas_to_scan : (4, 4) matrix
    """
    matrix = np.asarray(np.linalg.inv(average.affine) @ np.linalg.inv(atlas_to_scan) @ grid.affine)
    centres = carried(matrix, _index(where))
    parts = np.maximum(np.ceil(grid.spacing_mm / FINEST_MM - 1e-6), 1).astype(int)
    within = (np.array(list(product(*map(range, parts)))) + 0.5) / parts - 0.5
    return Spots(centres, np.asarray(within @ matrix[:3, :3].T, np.float32))


def _index(where: Mask) -> NDArray[np.float32]:
    """Return (3, n) indices of a mask's voxels in C order; `numpy.nonzero` would take four times the memory."""
    at = np.flatnonzero(where)
    index, step = np.empty((3, len(at)), np.float32), where.size
    for axis, length in enumerate(where.shape):
        step //= length
        index[axis] = at // step % length
    return index


def carried(matrix: FloatArray, index: NDArray[np.float32]) -> NDArray[np.float32]:
    """Carry (3, n) indices of one grid to another's; added up in one order, whatever a matrix library would do."""
    moved = np.empty_like(index)
    for row, to in zip(matrix[:3].astype(np.float32), moved, strict=True):
        np.multiply(index[0], row[0], out=to)
        to += index[1] * row[1]
        to += index[2] * row[2]
        to += row[3]
    return moved


def sampled(volume: Volume, index: NDArray[np.float32]) -> Volume:
    """Return a volume's values at (3, n) indices, linearly; beyond the volume its edge goes on."""
    return np.asarray(ndimage.map_coordinates(volume, index, output=np.float32, order=1, mode="nearest"))
