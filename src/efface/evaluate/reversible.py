"""Was the face removed, or only blurred, dimmed or covered thinly? Blurring can be undone.

What was written is compared with what was there, block by block: within a block of some millimetres the values of a
hole, of noise or of a stranger's face do not rise and fall with the person's own, while those of a blurred face do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from efface.grid import FloatArray, Grid

BLOCK_MM = 12.0
"""Edge of a block: less than a nose, more than the skin is thick. Where voxels are so coarse that too few would lie in
it, blocks are larger."""
LEAST_VOXELS = 30
"""Fewer voxels of a block may correlate by chance."""
ENOUGH_VOXELS = 45
"""Voxels of a whole block; part of it may lie beside what was replaced."""
FOLLOWS = 0.5
"""Correlation above which a block's values follow the original's, brighter for darker included."""


def share_that_follows(
    before: NDArray[np.float32], after: NDArray[np.float32], where: NDArray[np.bool_], grid: Grid
) -> float | None:
    """Measure how much of what was replaced still rises and falls with what was there.

    Parameters
    ----------
    before, after : (I, J, K) float32 arrays
    where : (I, J, K) bool array
        What was replaced, inside the head.
    grid : Grid
        Where the voxels lie.

    Returns
    -------
    share : of the replaced voxels, those in blocks that follow the original; None where too little was replaced
    """
    index = np.argwhere(where) // _block(grid)
    _, block, counts = np.unique(
        np.ravel_multi_index(tuple(index.T), where.shape), return_inverse=True, return_counts=True
    )
    judged = counts >= LEAST_VOXELS
    if not judged.any():
        return None
    follows = np.abs(_correlations(before[where], after[where], block.ravel(), counts)) > FOLLOWS
    return float(counts[judged & follows].sum() / counts[judged].sum())


def _block(grid: Grid) -> NDArray[np.int64]:
    """Return (3,) voxels along each edge of a block."""
    edge_mm, block = BLOCK_MM, np.zeros(3, np.int64)
    while block.prod() < ENOUGH_VOXELS:
        block = np.maximum(np.round(edge_mm / grid.spacing_mm), 1).astype(np.int64)
        edge_mm += 1
    return block


def _correlations(
    before: NDArray[np.float32], after: NDArray[np.float32], block: NDArray[np.intp], counts: NDArray[np.intp]
) -> FloatArray:
    """Return Pearson's correlation within each block; 0 where either is constant."""

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(block, values) / counts)

    one, two = (values - mean(values.astype(float))[block] for values in (before, after))
    spread = np.sqrt(mean(one * one) * mean(two * two))
    flat = spread <= 1e-9 * float(np.abs(before).max(initial=1)) ** 2
    return np.where(flat, 0.0, mean(one * two) / np.where(flat, 1.0, spread))
