"""Does the atlas, once placed, lie where a head is?"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.atlas import FACE, load_atlas
from efface.grid import FloatArray, Grid
from efface.spatial.flat_ends import at_ends
from efface.spatial.head_surface import Head
from efface.spatial.mask import distance_from
from efface.spatial.resample import resample

STEP = 2
"""Every second voxel of the atlas is enough."""
NEAR_MM = 30.0
"""Judged is what lies this near to the brain: face and neck may be cut off, by the view or by another tool."""

ENOUGH = 0.9
"""Above, no one asks where the view ends."""
MOST_UNSEEN = 0.6
"""With more of the head beyond the view's ends, too little is left to judge."""


def head_overlap(head: Head, atlas_to_scan: FloatArray) -> float:
    """Return the Dice overlap of the atlas's head with a head that was seen.

    Judged around the brain, and not in the face. Where the head ends at planes, as a padded slab does, what lies beyond
    them was not in view and is not judged either.

    Parameters
    ----------
    head : what was seen
    atlas_to_scan : (4, 4) matrix from the atlas's world to the head's, RAS+ mm
    """
    seen, grid = head
    expected, atlas_grid = _atlas_head()
    scan_to_atlas = np.asarray(np.linalg.inv(atlas_to_scan))
    carried = resample(expected, atlas_grid, grid, target_to_source=scan_to_atlas, order=0)
    judged, there = carried > 0, carried > 1
    overlap = _dice(seen & judged, there)
    if overlap >= ENOUGH:
        return overlap
    beyond = np.argwhere(there & ~seen)
    unseen = at_ends(grid.ras(beyond), head.flat_ends)
    unseen &= unseen.sum() <= MOST_UNSEEN * there.sum()
    there[tuple(beyond[unseen].T)] = False
    return _dice(seen & judged, there)


def _dice(found: NDArray[np.bool_], there: NDArray[np.bool_]) -> float:
    return float(2 * (there & found).sum() / max(1, int(there.sum() + found.sum())))


@lru_cache(maxsize=1)
def _atlas_head() -> tuple[NDArray[np.uint8], Grid]:
    """Return where the atlas's head is judged (1) and is (2), on every second voxel of the atlas."""
    atlas = load_atlas()
    every = (slice(None, None, STEP),) * 3
    affine = atlas.grid.affine.copy()
    affine[:3, :3] *= STEP
    grid = Grid(atlas.tissues[every].shape, affine)
    brain = atlas.regions[every] == atlas.region("brain")
    near = distance_from(brain, grid) < NEAR_MM
    head = ndimage.binary_fill_holes(ndimage.binary_closing(atlas.tissues[every] > 0))
    face = np.isin(atlas.regions[every], [atlas.region(name) for name in FACE])
    return np.where(near & ~face, 1 + head.astype(np.uint8), np.uint8(0)), grid
