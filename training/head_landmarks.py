"""Place the atlas in a label map by the centroids of brain structures, and tell where the map was cut off."""

from __future__ import annotations

import numpy as np

from efface.atlas import load_atlas
from label_maps import BRAIN, indices

LANDMARKS = ("ventricles", "caudate", "putamen", "thalamus", "hippocampus", "cerebral_grey_matter",
             "cerebral_white_matter", "cerebellar_grey_matter", "cerebellar_white_matter", "brainstem",
             "eye")  # fmt: skip
"""Tissues whose left and right centroids place the atlas; in view in every head."""
CUT_AREA_MM2 = 450
"""A head that ends with a face this large was cut off there."""


def landmarks(tissues: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Return (2 * landmarks, 3) centroids in RAS+ mm, left then right of the brain's middle."""
    middle = np.nonzero(np.isin(tissues, indices(BRAIN)))[0].mean()
    points = []
    for name in LANDMARKS:
        ijk = np.argwhere(tissues == indices((name,))[0])
        points += [ijk[ijk[:, 0] < middle].mean(axis=0), ijk[ijk[:, 0] >= middle].mean(axis=0)]
    return np.array(points) @ affine[:3, :3].T + affine[:3, 3]


def place(tissues: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Fit the affine from the atlas's world to the head's, (4, 4) RAS+ mm, by least squares."""
    atlas = load_atlas()
    source = landmarks(atlas.tissues, atlas.grid.affine)
    solution, *_ = np.linalg.lstsq(np.c_[source, np.ones(len(source))], landmarks(tissues, affine), rcond=None)
    matrix = np.eye(4)
    matrix[:3] = solution.T
    return matrix


def in_view_ends(head: np.ndarray) -> np.ndarray:
    """Return (3, 2) bool, whether a head mask at 1 mm was cut off at the lower and the upper end of every axis."""
    cut = np.zeros((3, 2), bool)
    for axis in range(3):
        area = head.sum(axis=tuple(other for other in range(3) if other != axis))
        occupied = np.flatnonzero(area)
        cut[axis] = area[occupied[[0, -1]]] > CUT_AREA_MM2
    return cut


def in_view(head: np.ndarray) -> np.ndarray:
    """Return where a label map tells tissue from air: inside every plane at which the head was cut off."""
    view = np.ones(head.shape, bool)
    for axis, (low, high) in enumerate(in_view_ends(head)):
        occupied = np.flatnonzero(head.any(axis=tuple(other for other in range(3) if other != axis)))
        inside = np.ones(head.shape[axis], bool)
        inside[: occupied[0] + 1] = not low
        if high:
            inside[occupied[-1] :] = False
        view &= inside.reshape([-1 if other == axis else 1 for other in range(3)])
    return view
