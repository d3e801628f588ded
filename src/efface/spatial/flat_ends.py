"""Where a view cuts a head: flat ends, which heads do not have.

A scan may hold less than its array: slabs padded to a cube, and oblique scans resampled to another grid, end at planes
inside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

from efface.grid import FloatArray, Grid

LEAST_SHARE, LEAST_CM2 = 0.18, 20.0
"""An end's area at least: this share of a side of a cube as large as what is seen of the head, 50 cm2 of an adult's, as
a plane 11 mm below the crown cuts; and this, or half a newborn's head would seem flat at its side."""
SAME_DEG, SAME_MM = 8.0, 2.5
"""Facets whose normals and places differ by no more lie in one plane; voxels make steps."""


def flat_ends(head: NDArray[np.bool_], grid: Grid) -> FloatArray:
    """Find the planes at which a head ends.

    Parameters
    ----------
    head : (X, Y, Z) bool array
    grid : where its voxels lie

    Returns
    -------
    planes : (P, 4) float array
        Outward normal n and offset d: seen was where ``n @ point + d <= 0``, point in RAS+ mm.
    """
    points = grid.ras(_outline(head))
    if len(points) < 4 or np.linalg.matrix_rank(points - points[0]) < 3:
        return np.zeros((0, 4))
    skin = grid.ras(np.argwhere(head & ~ndimage.binary_erosion(head)))
    voxel_cm2 = float(grid.spacing_mm.prod()) ** (2 / 3) / 100
    least_cm2 = max(LEAST_CM2, LEAST_SHARE * voxel_cm2 * float(head.sum()) ** (2 / 3))
    wide = _wide_sides(ConvexHull(points), least_cm2)
    planes = [plane for plane in wide if at_ends(skin, plane[None], SAME_MM).sum() * voxel_cm2 >= least_cm2]
    return np.array(planes).reshape(-1, 4)


def at_ends(points: FloatArray, ends: FloatArray, edge_mm: float = 0.0) -> NDArray[np.bool_]:
    """Return which of (N, 3) points lie beyond the ends, (P, 4) planes, or nearer to one of them than ``edge_mm``."""
    return np.asarray((points @ ends[:, :3].T + ends[:, 3] > -edge_mm).any(axis=1))


def cut_off(grid: Grid, ends: FloatArray, edge_mm: float = 0.0) -> NDArray[np.bool_]:
    """Return which voxels of a grid along the world's axes lie beyond the ends, or nearer to one than ``edge_mm``."""
    x, y, z = np.ix_(*[grid.affine[a, 3] + grid.affine[a, a] * np.arange(n) for a, n in enumerate(grid.shape)])
    beyond = np.zeros(grid.shape, bool)
    for end in ends:
        beyond |= end[0] * x + end[1] * y + end[2] * z + end[3] > -edge_mm
    return beyond


def _wide_sides(hull: ConvexHull, least_cm2: float) -> list[FloatArray]:
    """Return the planes of a hull's sides that are wide enough; what they span may be hollow."""
    corners = hull.points[hull.simplices]
    middles = corners.mean(axis=1)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 200
    left, planes = np.ones(len(areas), bool), []
    while left.any():
        plane = hull.equations[np.flatnonzero(left)[areas[left].argmax()]]
        alike = hull.equations[:, :3] @ plane[:3] > np.cos(np.radians(SAME_DEG))
        alike &= left & (np.abs(middles @ plane[:3] + plane[3]) < SAME_MM)
        alike[np.flatnonzero(left)[areas[left].argmax()]] = True
        left &= ~alike
        if areas[alike].sum() >= least_cm2:
            planes.append(plane)
    return planes


def _outline(head: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (N, 3) indices of the first and last voxel of every line along the last axis."""
    x, y = np.nonzero(head.any(axis=2))
    first = head.argmax(axis=2)[x, y]
    last = head.shape[2] - 1 - head[:, :, ::-1].argmax(axis=2)[x, y]
    return np.concatenate([np.column_stack([x, y, first]), np.column_stack([x, y, last])])
