"""The brain of this scan: the atlas's brain, grown into what looks like brain around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.grid import Grid
from efface.spatial.head_surface import head_mask
from efface.spatial.resample import on_ras_grid, resample

SPACING_MM = 2.0
REACH_MM = 10.0
"""How far an affine fit may miss the inside of the skull; the growth goes no farther."""
COVER_MM = 8.0
"""Scalp and skull over the brain are at least this thick, but for infants; the growth goes no nearer to the skin."""
SURE_MM = 8.0
"""What is deeper inside the atlas's brain than this is brain, and tells what brain looks like here."""


def grow_brain(values: NDArray[np.float32], grid: Grid, atlas_brain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grow the atlas's brain by up to 10 mm, through tissue as bright as brain; dark skull stops it.

    An affine fit cannot follow every skull. Where it falls short, brain would lie unprotected; where this growth passes
    the skull, a few millimetres of orbit or scalp are kept that need not be. The first matters, the second hardly does.

    Parameters
    ----------
    values : (I, J, K) float32 array
    grid : its grid
    atlas_brain : (I, J, K) bool array, the inside of the skull by the atlas

    Returns
    -------
    brain : (I, J, K) bool array that holds ``atlas_brain``
    """
    volume, ras = on_ras_grid(values, grid, SPACING_MM)
    brain = resample(atlas_brain.astype(np.uint8), grid, ras, order=0) > 0
    sure = ndimage.binary_erosion(brain, iterations=round(SURE_MM / SPACING_MM))
    if not sure.any():
        return atlas_brain
    low, middle, high = np.quantile(volume[sure], (0.05, 0.5, 0.95))
    like_brain = (volume > low - 0.3 * (middle - low)) & (volume < high + 0.5 * (high - middle))
    like_brain = (ndimage.binary_opening(like_brain) & _deep(values, grid)) | brain
    grown = ndimage.binary_dilation(brain, iterations=round(REACH_MM / SPACING_MM), mask=like_brain)
    grown = ndimage.binary_closing(np.pad(grown, 2), iterations=2)[2:-2, 2:-2, 2:-2]
    return atlas_brain | (resample(grown.astype(np.uint8), ras, grid, order=0) > 0)


def _deep(values: NDArray[np.float32], grid: Grid) -> NDArray[np.bool_]:
    """Return what lies deeper under the skin than the cover of a brain, on `SPACING_MM`'s grid."""
    head, _ = head_mask(values, grid, SPACING_MM)
    return np.asarray(ndimage.distance_transform_edt(head) * SPACING_MM > COVER_MM)
