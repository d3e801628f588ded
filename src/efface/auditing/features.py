"""Which features of the face show in a scan of which nothing else is known?

The brain says where the skin of a feature would be. It shows if skin is found there, by intensity alone; where a face
was removed, the first tissue in a column lies far behind, or there is none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.atlas import load_atlas, load_envelope
from efface.auditing.expected import Expected, column_points, expected_skin
from efface.evaluate.coverage import DEEPEST_MM, EDGE_MM, EYE_WIDTH_MM, regions_of
from efface.grid import FloatArray, Grid
from efface.spatial.head_surface import Head
from efface.spatial.resample import resample

FRONT = ("left_eye", "right_eye", "nose", "mouth", "chin", "left_cheek", "right_cheek")
EARS = ("left_ear", "right_ear")
LEAST_COLUMNS = 12
"""A feature of which fewer columns (9 mm2 each) are in view is not judged."""
LEAST_IN_VIEW = 0.25
"""The same by its share."""
NEAR_MM, NEAR_EAR_MM = 13.0, 9.0
"""Skin counts as being where it is expected if it is not farther back than this: people's faces differ by less, and
what is left where a face was removed lies farther back."""
NOWHERE_MM = 99.0

Mask = NDArray[np.bool_]


def shown_features(head: Head, anatomy: Anatomy) -> dict[str, float | None]:
    """Look for every feature's skin.

    Parameters
    ----------
    head : what `efface.spatial.head_surface.head_mask` found in the scan
    anatomy : what was found in the scan

    Returns
    -------
    shown : for each of `FRONT` and `EARS` the share of its columns in which skin lies where skin is expected; None
        where it is not in view
    """
    size = load_envelope().size_class(anatomy.atlas_to_scan)
    expected = expected_skin(size)
    seen = _carried(head, anatomy, expected.grid)
    behind = expected.front - _reach(seen, expected.grid, 1)
    viewed = _in_view(column_points(expected, "front"), anatomy)
    columns = _front_columns(size, expected)
    shown = {name: _share(columns[name], viewed, behind < NEAR_MM) for name in FRONT}
    for name, sign in zip(EARS, (-1, 1), strict=True):
        viewed = _in_view(column_points(expected, "side") * [sign, 1, 1], anatomy)
        behind = expected.side - _reach(seen[::sign], expected.grid, 0)
        shown[name] = _share(expected.auricle, viewed, behind < NEAR_EAR_MM)
    return shown


def _carried(head: Head, anatomy: Anatomy, grid: Grid) -> Mask:
    """Return the scan's head in the atlas's frame."""
    mask, ras = head
    carried = resample(mask.astype(np.uint8), ras, grid, target_to_source=anatomy.atlas_to_scan, order=0)
    return np.asarray(carried > 0)


def _reach(head: Mask, grid: Grid, axis: int) -> FloatArray:
    """Return how far a head reaches along an axis in each column, mm; far behind where there is none.

    The grid lies symmetric about the midplane, so that a mirrored head's right side is the left one.
    """
    last = head.shape[axis] - 1 - np.argmax(np.flip(head, axis), axis=axis)
    reach = grid.affine[axis, 3] + grid.affine[axis, axis] * last
    return np.where(head.any(axis=axis), reach, -NOWHERE_MM)


def _front_columns(size: int, expected: Expected) -> dict[str, Mask]:
    """Return each feature's columns (x, z), as far as its skin looks forward."""
    atlas, regions = load_atlas(), regions_of(size)
    shape = expected.front.shape
    x = expected.grid.affine[0, 3] + expected.grid.affine[0, 0] * np.arange(shape[0])
    ahead = expected.front > atlas.between_eyes[1] - DEEPEST_MM  # False for NaN
    columns = {}
    for name in FRONT:
        there = (regions == atlas.region(name)).any(axis=1)[::2, ::2][: shape[0], : shape[1]]
        columns[name] = there & ahead & ((np.abs(x) < EYE_WIDTH_MM)[:, None] | (not name.endswith("eye")))
    return columns


def _in_view(points: FloatArray, anatomy: Anatomy) -> Mask:
    """Return which points of the atlas's world, (..., 3), lie in the scan's view and off its edge."""
    matrix = anatomy.atlas_to_scan
    index = anatomy.grid.index(points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])
    edge = EDGE_MM / anatomy.grid.spacing_mm - 0.5
    inside = ((index > edge) & (index < np.array(anatomy.grid.shape) - 1 - edge)).all(axis=1)
    return np.asarray(inside.reshape(points.shape[:-1]))


def _share(columns: Mask, viewed: Mask, there: Mask) -> float | None:
    """Return in how many of a feature's columns something is there; None where too few are in view."""
    judged = columns & viewed
    if judged.sum() < max(LEAST_COLUMNS, LEAST_IN_VIEW * columns.sum()):
        return None
    return float(there[judged].mean())
