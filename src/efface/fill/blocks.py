"""Means over blocks of kept voxels, made without ever holding the whole scan in floats."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from efface.fill.kept import Kept, Mask, Slices, Volume
from efface.grid import Grid
from efface.spatial.mask import Box


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks of voxels of one scan."""

    members: tuple[Slices, ...]
    """Voxels of all blocks: the first of each, then the next, and so on."""
    grid: Grid
    """Where the blocks lie, RAS+ mm."""

    def share(self, known: Mask) -> Volume:
        """Return which share of each block is known, (X, Y, Z) float32 array."""
        total = known[self.members[0]].astype(np.float32)
        for member in self.members[1:]:
            total += known[member]
        total /= np.float32(len(self.members))
        return total

    def mean(self, kept: Kept, known: Mask, *, ceiling: float = np.inf, volume: int | None = None) -> Volume:
        """Return the mean brightness of blocks; what is not known counts as 0.

        Parameters
        ----------
        kept : what is kept of the scan
        known : (I, J, K) bool array
        ceiling : what is brighter counts as this bright
        volume : see `Kept.brightness`
        """
        total = _part(self.members[0], kept, known, ceiling, volume)
        for member in self.members[1:]:
            total += _part(member, kept, known, ceiling, volume)
        return np.asarray(total / np.float32(len(self.members)))


def _part(member: Slices, kept: Kept, known: Mask, ceiling: float, volume: int | None) -> Volume:
    values = kept.brightness(member, volume)
    if np.isfinite(ceiling):
        values = np.minimum(values, np.float32(ceiling))
    return np.asarray(values * known[member])


def blocks_of(grid: Grid, box: Box, longest_mm: float) -> Blocks:
    """Part a box into blocks; left-over voxels at its ends are dropped.

    Parameters
    ----------
    grid : the scan's grid
    box : its slices have a start and a stop
    longest_mm : longest edge of a block, unless a voxel is longer

    Returns
    -------
    blocks : every second voxel of them, as on a chessboard, where they are larger than one voxel along two axes
    """
    part = grid.part(box)
    sizes = [max(1, min(int(longest_mm / s + 0.1), n)) for s, n in zip(part.spacing_mm, part.shape, strict=True)]
    shape = (part.shape[0] // sizes[0], part.shape[1] // sizes[1], part.shape[2] // sizes[2])
    shifts = list(product(*map(range, sizes)))
    if sum(size > 1 for size in sizes) > 1:
        shifts = [shift for shift in shifts if sum(shift) % 2 == 0]
    affine = part.affine.copy()
    affine[:3, :3] = part.affine[:3, :3] * sizes
    affine[:3, 3] = part.ras((np.array(sizes) - 1) / 2)
    return Blocks(tuple(_every(box, shift, sizes, shape) for shift in shifts), Grid(shape, affine))


def _every(box: Box, shift: tuple[int, ...], sizes: list[int], shape: tuple[int, int, int]) -> Slices:
    """Return one voxel of each block."""
    x, y, z = (
        slice(side.start + first, side.start + first + size * (n - 1) + 1, size)
        for side, first, size, n in zip(box, shift, sizes, shape, strict=True)
    )
    return x, y, z
