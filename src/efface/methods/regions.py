"""Names for the voxels of any mask: the atlas's regions, and one name for what lies in none of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.atlas import load_atlas

OTHER = 255
"""Value of voxels that lie in no region of the atlas."""


def named_regions(mask: NDArray[np.bool_], anatomy: Anatomy) -> NDArray[np.uint8]:
    """Return a mask whose voxels say in which of the atlas's regions they lie.

    Parameters
    ----------
    mask : (I, J, K) bool array, True where voxels are replaced
    anatomy : what is where in the scan

    Returns
    -------
    regions : (I, J, K) uint8 array, 0 outside the mask, else a key of `region_names`
    """
    labels = anatomy.labels
    return np.where(mask, np.where(labels > 0, labels, np.uint8(OTHER)), np.uint8(0))


def region_names() -> dict[int, str]:
    """Return the name of every value that a mask may hold."""
    return {**load_atlas().region_names, OTHER: "other"}
