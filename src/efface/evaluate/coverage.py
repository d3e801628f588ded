"""How much of each facial feature's visible skin was changed, seen from the front (ears: from the side)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.atlas import load_atlas, load_brain_distance, load_envelope
from efface.grid import Grid
from efface.spatial.flat_ends import at_ends
from efface.spatial.head_surface import Head
from efface.spatial.resample import resample

LEAST_IN_VIEW = 0.25
"""A feature of whose place less than this lies in the field of view is not in view."""
DEEPEST_MM = 34.0
"""Skin farther behind the eyes than this, seen from the front, is neck or temple and shows no feature."""
JAW_DEEPEST_MM = 25.0
"""Skin farther behind the foremost skin of a chin or cheek than this is neck."""
FOREMOST_PERCENTILE = 98.0
JAW = ("chin", "left_cheek", "right_cheek")
EAR_DEEPEST_MM = 55.0
"""Skin nearer to the midplane than this, seen from the side, is no ear."""
EYE_WIDTH_MM = 46.0
"""Lids end this far from the midplane; beside them is temple."""
EDGE_MM = 3.0
"""What lies nearer to the edge of the view is where the view cuts the head, not skin."""
BRAIN_MM = 9.0
"""What lies nearer to the brain than this is skull: a view that cuts the nose off shows it from the front."""
EAR_MARGIN_MM = 4.0
"""The envelope's ear regions leave this much room around most people's auricles."""

Side = tuple[int, int]
"""An axis, and 1 or -1 for which end of it one looks from."""


@dataclass(frozen=True, eq=False)
class VisibleSkin:
    """The head's surface in the atlas's frame: where a line from outside first meets the head."""

    grid: Grid
    """The atlas's grid, RAS+ mm."""
    first: dict[str, NDArray[np.int64]] = field(repr=False)
    """Per feature: (N, 3) indices of its visible skin that lies in the field of view."""


def visible_skin(head: Head, anatomy: Anatomy, features: tuple[str, ...]) -> VisibleSkin:
    """Find each feature's visible skin in a scan.

    Parameters
    ----------
    head : what `efface.spatial.head_surface.head_mask` found in the scan
    anatomy : what was found in the scan
    features : names of regions; ears are seen from their side, all others from the front
    """
    atlas = load_atlas()
    seen, ras = head
    carried = resample(seen.astype(np.uint8), ras, atlas.grid, target_to_source=anatomy.atlas_to_scan, order=0) > 0
    regions = regions_of(load_envelope().size_class(anatomy.atlas_to_scan))
    hits = {side: _hits(carried, *side) for side in {_seen_from(name) for name in features}}
    first = {name: _first_hits(hits, regions == atlas.region(name), name, atlas.grid) for name in features}
    ends = head.flat_ends
    return VisibleSkin(atlas.grid, {name: points[_is_skin(points, anatomy, ends)] for name, points in first.items()})


def _is_skin(points: NDArray[np.int64], anatomy: Anatomy, ends: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of (N, 3) voxels lie off the view's edge, off the head's flat ends, and off the brain."""
    world = load_atlas().grid.ras(points)
    off = ~at_ends(world @ anatomy.atlas_to_scan[:3, :3].T + anatomy.atlas_to_scan[:3, 3], ends, EDGE_MM)
    distance, grid = load_brain_distance()
    far = ndimage.map_coordinates(distance, grid.index(world).T, order=1, mode="nearest") > BRAIN_MM
    return np.asarray(_inside(world, anatomy, EDGE_MM) & far & off)


@lru_cache(maxsize=4)
def regions_of(size: int) -> NDArray[np.uint8]:
    """Return the region of the face at each of the atlas's voxels, for heads whose brains are of one size class.

    Eyes and brow lie as in the average head; what is farther from the brain lies higher under a child's.
    """
    atlas, envelope = load_atlas(), load_envelope()
    grid = atlas.grid
    near = resample(envelope.distance_mm[size], envelope.grid, grid, outside=None) < 0
    regions = np.where(near, resample(envelope.regions[size], envelope.grid, grid, order=0, outside=None), np.uint8(0))
    upper = [atlas.region(name) for name in ("left_eye", "right_eye", "brow")]
    regions[np.isin(regions, upper)] = 0
    regions = np.where(np.isin(atlas.regions, upper), atlas.regions, regions)
    ends = {
        envelope.chin_ends_mm[size]: ("mouth", *JAW),
        envelope.ear_ends_mm[size]: ("left_ear", "right_ear"),
    }
    for end, names in ends.items():
        below = regions[:, :, : max(int(np.ceil(grid.index([0.0, 0.0, end])[2])), 0)]
        below[np.isin(below, [atlas.region(name) for name in names])] = 0
    return regions


def _seen_from(name: str) -> Side:
    """Return from where a feature is seen: an ear from its side, all else from the front."""
    return (0, -1 if name.startswith("left") else 1) if name.endswith("ear") else (1, 1)


def _hits(head: NDArray[np.bool_], axis: int, sign: int) -> NDArray[np.int64]:
    """Return the index at which each line along an axis first meets the head, seen from its end or start; -1: never."""
    first = np.argmax(np.flip(head, axis) if sign > 0 else head, axis=axis)
    return np.where(head.any(axis=axis), head.shape[axis] - 1 - first if sign > 0 else first, -1)


def _first_hits(
    hits: dict[Side, NDArray[np.int64]], region: NDArray[np.bool_], name: str, frame: Grid
) -> NDArray[np.int64]:
    """Return (N, 3) indices where lines through a region first meet the head, from the front or from an ear's side."""
    axis, hit = _seen_from(name)[0], hits[_seen_from(name)]
    columns = region.any(axis=axis)
    if axis == 0:
        columns = ndimage.binary_erosion(columns, iterations=round(EAR_MARGIN_MM / float(frame.spacing_mm[0])))
    columns &= hit >= 0
    where = np.argwhere(columns)
    points = np.insert(where, axis, hit[columns], axis=1)
    world = frame.ras(points)
    if axis == 0:
        return np.asarray(points[np.abs(world[:, 0]) > EAR_DEEPEST_MM])
    shown = world[:, 1] > load_atlas().between_eyes[1] - DEEPEST_MM
    if name in JAW and len(world):
        shown &= world[:, 1] > np.percentile(world[:, 1], FOREMOST_PERCENTILE) - JAW_DEEPEST_MM
    if name.endswith("eye"):
        shown &= np.abs(world[:, 0]) < EYE_WIDTH_MM
    return np.asarray(points[shown])


@dataclass(frozen=True)
class Coverage:
    """One feature."""

    fraction: float | None
    """Changed part of the feature's visible skin; None if it is not in view."""
    surface_cm2: float
    """Visible skin of the feature in this scan, cm2."""


def feature_coverage(skin: VisibleSkin, changed: NDArray[np.bool_], anatomy: Anatomy) -> dict[str, Coverage]:
    """Measure the changed fraction of each feature's visible skin.

    Parameters
    ----------
    skin : what `visible_skin` found in the original
    changed : (I, J, K) bool array on the scan's grid
    anatomy : what was found in the scan
    """
    covered = resample(
        changed.astype(np.uint8), anatomy.grid, skin.grid, target_to_source=anatomy.atlas_to_scan, order=0
    )
    result = {}
    for name, points in skin.first.items():
        seen = len(points) > 0 and in_view(name, anatomy) >= LEAST_IN_VIEW
        fraction = float((covered[tuple(points.T)] > 0).mean()) if seen else None
        result[name] = Coverage(fraction, round(len(points) * float(skin.grid.spacing_mm[0]) ** 2 / 100, 1))
    return result


def in_view(region: str, anatomy: Anatomy) -> float:
    """Return the fraction of an atlas region's tissue that lies inside a scan's field of view."""
    atlas = load_atlas()
    tissue = (atlas.regions == atlas.region(region)) & (atlas.tissues != 0)
    points = atlas.grid.ras(np.argwhere(tissue)[::7])
    inside = _inside(points, anatomy)
    return float(inside.mean()) if inside.size else 0.0


def _inside(points: NDArray[np.float64], anatomy: Anatomy, edge_mm: float = 0.0) -> NDArray[np.bool_]:
    """Return which points of the atlas's world, (N, 3) RAS+ mm, lie in the scan's field of view and off its edge."""
    scan_points = points @ anatomy.atlas_to_scan[:3, :3].T + anatomy.atlas_to_scan[:3, 3]
    index = anatomy.grid.index(scan_points)
    edge = edge_mm / anatomy.grid.spacing_mm - 0.5
    return np.asarray(((index > edge) & (index < np.array(anatomy.grid.shape) - 1 - edge)).all(axis=1))
