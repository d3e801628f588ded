"""What the second look does not see: the face, in whole cells of a coarse lattice.

The first look sees the face, so little of what it finds may matter: a pose rounded to coarse steps, and how much room
the brain needs. Everything else follows from the atlas. These few numbers are recorded; between two people whose kept
voxels are the same they nearly always are, and then so is all that follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.atlas import FACE, load_atlas, load_brain_distance, load_envelope
from efface.grid import FloatArray, Grid
from efface.network.inference import Look
from efface.spatial.resample import resample

CELL = 4
"""The lattice's cells are this many voxels of the network's grid long: 8 mm."""
ANGLE_DEG, SCALE_STEP, SHIFT_MM = 8.0, 0.06, 8.0
"""Steps of the rounded pose: angles about x, y and z, the logarithm of one scale for all axes, the brain's middle."""
MARGIN_MM = 10.0
"""Room around the average face and around the envelope: half a step of the pose, and people differ."""
BRAIN_ROOM_MM, WIDE_BRAIN_ROOM_MM = 6.0, 16.0
"""Cells nearer to the atlas's brain than this stay in sight; the second where the first would hide brain."""
HIDDEN_BRAIN_ML = 0.5
"""What the first look may call brain in hidden cells. More, and some brain may lie there that no look protects."""
BRAIN_BOX_MM = 8.0
"""The second look sees the atlas's brain, and so much around it."""


@dataclass(frozen=True, eq=False)
class Blanking:
    """What to hide from the second look, and what decided it."""

    hidden: NDArray[np.bool_] = field(repr=False)
    """(X, Y, Z) whole cells, on the second look's grid."""
    brain: NDArray[np.bool_] = field(repr=False)
    """(X, Y, Z) whole cells around where the brain is expected."""
    choices: Mapping[str, int]
    """All that the first look had to say."""


def blanking(first: Look, atlas_to_scan: FloatArray, grid: Grid) -> Blanking:
    """Decide what to blank before the second look.

    Parameters
    ----------
    first : what the network sees with nothing blanked
    atlas_to_scan : (4, 4) where that look places the atlas, RAS+ mm
    grid : the second look's grid, isotropic

    Returns
    -------
    blanking : the same for placements that differ by less than the steps of the rounded pose, if they round alike
    """
    pose, choices = rounded(atlas_to_scan, grid)
    to_atlas = np.asarray(np.linalg.inv(pose))
    face, face_grid = _face(load_envelope().size_class(pose))
    face_there = resample(face, face_grid, grid, target_to_source=to_atlas, order=0, outside=None) > 0
    distance, distance_grid = load_brain_distance()
    distance = resample(distance, distance_grid, grid, target_to_source=to_atlas, outside=None)
    brain = resample(first.inside, first.grid, grid) > 0.5
    most = HIDDEN_BRAIN_ML * 1000 / float(np.prod(grid.spacing_mm))
    cells = in_cells(face_there)
    hidden = cells & ~in_cells(distance < BRAIN_ROOM_MM)
    missed = np.count_nonzero(hidden & brain) > most
    if missed:
        hidden = cells & ~in_cells(distance < WIDE_BRAIN_ROOM_MM)
    return Blanking(hidden, in_cells(distance < BRAIN_BOX_MM), {**choices, "wide_brain_room": int(missed)})


def rounded(atlas_to_scan: FloatArray, grid: Grid) -> tuple[FloatArray, dict[str, int]]:
    """Round a placement to coarse steps: three angles, one scale, and the brain's middle on the grid's cells.

    Returns
    -------
    pose : (4, 4) the rounded placement
    choices : the whole numbers that it was rounded to
    """
    u, scales, vt = np.linalg.svd(atlas_to_scan[:3, :3])
    angles = _angles(u @ vt)
    size = float(np.log(scales).mean())
    center = load_atlas().brain_center
    middle = atlas_to_scan[:3, :3] @ center + atlas_to_scan[:3, 3] - grid.ras([0, 0, 0])
    turns = np.rint(angles / ANGLE_DEG).astype(int)
    size_step, shifts = round(size / SCALE_STEP), np.rint(middle / SHIFT_MM).astype(int)
    pose = np.eye(4)
    pose[:3, :3] = np.exp(size_step * SCALE_STEP) * _rotation(turns * ANGLE_DEG)
    pose[:3, 3] = grid.ras([0, 0, 0]) + shifts * SHIFT_MM - pose[:3, :3] @ center
    names = ("look_nod", "look_tilt", "look_turn", "look_size", "look_x", "look_y", "look_z")
    return pose, dict(zip(names, [*turns.tolist(), size_step, *shifts.tolist()], strict=True))


def _angles(rotation: FloatArray) -> FloatArray:
    """Return the degrees by which a (3, 3) rotation turns about x, then y, then z."""
    about_x = np.arctan2(rotation[2, 1], rotation[2, 2])
    about_y = -np.arcsin(np.clip(rotation[2, 0], -1, 1))
    about_z = np.arctan2(rotation[1, 0], rotation[0, 0])
    return np.degrees([about_x, about_y, about_z])


def _rotation(angles: FloatArray) -> FloatArray:
    """Return the (3, 3) rotation by so many degrees about x, then y, then z."""
    rotation = np.eye(3)
    for axis, (cos, sin) in enumerate(zip(np.cos(np.radians(angles)), np.sin(np.radians(angles)), strict=True)):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[[one, two], [one, two]], turn[one, two], turn[two, one] = cos, -sin, sin
        rotation = turn @ rotation
    return rotation


def in_cells(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return every cell that a mask touches."""
    wide = np.pad(mask, [(0, -n % CELL) for n in mask.shape])
    x, y, z = (n // CELL for n in wide.shape)
    touched = wide.reshape(x, CELL, y, CELL, z, CELL).any(axis=(1, 3, 5))
    cells = touched.repeat(CELL, 0).repeat(CELL, 1).repeat(CELL, 2)
    return np.asarray(cells[tuple(slice(n) for n in mask.shape)])


@lru_cache(maxsize=4)
def _face(size: int) -> tuple[NDArray[np.uint8], Grid]:
    """Return where faces may be under brains of one size class, with room around it, on the envelope's grid."""
    atlas, envelope = load_atlas(), load_envelope()
    regions = resample(atlas.regions, atlas.grid, envelope.grid, order=0, outside=None)
    face = np.isin(regions, [atlas.region(name) for name in FACE]) | (envelope.distance_mm[size] < 0)
    wide = ndimage.binary_dilation(face, iterations=round(MARGIN_MM / float(envelope.grid.spacing_mm[0])))
    return wide.astype(np.uint8), envelope.grid
