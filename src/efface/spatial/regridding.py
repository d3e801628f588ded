"""Bring a copy of a scan back onto the scan's own grid, where that takes no interpolation.

A tool may store the same voxels in another order of axes, flip them, cut some of the view off or add to it. All of this
can be undone exactly. Whatever puts a voxel between two others cannot, and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.errors import GridMismatchError
from efface.grid import FloatArray, Grid
from efface.scan import Scan

NEAR = 0.1
"""Share of a voxel by which two headers may differ and still mean the same voxels: they are rounded differently.

Voxels are never shifted by it. Ones that were interpolated differ from the original's all over the brain.
"""
SAME = 0.5
"""Share of bright voxels that are equal in place if only the header was turned; by chance few are."""
CORNERS = np.array(np.meshgrid(*[(0.0, 1.0)] * 3)).reshape(3, -1).T


@dataclass(frozen=True, eq=False)
class Regridded:
    """A copy on the original's grid."""

    scan: Scan
    """The copy; its header's bytes are as they were."""
    unseen: NDArray[np.bool_] = field(repr=False)
    """(I, J, K) True where the copy holds no voxel; the scan has its lowest value there."""
    moved: bool
    """Whether its voxels had to be brought back, so that its header must differ."""
    turned_axes: int = 0
    """Axes that only the copy's header turned: its voxels lie as the original's, and were taken as they are."""


def regridded(original: Scan, copy: Scan, what: str) -> Regridded:
    """Bring a copy of a scan, or of a part of it, back onto the scan's grid without interpolation.

    Parameters
    ----------
    original : the scan whose grid is wanted
    copy : the same voxels in any order of axes, flipped, cropped or padded
    what : how messages call it

    Raises
    ------
    GridMismatchError
        Voxels were interpolated, the copy shows nothing of the original's view, or more than it.
    """
    if original.grid.same_as(copy.grid):
        return Regridded(copy, np.zeros(original.grid.shape, bool), moved=False)
    turned_axes = _turned_by_header_alone(original, copy)
    if turned_axes:
        return Regridded(replace(copy, grid=original.grid), np.zeros(original.grid.shape, bool), True, turned_axes)
    to_original = np.asarray(np.linalg.inv(original.grid.affine) @ copy.grid.affine)
    steps = np.round(to_original)
    _check_whole(original.grid, copy.grid, to_original, steps, what)
    axes = [int(axis) for axis in np.abs(steps[:3, :3]).argmax(axis=1)]
    flips = tuple(axis for axis in range(3) if steps[axis, axes[axis]] < 0)
    turned = np.flip(copy.stored.transpose(*axes, *range(3, copy.stored.ndim)), flips)
    starts = [int(steps[a, 3]) - (turned.shape[a] - 1 if a in flips else 0) for a in range(3)]
    stored, unseen = _placed(original.grid, turned, starts, what)
    moved = copy.grid.shape != original.grid.shape or bool((steps != np.eye(4)).any())
    return Regridded(replace(copy, stored=stored, grid=original.grid), unseen, moved)


def _turned_by_header_alone(original: Scan, copy: Scan) -> int:
    """Return how many axes point elsewhere by the copy's header, if its voxels lie as the original's all the same."""
    codes = sum(one != two for one, two in zip(original.grid.axis_codes, copy.grid.axis_codes, strict=True))
    if not codes or original.stored.shape != copy.stored.shape:
        return 0
    values = original.intensities()
    bright = values > values.mean()
    return codes if bright.any() and (original.stored[bright] == copy.stored[bright]).mean() > SAME else 0


def _placed(grid: Grid, turned: NDArray[Any], starts: list[int], what: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Lay voxels on a grid, the first of them at ``starts``; return them, and where the grid got none of them."""
    spans = list(zip(starts, turned.shape, grid.shape, strict=False))
    there = tuple(slice(max(start, 0), max(min(start + n, whole), 0)) for start, n, whole in spans)
    here = tuple(slice(max(-start, 0), max(min(n, whole - start), 0)) for start, n, whole in spans)
    unseen = np.ones(grid.shape, bool)
    unseen[there] = False
    if unseen.all():
        message = f"{what}: by its header it shows nothing of the original's view; give the original of this very scan"
        raise GridMismatchError(message)
    if not _is_blank_outside(turned, here):
        remedy = "give the whole original, or mend the header"
        message = f"{what}: by its header it shows more than the original does; {remedy}"
        raise GridMismatchError(message)
    stored = np.full(grid.shape + turned.shape[3:], _lowest(turned), turned.dtype, order="F")
    stored[there] = turned[here]
    return stored, unseen


def _check_whole(original: Grid, copy: Grid, to_original: FloatArray, steps: FloatArray, what: str) -> None:
    """Raise unless ``to_original`` carries every voxel of a copy to a whole index, one axis to one axis."""
    remedy = (
        "resampled scans cannot be compared exactly: give as original the scan on the grid that was defaced, or let "
        "the tool keep the original's"
    )
    axes = np.abs(steps[:3, :3])
    corners = CORNERS * (np.array(copy.shape) - 1)
    off = np.abs(corners @ (to_original - steps)[:3, :3].T).max()
    if (axes.sum(axis=0) != 1).any() or (axes.sum(axis=1) != 1).any() or off > NEAR:
        message = f"{what}: {_difference(original, copy)}; {remedy}"
        raise GridMismatchError(message)
    between = np.abs((to_original - steps)[:3, 3]) * original.spacing_mm
    if (np.abs((to_original - steps)[:3, 3]) > NEAR).any():
        shift = ", ".join(f"{mm:.3g}" for mm in between)
        message = f"{what}: its voxels lie between the original's, off by {shift} mm along its axes; {remedy}"
        raise GridMismatchError(message)


def _difference(original: Grid, copy: Grid) -> str:
    """Say what keeps two grids from agreeing: the size of their voxels, or the way their axes point."""
    sizes = [" x ".join(f"{mm:.5g}" for mm in grid.spacing_mm) for grid in (copy, original)]
    said = f"its voxels are {sizes[0]} mm, the original's {sizes[1]} mm"
    one, two = (grid.affine[:3, :3] / grid.spacing_mm for grid in (original, copy))
    angle = float(np.degrees(np.arccos(np.clip(np.abs(one.T @ two).max(axis=1).min(), 0, 1))))
    return f"its axes are turned by {angle:.2g} degrees against the original's, and {said}" if angle > 0.1 else said


def _is_blank_outside(voxels: NDArray[Any], box: tuple[slice, ...]) -> bool:
    """Return whether all voxels outside a box hold one value, as a padded margin does."""
    outside = np.ones(voxels.shape[:3], bool)
    outside[box] = False
    beyond = voxels[outside]
    return bool(beyond.size == 0 or (beyond == beyond.flat[0]).all() or np.isnan(beyond).all())


def _lowest(voxels: NDArray[Any]) -> Any:
    """Return the lowest finite value."""
    return voxels.min() if voxels.dtype.kind != "f" else voxels.min(where=np.isfinite(voxels), initial=np.inf)
