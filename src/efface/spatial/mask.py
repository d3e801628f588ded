"""Distances and margins of masks, in millimetres."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial import KDTree

from efface.grid import FloatArray, Grid

Mask = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


def bounding_box(mask: Mask, grid: Grid, margin_mm: float = 0.0) -> Box | None:
    """Return the smallest box of voxels that holds a mask and a margin around it; None for an empty mask."""
    box = []
    for axis in range(3):
        filled = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        if filled.size == 0:
            return None
        margin = int(np.ceil(margin_mm / grid.spacing_mm[axis]))
        box.append(slice(max(0, int(filled[0]) - margin), int(filled[-1]) + 1 + margin))
    return box[0], box[1], box[2]


def overlap(first: Box, second: Box) -> Box | None:
    """Return the box that two boxes share; None if they do not meet."""
    shared = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(first, second, strict=True)]
    return None if any(s.start >= s.stop for s in shared) else (shared[0], shared[1], shared[2])


def within(mask: Mask, other: Mask, grid: Grid, distance_mm: float | FloatArray) -> Mask:
    """Return the voxels of ``mask`` that lie closer than ``distance_mm`` to ``other`` (or in it).

    Distances run between voxel centres; the grid's axes are taken to be perpendicular. ``distance_mm`` may differ from
    voxel to voxel: (I, J, K).
    """
    result = np.zeros_like(mask)
    limits = np.broadcast_to(distance_mm, mask.shape)
    box = _near(mask, other, grid, float(np.max(distance_mm)))
    if box is not None:
        result[box] = mask[box] & (distance_from(other[box], grid) < limits[box])
    return result


def clearance_mm(mask: Mask, other: Mask, grid: Grid, reach_mm: float = 12.0) -> float:
    """Return the smallest distance between two masks, mm; ``reach_mm`` if they are farther apart, 0 if they overlap."""
    box = _near(mask, other, grid, reach_mm)
    if box is None:
        return reach_mm
    one, two = mask[box], other[box]
    if (one & two).any():
        return 0.0
    apart, _ = KDTree(_shell(two) * grid.spacing_mm).query(_shell(one) * grid.spacing_mm, distance_upper_bound=reach_mm)
    return float(min(apart.min(initial=reach_mm), reach_mm))


def _near(mask: Mask, other: Mask, grid: Grid, reach_mm: float) -> Box | None:
    """Return a box that holds what of ``mask`` may lie near ``other``, and what of ``other`` is near to that."""
    mask_box, other_box = bounding_box(mask, grid), bounding_box(other, grid, reach_mm)
    box = overlap(mask_box, other_box) if mask_box and other_box else None
    if box is None:
        return None
    wide = _grow(box, grid, reach_mm)
    return wide if other[wide].any() else None


def _shell(mask: Mask) -> NDArray[np.int64]:
    """Return (N, 3) indices of a mask's voxels of which a neighbour is outside it."""
    wide = np.pad(mask, 1)
    inside = wide[1:-1, 1:-1, 1:-1].copy()
    for axis in range(3):
        for neighbour in (slice(0, -2), slice(2, None)):
            where = [slice(1, -1)] * 3
            where[axis] = neighbour
            inside &= wide[tuple(where)]
    return np.argwhere(mask & ~inside)


def distance_from(mask: Mask, grid: Grid) -> NDArray[np.float32]:
    """Return each voxel's distance from a mask, mm, 0 in it (Maurer et al. 2003, IEEE PAMI 25:265)."""
    mask = mask.copy(order="K")
    by_columns = not mask.flags.c_contiguous  # ITK walks a volume as it is stored
    image = sitk.GetImageFromArray((mask.T if by_columns else mask).view(np.uint8))
    spacing = grid.spacing_mm if by_columns else grid.spacing_mm[::-1]
    image.SetSpacing(spacing.tolist())
    signed = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True))
    distance = np.asarray(np.maximum(signed, 0), np.float32)
    return distance.T if by_columns else distance


def _grow(box: Box, grid: Grid, margin_mm: float) -> Box:
    margins = np.ceil(margin_mm / grid.spacing_mm).astype(int)
    wide = [slice(max(0, s.start - int(m)), s.stop + int(m)) for s, m in zip(box, margins, strict=True)]
    return wide[0], wide[1], wide[2]
