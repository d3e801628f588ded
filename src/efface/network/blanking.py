"""What the second look does not see: the face, on a coarse lattice."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.atlas import FACE, load_atlas
from efface.grid import Grid
from efface.network.inference import Look
from efface.spatial.placing import Placement
from efface.spatial.resample import resample

CELL = 4
"""The lattice's cells are this many voxels of the network's grid long: 8 mm."""
MARGIN_MM = 6.0
"""Room around the atlas's face region."""
BRAIN_VOXELS = 3
"""Cells nearer to the brain than this, in voxels of the network's grid, stay in sight."""


def blanked_region(first: Look, placement: Placement, grid: Grid) -> NDArray[np.bool_]:
    """Return what to blank before the second look: whole cells of an 8 mm lattice.

    Parameters
    ----------
    first : what the network sees with nothing blanked; cells at its brain stay in sight
    placement : where that look places the atlas
    grid : the second look's grid

    Returns
    -------
    region : (X, Y, Z) bool array on ``grid``
    """
    face, face_grid = _face()
    scan_to_atlas = np.asarray(np.linalg.inv(placement.atlas_to_scan))
    carried = resample(face, face_grid, grid, target_to_source=scan_to_atlas, order=0, outside=None)
    inside = resample(first.inside, first.grid, grid) > 0.5
    near = ndimage.binary_dilation(inside, iterations=BRAIN_VOXELS)
    return np.asarray(in_cells(carried > 0) & ~in_cells(near))


def in_cells(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return every cell that a mask touches."""
    wide = np.pad(mask, [(0, -n % CELL) for n in mask.shape])
    x, y, z = (n // CELL for n in wide.shape)
    touched = wide.reshape(x, CELL, y, CELL, z, CELL).any(axis=(1, 3, 5))
    cells = touched.repeat(CELL, 0).repeat(CELL, 1).repeat(CELL, 2)
    return np.asarray(cells[tuple(slice(n) for n in mask.shape)])


@lru_cache(maxsize=1)
def _face() -> tuple[NDArray[np.uint8], Grid]:
    """Return the atlas's face region with room around it, on every second voxel."""
    atlas = load_atlas()
    half = (slice(None, None, 2),) * 3
    face = np.isin(atlas.regions[half], [atlas.region(name) for name in FACE])
    affine = atlas.grid.affine.copy()
    affine[:3, :3] *= 2
    grid = Grid(face.shape, affine)
    wide = ndimage.binary_dilation(face, iterations=round(MARGIN_MM / float(grid.spacing_mm[0])))
    return wide.astype(np.uint8), grid
