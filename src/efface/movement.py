"""How a head moved between two images of a session: what their headers say, or their brains where those disagree."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from efface.anatomy import Anatomy
from efface.atlas import FACE, load_atlas
from efface.grid import FloatArray

STILL_MM = 3.0
"""Brains tell movement of the face to about this: on 8 pairs of synthetic scans they erred by up to 1.5 mm (3 mm
voxels) and 3 mm (5 mm slices). What is less is taken for none."""
FACE_POINTS = 500
"""Points of the atlas's face that are enough to say how far it moved."""


@dataclass(frozen=True, eq=False)
class Movement:
    """From one image's world to another's; heads neither grow nor bend within a session."""

    matrix: FloatArray = field(repr=False)
    """(4, 4) rigid matrix, RAS+ mm."""
    moved_mm: float
    """How far the headers put the same face apart, by the brains: the farthest point of it, mm."""
    apart_mm: float | None
    """Median distance of brain structures that both images show, once moved, mm; None where they share none."""


def movement(one: Anatomy, other: Anatomy) -> Movement:
    """Find how a head moved between two images: by the headers if the brains agree with them, else by the brains.

    Parameters
    ----------
    one, other : anatomies of one person, each in its own image's world

    Returns
    -------
    movement : from ``one``'s world to ``other``'s
    """
    matrix = _rigid(one, other)
    face = _carried(_face_points(), one.atlas_to_scan)
    moved_mm = float(np.linalg.norm(_carried(face, matrix) - face, axis=1).max())
    if moved_mm <= STILL_MM:
        matrix = np.eye(4)
    return Movement(matrix, moved_mm, _apart_mm(one, other, matrix))


def _rigid(one: Anatomy, other: Anatomy) -> FloatArray:
    """Return the turn and shift between two placements of the atlas; their scales differ by error only."""
    between = other.atlas_to_scan @ np.linalg.inv(one.atlas_to_scan)
    u, _, vt = np.linalg.svd(between[:3, :3])
    middle = load_atlas().brain_center
    here, there = _carried(middle, one.atlas_to_scan), _carried(middle, other.atlas_to_scan)
    matrix = np.eye(4)
    matrix[:3, :3] = u @ vt
    matrix[:3, 3] = there - matrix[:3, :3] @ here
    return matrix


def _apart_mm(one: Anatomy, other: Anatomy, matrix: FloatArray) -> float | None:
    shared = sorted(set(one.centroids) & set(other.centroids))
    if not shared:
        return None
    here, there = (np.array([each.centroids[name] for name in shared]) for each in (one, other))
    return float(np.median(np.linalg.norm(_carried(here, matrix) - there, axis=1)))


def _carried(points: FloatArray, matrix: FloatArray) -> FloatArray:
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


@lru_cache(maxsize=1)
def _face_points() -> FloatArray:
    """Return (N, 3) points all over the atlas's face, RAS+ mm."""
    atlas = load_atlas()
    face = np.isin(atlas.regions, [atlas.region(name) for name in FACE]) & (atlas.tissues > 0)
    points = np.argwhere(face)
    return atlas.grid.ras(points[:: max(1, len(points) // FACE_POINTS)])
