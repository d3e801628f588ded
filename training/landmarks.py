"""What places the atlas in a scan: centroids of its brain structures, and the distance from its brain's surface."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from label_maps import TISSUES

SPACING_FACTOR = 3
"""The distance is kept on every third voxel of the atlas."""
REACH_MM = 25.0
STEP_MM = 0.2
"""Distances are kept in steps of this, up to ``REACH_MM``, as int8."""
PAIRED = {
    "cerebral_white_matter": "cerebral_white_matter",
    "cerebral_grey_matter": "cerebral_grey_matter",
    "caudate": "caudate",
    "putamen": "putamen",
    "thalamus": "thalamus",
    "hippocampus": "hippocampus",
    "cerebellar_grey_matter": "cerebellar_grey_matter",
    "cerebellar_white_matter": "cerebellar_white_matter",
    "other_brain": "other_deep_grey_matter",
}
"""The network's class, without its side -> the atlas's tissue."""


def centroids(tissues: np.ndarray, affine: np.ndarray) -> dict[str, list[float]]:
    """Return the centroid of every structure that the network labels, RAS+ mm, by the network's class."""
    found = {"brainstem": _centroid(tissues == list(TISSUES).index("brainstem"), affine)}
    right = affine[0, 3] + affine[0, 0] * np.arange(tissues.shape[0]) > 0
    for name, tissue in PAIRED.items():
        both = tissues == list(TISSUES).index(tissue)
        for side, here in (("left", ~right), ("right", right)):
            found[f"{side}_{name}"] = _centroid(both & here[:, None, None], affine)
    return found


def _centroid(mask: np.ndarray, affine: np.ndarray) -> list[float]:
    middle = np.argwhere(mask).mean(axis=0)
    return np.round(affine[:3, :3] @ middle + affine[:3, 3], 2).tolist()


def brain_distance(brain: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the signed distance from the brain's surface, positive outside, and where it lies.

    Returns
    -------
    steps : (X, Y, Z) int8 array, in steps of ``STEP_MM``
    affine : (4, 4) voxel to RAS+ mm
    """
    spacing = float(affine[0, 0])
    outside, inside = (ndimage.distance_transform_edt(part) for part in (~brain, brain))
    distance = np.where(brain, 0.5 - inside, outside - 0.5) * spacing
    smooth = ndimage.gaussian_filter(np.clip(distance, -REACH_MM, REACH_MM), 1.0)
    thinned = smooth[(slice(None, None, SPACING_FACTOR),) * 3]
    coarse = affine.copy()
    coarse[:3, :3] *= SPACING_FACTOR
    return np.round(thinned / STEP_MM).astype(np.int8), coarse
