"""Carry values from one grid to another."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from efface.errors import GridMismatchError
from efface.grid import FloatArray, Grid


def coarsen(values: NDArray[np.float32], grid: Grid, spacing_mm: float) -> tuple[NDArray[np.float32], Grid]:
    """Average blocks of voxels, so that no block is longer than ``spacing_mm``; a proper anti-aliasing by itself.

    Parameters
    ----------
    values : (I, J, K) float32 array
    grid : its grid
    spacing_mm : longest block edge, mm

    Returns
    -------
    values : float32 array, smaller by a whole factor along each axis (left-over voxels at the end are dropped)
    grid : its grid
    """
    factors = [max(1, min(int(spacing_mm / s + 0.1), n)) for s, n in zip(grid.spacing_mm, grid.shape, strict=True)]
    for axis in np.argsort(values.strides)[::-1].tolist():  # whole stretches of memory are added first
        factor = factors[axis]
        if factor > 1:
            whole = values.shape[axis] // factor
            blocks = [values[(slice(None),) * axis + (slice(k, whole * factor, factor),)] for k in range(factor)]
            total = blocks[0] + blocks[1]
            for block in blocks[2:]:
                total += block
            total /= np.float32(factor)
            values = total
    affine = grid.affine.copy()
    affine[:3, :3] = grid.affine[:3, :3] * factors
    affine[:3, 3] = grid.ras((np.array(factors) - 1) / 2)
    return values, Grid(values.shape, affine)


def on_ras_grid(values: NDArray[np.float32], grid: Grid, spacing_mm: float) -> tuple[NDArray[np.float32], Grid]:
    """Resample a volume linearly onto an isotropic grid along the world's axes that covers all of it.

    Voxels finer than the new grid are averaged first. What lies outside the volume gets its lowest value.

    Parameters
    ----------
    values : (I, J, K) float32 array
    grid : Grid
        Where the voxels lie; any orientation, oblique and sheared ones included.
    spacing_mm : float
        Spacing of the new grid.

    Returns
    -------
    volume : (X, Y, Z) float32 array
        x to the person's right, y to the front, z to the top.
    ras : Grid
        Where its voxels lie.

    Raises
    ------
    GridMismatchError
        The volume does not have the grid's shape.
    """
    check_shape(values, grid)
    values, blocks = coarsen(np.asarray(values, np.float32), grid, spacing_mm)
    ras = ras_grid(grid, spacing_mm)
    to_index = np.asarray(np.linalg.inv(blocks.affine) @ ras.affine)
    return _sample(values, to_index, ras.shape, outside=float(values.min())), ras


def ras_grid(grid: Grid, spacing_mm: float) -> Grid:
    """Return the isotropic grid along the world's axes that covers all of a grid's voxels."""
    world = grid.ras(list(product(*[(-0.5, n - 0.5) for n in grid.shape])))
    lowest, highest = world.min(axis=0), world.max(axis=0)
    shape = np.maximum(np.ceil((highest - lowest) / spacing_mm), 1).astype(int)
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = (lowest + highest - (shape - 1) * spacing_mm) / 2
    return Grid(tuple(shape.tolist()), affine)


def check_shape(values: NDArray[np.generic], grid: Grid) -> None:
    """Raise `GridMismatchError` unless an array has the grid's shape."""
    if values.shape != grid.shape:
        message = f"array of shape {values.shape} on a grid of shape {grid.shape}; give each array its own scan's grid"
        raise GridMismatchError(message)


def resample(
    values: NDArray[Any],
    grid: Grid,
    target: Grid,
    *,
    target_to_source: FloatArray | None = None,
    order: int = 1,
    outside: float | None = 0.0,
) -> NDArray[Any]:
    """Sample values at another grid's voxel centres.

    Parameters
    ----------
    values : (I, J, K) array on ``grid``
    target : the grid to sample on
    target_to_source : (4, 4) matrix from the target's world to the source's world, RAS+ mm; identity if not given
    order : 0 nearest voxel (labels), 1 linear
    outside : value where the source has no voxel; None repeats the source's edge

    Returns
    -------
    values : (target.shape) array of the same dtype
    """
    check_shape(values, grid)
    world = np.eye(4) if target_to_source is None else target_to_source
    matrix = np.asarray(np.linalg.inv(grid.affine) @ world @ target.affine)
    return _sample(values, matrix, target.shape, order=order, outside=outside)


def _sample(
    values: NDArray[Any],
    to_index: FloatArray,
    shape: tuple[int, int, int],
    *,
    order: int = 1,
    outside: float | None,
) -> NDArray[Any]:
    """Sample a volume at every index of a new grid; ``to_index`` (4, 4) carries new indices to old ones.

    ITK sees plain index space (so shear is no matter), its first axis being numpy's last. Both volumes are walked in
    the order in which the old one is stored, which is three times as fast.
    """
    turned = not values.flags.c_contiguous and values.flags.f_contiguous
    image = sitk.GetImageFromArray(values.T if turned else np.ascontiguousarray(values))
    along = slice(None) if turned else slice(None, None, -1)
    matrix, shift = to_index[:3, :3][along, along].ravel().tolist(), to_index[:3, 3][along].tolist()
    moved = sitk.Resample(
        image,
        np.array(shape)[along].tolist(),
        sitk.AffineTransform(matrix, shift),
        sitk.sitkLinear if order else sitk.sitkNearestNeighbor,
        [0.0] * 3,
        [1.0] * 3,
        np.eye(3).ravel().tolist(),
        outside or 0.0,
        image.GetPixelID(),
        outside is None,
    )
    array = sitk.GetArrayFromImage(moved)
    return np.asarray(array.T if turned else array)
