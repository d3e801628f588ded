"""The average head's skin, and how far every place lies outside of it: what shells are cut from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.atlas import FACE, load_atlas
from efface.fill.average_head import load_average_head
from efface.grid import FloatArray, Grid
from efface.spatial.resample import resample


@dataclass(frozen=True, eq=False)
class HeadShell:
    """The average head as a surface, on a grid of 3 mm in the atlas's world."""

    grid: Grid
    """Grid of every volume below."""
    height_mm: NDArray[np.float32] = field(repr=False)
    """(X, Y, Z) distance from the skin, positive outside."""
    parts: NDArray[np.uint8] = field(repr=False)
    """(X, Y, Z) region of the face to which the nearest skin belongs, a value of ``Atlas.region_names``; 0 is none."""
    points: FloatArray = field(repr=False)
    """(N, 3) places on the skin of the face, RAS+ mm of the atlas."""
    outward: FloatArray = field(repr=False)
    """(N, 3) unit vectors out of the skin there."""
    names: NDArray[np.uint8] = field(repr=False)
    """(N,) region of each of these places."""


@lru_cache(maxsize=1)
def load_head_shell() -> HeadShell:
    """Return the average head's skin; cached."""
    head, atlas = load_average_head(), load_atlas()
    grid = head.depth_grid
    solid = head.depth_mm > 0
    step = float(grid.spacing_mm[0])
    outside, nearest = ndimage.distance_transform_edt(~solid, sampling=step, return_indices=True)
    inside = ndimage.distance_transform_edt(solid, sampling=step)
    height = np.where(solid, step / 2 - inside, outside - step / 2).astype(np.float32)
    skin = solid & ndimage.binary_dilation(~solid)
    regions = resample(atlas.regions, atlas.grid, grid, order=0, outside=None)
    face = np.where(np.isin(regions, [atlas.region(name) for name in FACE]), regions, np.uint8(0))
    _, to_skin = ndimage.distance_transform_edt(~skin, return_indices=True)
    parts = np.where(solid, face[tuple(to_skin)], face[tuple(nearest)])
    where = np.argwhere(skin & (face > 0))
    slope = np.stack(np.gradient(ndimage.gaussian_filter(height, 1.0)), axis=-1)[tuple(where.T)]
    outward = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-6)
    points = grid.ras(where) - height[tuple(where.T)][:, None] * outward
    return HeadShell(grid, height, parts, points, outward, face[tuple(where.T)])
