"""Rays that end where they first meet the head's surface, parallel or from a camera; on the CPU, all at once.

The smooth field of `efface.spatial.head_surface` is sampled on planes across the view, from the front to the back;
every ray ends between two planes, where the field is zero: far more precisely than voxels are wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from efface.grid import FloatArray, Grid
from efface.spatial.head_surface import Volume, surface_field

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
CORNER_VOXELS = 0.65
"""Where the field is sampled around a point to find the normal, and how far along each axis."""
BEFORE_CAMERA_MM = 20.0
"""What is nearer to the camera is not seen."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The head's surface, as the zero level of a field."""

    field: Volume
    """(X, Y, Z) above 0 in the head, 0 on its surface, below in the air; air all around."""
    ras: Grid
    """Where its voxels lie: isotropic, along the world's axes."""


@dataclass(frozen=True, eq=False)
class Camera:
    """Where a square picture is taken from; the camera stands upright."""

    centre_mm: FloatArray
    """(3,) point in RAS+ mm in the middle of the picture."""
    axes: FloatArray
    """(3, 3) rows in RAS+: the picture's right, up (always z), and from the centre towards the camera."""
    extent_mm: float
    """Height and width of the picture, at the depth of its centre."""
    size_px: int
    """The same in pixels."""
    distance_mm: float | None = None
    """From the camera to the centre; None for parallel rays."""

    @property
    def across_mm(self) -> FloatArray:
        """Places of pixel centres across the picture, from its middle, at the depth of its centre."""
        return np.asarray(((np.arange(self.size_px) + 0.5) / self.size_px - 0.5) * self.extent_mm)

    def scale(self, depth_mm: FloatArray) -> FloatArray:
        """Return how wide the view is at a depth (in front of the centre, mm), 1 at the centre."""
        return np.maximum(1 - depth_mm / (self.distance_mm or np.inf), 0.01)

    def places(self, depth_mm: FloatArray) -> FloatArray:
        """Return the (N, 3) places in RAS+ mm of a (rows, columns) picture's finite depths, row by row."""
        rows, columns = np.nonzero(np.isfinite(depth_mm))
        deep = depth_mm[rows, columns]
        wide = self.scale(deep)
        seen = np.stack([self.across_mm[columns] * wide, -self.across_mm[rows] * wide, deep], axis=1)
        return np.asarray(seen @ self.axes + self.centre_mm)

    def toward(self, places_mm: FloatArray) -> FloatArray:
        """Return the unit vectors from (N, 3) places to the camera; (1, 3) where all are alike."""
        if self.distance_mm is None:
            return self.axes[2:]
        away = self.centre_mm + self.distance_mm * self.axes[2] - places_mm
        return np.asarray(away / np.linalg.norm(away, axis=1, keepdims=True))


def find_surface(values: Volume, grid: Grid, spacing_mm: float) -> Surface:
    """Find the head's surface in a scan.

    Parameters
    ----------
    values : (I, J, K) float32 array
        Any contrast.
    grid : Grid
        Where the voxels lie; any orientation.
    spacing_mm : float
        Spacing of the grid on which the surface is found.
    """
    return Surface(*_crop(*surface_field(values, grid, spacing_mm)))


def prepare(surface: Surface, camera: Camera) -> Volume:
    """Prepare a surface for `cast`; the same for all cameras that differ only in where they stand around the head.

    One is added to the field, so that what no weight reaches (0) is air and the surface lies at 1. For parallel rays
    every column of voxels is resampled to the picture's rows, once for all of them.

    Returns
    -------
    columns : (X * Y, rows) float32 array for parallel rays, else (X * Y, Z + 3), air at both ends
    """
    columns = np.pad((surface.field + np.float32(1)).reshape(-1, surface.ras.shape[2]), ((0, 0), (1, 2)))
    if camera.distance_mm is not None:
        return columns
    return _rows(columns, surface.ras, camera, 1.0)


def cast(surface: Surface, camera: Camera, columns: Volume) -> FloatArray:
    """Follow every pixel's ray to the place where it first meets the head.

    Parameters
    ----------
    surface : Surface
    camera : Camera
    columns : (X * Y, rows or Z + 3) float32 array
        From `prepare`.

    Returns
    -------
    depth_mm : (rows, columns) float array
        How far in front of the camera's centre that is; NaN where there is nothing.
    """
    ras, step_mm = surface.ras, float(surface.ras.spacing_mm[0])
    depths = _depths(ras, camera, step_mm)
    seen = _columns_seen(ras, camera, depths)
    across = np.outer(camera.scale(depths), camera.across_mm[seen])
    lines = depths[:, None, None] * camera.axes[2] + across[..., None] * camera.axes[0] + camera.centre_mm
    at = _bilinear_weights((lines[..., :2].reshape(-1, 2) - ras.affine[:2, 3]) / step_mm, ras.shape)
    picture = np.full((camera.size_px, camera.size_px), np.nan)
    planes = (at @ columns).reshape(len(depths), len(seen), -1)
    picture[:, seen] = _first_crossing(_stretched(planes, ras, camera, depths), depths).T
    return picture


def normals(surface: Surface, places_mm: FloatArray) -> FloatArray:
    """Return outward unit normals of the surface at (N, 3) places, from the field at a tetrahedron's corners."""
    index = ((places_mm - surface.ras.affine[:3, 3]) / surface.ras.spacing_mm).T
    outward = np.zeros(places_mm.shape)
    for corner in TETRAHEDRON:
        at = index + CORNER_VOXELS * corner[:, None]
        outward -= ndimage.map_coordinates(surface.field, at, order=1, mode="nearest")[:, None] * corner
    length = np.linalg.norm(outward, axis=1, keepdims=True)
    return np.asarray(outward / np.maximum(length, 1e-6))


def _crop(field: Volume, ras: Grid) -> tuple[Volume, Grid]:
    """Cut the field down to the head, with air around it where the view cuts through the head."""
    inside = field > 0
    spans = [np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    if not spans[0].size:
        return field, ras
    start = [max(int(span[0]) - 2, 0) for span in spans]
    part = tuple(slice(first, int(span[-1]) + 3) for first, span in zip(start, spans, strict=True))
    cut = np.pad(field[part], 1, constant_values=np.float32(-1))
    affine = ras.affine.copy()
    affine[:3, 3] = ras.ras(np.array(start) - 1)
    return cut, Grid(cut.shape, affine)


def _middle(ras: Grid, camera: Camera) -> tuple[FloatArray, FloatArray]:
    """Return the grid's middle in the camera's axes, and how far it reaches from there along each, mm."""
    half = np.abs(camera.axes) @ (np.array(ras.shape) * ras.spacing_mm / 2)
    return camera.axes @ (ras.ras((np.array(ras.shape) - 1) / 2) - camera.centre_mm), half


def _depths(ras: Grid, camera: Camera, step_mm: float) -> FloatArray:
    """Return the depths of the planes on which the field is sampled, front first."""
    middle, half = _middle(ras, camera)
    nearest = min(middle[2] + half[2], (camera.distance_mm or np.inf) - BEFORE_CAMERA_MM)
    farthest = middle[2] - half[2]
    return np.arange(max(nearest, farthest + step_mm), farthest - step_mm / 2, -step_mm)


def _columns_seen(ras: Grid, camera: Camera, depths: FloatArray) -> NDArray[np.intp]:
    """Return the picture's columns in which the grid can be seen."""
    middle, half = _middle(ras, camera)
    edges = np.outer([middle[0] - half[0], middle[0] + half[0]], 1 / camera.scale(depths[[0, -1]]))
    return np.flatnonzero((camera.across_mm >= edges.min()) & (camera.across_mm <= edges.max()))


def _stretched(planes: Volume, ras: Grid, camera: Camera, depths: FloatArray) -> Iterator[Volume]:
    """Yield planes, (columns, rows), front first; in perspective each is resampled to the rows by its own scale."""
    if camera.distance_mm is None:
        yield from planes
        return
    for plane, scale in zip(planes, camera.scale(depths), strict=True):
        yield _rows(plane, ras, camera, scale)


def _rows(columns: Volume, ras: Grid, camera: Camera, scale: float) -> Volume:
    """Sample (N, Z + 3) columns of voxels, with air at both ends, linearly at the picture's rows, top first."""
    rows_mm = camera.centre_mm[2] - camera.across_mm * scale
    at = np.clip((rows_mm - ras.affine[2, 3]) / float(ras.spacing_mm[2]), -1, ras.shape[2])
    below = np.floor(at).astype(np.intp)
    share = (at - below).astype(np.float32)
    low, high = columns[:, below + 1], columns[:, below + 2]
    return np.asarray(low + share * (high - low), order="C")


def _bilinear_weights(index: FloatArray, shape: tuple[int, int, int]) -> sparse.csr_array:
    """Return the (N, X * Y) matrix that samples every plane of a volume linearly at (N, 2) indices."""
    low = np.floor(index).astype(np.int32)
    share = (index - low).astype(np.float32)
    valid = ((low >= 0) & (low < np.array(shape[:2]) - 1)).all(axis=1)
    (x, y), (u, v) = low[valid].T, share[valid].T
    corner = x * shape[1] + y
    columns = np.stack([corner, corner + 1, corner + shape[1], corner + shape[1] + 1], axis=1)
    weights = np.stack([(1 - u) * (1 - v), (1 - u) * v, u * (1 - v), u * v], axis=1)
    ends = np.concatenate([[0], np.cumsum(4 * valid)]).astype(np.int32)
    return sparse.csr_array((weights.ravel(), columns.ravel(), ends), shape=(len(index), shape[0] * shape[1]))


def _first_crossing(planes: Iterator[Volume], depths: FloatArray) -> FloatArray:
    """Return the depth where each ray first rises above 1 between two planes; NaN where it never does."""
    step_mm = depths[0] - depths[1]
    before = np.zeros_like(next(planes))  # air is all around, so nothing begins on the first plane
    met, waiting = np.full(before.size, np.nan), np.ones(before.shape, bool)
    for depth, plane in zip(depths[1:], planes, strict=True):
        new = np.flatnonzero((plane > 1) & waiting)
        if new.size:
            here, last = plane.ravel()[new], before.ravel()[new]
            met[new] = depth + step_mm * (here - 1) / np.maximum(here - last, np.float32(1e-6))
            waiting.ravel()[new] = False
        before = plane
    return met.reshape(before.shape)
