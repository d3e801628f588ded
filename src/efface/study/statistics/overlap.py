"""How alike two masks are: Dice, Jaccard, sensitivity, and how far apart their surfaces lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.grid import FloatArray

Mask = NDArray[np.bool_]


def dice(one: Mask, other: Mask) -> float:
    """Return twice what two masks share over what both hold; NaN where both are empty."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else float("nan")


def jaccard(one: Mask, other: Mask) -> float:
    """Return what two masks share over what either holds; NaN where both are empty (Theyers et al. 2021)."""
    either = int((one | other).sum())
    return int((one & other).sum()) / either if either else float("nan")


def sensitivity(truth: Mask, found: Mask) -> float:
    """Return the share of a true mask that was found; NaN for an empty truth."""
    return int((truth & found).sum()) / int(truth.sum()) if truth.any() else float("nan")


def hd95_mm(one: Mask, other: Mask, spacing_mm: FloatArray) -> float:
    """Return the 95th percentile of the distances between two masks' surfaces, in both directions, mm.

    NaN where one of both is empty. Distances run between centres of surface voxels.

    Parameters
    ----------
    one, other : (I, J, K) bool arrays on one grid
    spacing_mm : (3,) voxel edges, mm
    """
    if not (one.any() and other.any()):
        return float("nan")
    box = tuple(slice(max(int(where.min()) - 1, 0), int(where.max()) + 2) for where in np.nonzero(one | other))
    surfaces = [_surface(np.pad(mask[box], 1)) for mask in (one, other)]
    distances = [
        ndimage.distance_transform_edt(~to, sampling=spacing_mm)[start] for start, to in (surfaces, surfaces[::-1])
    ]
    return float(max(np.percentile(each, 95) for each in distances))


def _surface(mask: Mask) -> Mask:
    return np.asarray(mask & ~ndimage.binary_erosion(mask))
