"""Random normal scores whose neighbours are correlated as a scan's noise is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.fill.kept import Mask
from efface.spatial.mask import Box

Scores = NDArray[np.float32]

NONE = 0.05
"""Correlations below this are taken as none."""
SHORT = 0.6
"""Up to this a kernel of three voxels does; above, a Gaussian."""
LONGEST = 0.98


def draw_scores(mask: Mask, box: Box, correlation: Sequence[float], rng: np.random.Generator) -> Scores:
    """Draw a normal score for every voxel of a mask.

    Parameters
    ----------
    mask : (I, J, K) bool array
    box : holds all of the mask
    correlation : of neighbours along each axis
    rng : where chance comes from

    Returns
    -------
    scores : (N,) float32 array in C order of the mask, mean 0, standard deviation 1
    """
    inside = mask[box]
    if all(abs(one) < NONE for one in correlation):
        return rng.standard_normal(int(np.count_nonzero(inside)), dtype=np.float32)
    field = rng.standard_normal(inside.shape, dtype=np.float32)
    for axis, one in enumerate(correlation):
        if abs(one) >= NONE and field.shape[axis] > 1:
            ndimage.correlate1d(field, kernel(one), axis, output=field, mode="wrap")
    return np.asarray(field[inside])


def kernel(correlation: float) -> NDArray[np.float64]:
    """Return the weights that give white noise a correlation of neighbours, and leave its variance at 1.

    Weights (a, 1, a) give 2 a / (1 + 2 a^2); a Gaussian of s voxels gives exp(-1 / (4 s^2)).
    """
    wanted = float(np.clip(correlation, -SHORT, LONGEST))
    if abs(wanted) < 1e-6:
        return np.ones(1)
    if wanted <= SHORT:
        side = (1 - np.sqrt(1 - 2 * wanted**2)) / (2 * wanted)
        weights = np.array([side, 1.0, side])
    else:
        sigma = 0.5 / np.sqrt(-np.log(wanted))
        reach = int(np.ceil(4 * sigma))
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weights / np.sqrt((weights**2).sum()))
