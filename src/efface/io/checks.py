"""Whether an image can be a head scan at all; each refusal is one line."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.errors import UnreadableImageError, UnsupportedImageError
from efface.scan import Scan

FEWEST_VOXELS = 8
"""Along each axis; fewer show no head."""
SPACING_MM = (0.01, 50.0)
"""Distances between voxels that a head scan can have."""
FARTHEST_MM = 1e6
"""Of the first voxel from the origin, along an axis of the world."""
FLATTEST = 0.01
"""Least voxel volume, as a part of the product of the spacings (1: the axes are orthogonal)."""
FEWEST_FINITE = 0.5
"""Least part of the voxels that must be finite."""


def check_shape(axes: tuple[int, ...], name: str) -> tuple[int, ...]:
    """Return (I, J, K) or (I, J, K, T) for the axes of a header, trailing axes of length 1 left out.

    Raises
    ------
    UnreadableImageError
        An axis without voxels.
    UnsupportedImageError
        Not 3-D or 4-D, or too small to show a head.
    """
    shown = " x ".join(map(str, axes))
    if min(axes, default=0) < 1:
        message = f"{name}: the header announces {shown or 'no'} voxels; it is damaged, convert the scan again"
        raise UnreadableImageError(message)
    shape = _without_trailing_ones(axes)
    if len(shape) < 3 or 1 in shape[:3]:
        message = f"{name}: a 2-D image ({shown} voxels); give a 3-D or 4-D scan"
        raise UnsupportedImageError(message)
    if len(shape) > 4:
        message = f"{name}: {len(shape)} axes ({shown} voxels); give a 3-D or 4-D scan"
        raise UnsupportedImageError(message)
    if min(shape[:3]) < FEWEST_VOXELS:
        message = (
            f"{name}: {shown} voxels are too few to show a head (at least {FEWEST_VOXELS} along each axis); "
            "give the whole scan"
        )
        raise UnsupportedImageError(message)
    return shape


def _without_trailing_ones(axes: tuple[int, ...]) -> tuple[int, ...]:
    while len(axes) > 3 and axes[-1] == 1:
        axes = axes[:-1]
    return axes


def check_dtype(dtype: np.dtype[Any], label: str, name: str) -> None:
    """Raise `UnsupportedImageError` unless a voxel is one real number."""
    if dtype.kind not in "iuf":
        message = f"{name}: voxels of type {label}, not real numbers; give the magnitude as integers or floats"
        raise UnsupportedImageError(message)


def check_scan(scan: Scan, name: str) -> Scan:
    """Return the scan if its affine is sound and there is something to see.

    Raises
    ------
    UnsupportedImageError
        Voxels of no size, an absurd affine, too few finite voxels, or the same value everywhere.
    """
    _check_affine(scan.grid.affine, name)
    _check_voxels(scan.stored, name)
    return scan


def _check_affine(affine: NDArray[np.float64], name: str) -> None:
    advice = "repair the header (sform or qform) or convert the scan again"
    if not np.isfinite(affine).all():
        message = f"{name}: the affine holds numbers that are not finite; {advice}"
        raise UnsupportedImageError(message)
    with np.errstate(over="ignore"):
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
    least, most = SPACING_MM
    if spacing.min() < least or spacing.max() > most:
        shown = " x ".join(f"{s:.3g}" for s in spacing)
        message = f"{name}: voxels of {shown} mm (believable: {least:g} to {most:g} mm); {advice}"
        raise UnsupportedImageError(message)
    if np.abs(affine[:3, 3]).max() > FARTHEST_MM:
        message = f"{name}: the first voxel lies {np.abs(affine[:3, 3]).max() / 1000:.3g} m from the origin; {advice}"
        raise UnsupportedImageError(message)
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < FLATTEST:
        message = f"{name}: the affine is singular (voxels of no volume); {advice}"
        raise UnsupportedImageError(message)


def _check_voxels(stored: NDArray[Any], name: str) -> None:
    """Look slab by slab, so that no copy of the volume is made."""
    finite, lowest, highest = 0, math.inf, -math.inf
    for k in range(stored.shape[2]):
        slab = stored[:, :, k]
        seen = slab[np.isfinite(slab)] if stored.dtype.kind == "f" else slab
        finite += seen.size
        if seen.size and not lowest < highest:
            lowest, highest = min(lowest, seen.min().item()), max(highest, seen.max().item())
        if lowest < highest and stored.dtype.kind != "f":
            return
    if finite < FEWEST_FINITE * stored.size:
        part = 100 * (1 - finite / stored.size)
        message = f"{name}: {part:.0f}% of the voxels are not finite (at most half may be); give the original scan"
        raise UnsupportedImageError(message)
    if not lowest < highest:
        message = f"{name}: every voxel has the value {lowest:g}, so there is nothing to see; give the original scan"
        raise UnsupportedImageError(message)
