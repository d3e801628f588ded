"""Is the face in a scan the bundled average one, which `reface` writes? Asked of the surface, not of a sidecar."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.evaluate.coverage import visible_skin
from efface.fill.average_head import load_average_head
from efface.grid import FloatArray
from efface.scan import Scan
from efface.spatial.head_surface import SPACING_MM, head_of, surface_field

MIDDLE = ("left_eye", "right_eye", "nose", "mouth")
"""Chin and cheeks pass into the person's own neck, and say less."""
LEAST_POINTS = 300
"""With fewer points of skin nobody says whose it is."""
SEARCHED_MM, STEP_MM = 4.0, 0.25
"""How far, and in what steps, the surface is sought around the voxel in which skin begins."""
ALIKE_MM = 1.0
"""How far a point may lie off the average face."""
MOVED_MM, MOVED_VOXELS = 2.5, 0.45
"""How far the face as a whole may: the surface is found that deep, and deeper by so much of the longest voxel edge."""


def share_of_bundled(scan: Scan, anatomy: Anatomy) -> float | None:
    """Return how much of the middle of the face lies where the bundled face does.

    Parameters
    ----------
    scan, anatomy : the scan, and what was found in it

    Returns
    -------
    share : 0 to 1; None where hardly any skin shows
    """
    skin = visible_skin(head_of(scan), anatomy, MIDDLE)
    points = skin.grid.ras(np.concatenate(list(skin.first.values())))
    if len(points) < LEAST_POINTS:
        return None
    average = load_average_head()
    index = average.depth_grid.index(_on_the_surface(points, scan, anatomy)).T
    depth = ndimage.map_coordinates(average.depth_mm, index, order=1, mode="nearest")
    moved = float(np.median(depth))
    if abs(moved) > MOVED_MM + MOVED_VOXELS * float(scan.grid.spacing_mm.max()):
        return 0.0
    return float((np.abs(depth - moved) < ALIKE_MM).mean())


def _on_the_surface(points: FloatArray, scan: Scan, anatomy: Anatomy) -> FloatArray:
    """Move (N, 3) points of the atlas forward or back to where the head begins, finer than a voxel."""
    field, ras = surface_field(scan.intensities(), scan.grid, SPACING_MM)
    steps = np.arange(SEARCHED_MM, -SEARCHED_MM - STEP_MM, -STEP_MM)
    moved = points[:, None, :] + steps[:, None] * np.array([0.0, 1.0, 0.0])
    matrix = anatomy.atlas_to_scan
    index = ras.index(moved.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]).T
    head = ndimage.map_coordinates(field, index, order=1, mode="nearest").reshape(len(points), -1) > 0
    found = head.any(axis=1)
    return np.asarray(moved[found, head[found].argmax(axis=1)])
