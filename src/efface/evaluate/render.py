"""Pictures of the head's skin surface from the standard sides, drawn offscreen by casting parallel rays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from efface.grid import FloatArray, Grid
from efface.spatial.head_surface import Volume, surface_field

Picture = NDArray[np.uint8]

STANDARD_VIEWS: Mapping[str, float] = MappingProxyType(
    {"left_45": 45.0, "left_30": 30.0, "front": 0.0, "right_30": -30.0, "right_45": -45.0}
)
"""The five views of Theyers et al. 2021: how far the camera moves from the front to the person's left, degrees."""
PROFILE_VIEWS: Mapping[str, float] = MappingProxyType({"profile_left": 90.0, "profile_right": -90.0})
"""Both profiles, seen from the person's left and right, degrees."""

AMBIENT, HEAD_LIGHT, SIDE_LIGHT = 0.10, 0.58, 0.32
"""Shares of the light that comes from everywhere, from the camera, and from above and beside the camera."""
SIDE_LIGHT_FROM = np.array([-0.45, 0.65, 0.61])
"""Where the second light stands: to the picture's left, up, towards the camera."""
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
CORNER_VOXELS = 0.65
"""Where the field is sampled around a point to find the normal, and how far along each axis."""
HOLLOW_MM = 6.0
"""Width and depth of the hollows that are darkened."""


@dataclass(frozen=True, eq=False)
class Frame:
    """What a picture shows; share one between pictures that are to be compared."""

    centre_mm: FloatArray
    """(3,) point in RAS+ mm that lies in the picture's centre; the camera turns about it."""
    extent_mm: float
    """Height and width of the picture."""


def render_views(
    values: Volume,
    grid: Grid,
    views: Mapping[str, float] = STANDARD_VIEWS,
    *,
    size_px: int = 300,
    spacing_mm: float = 1.25,
    frame: Frame | None = None,
) -> dict[str, Picture]:
    """Draw the head's surface from several sides.

    Parameters
    ----------
    values : (I, J, K) float32 array
        Any contrast; only the surface between head and air matters.
    grid : Grid
        Where the voxels lie; any orientation.
    views : mapping of str to float
        Name and angle of each view: how far the camera moves about z from the front to the person's left, degrees.
    size_px : int
        Height and width of each picture.
    spacing_mm : float
        Spacing of the grid on which the surface is found.
    frame : Frame, optional
        What the pictures show; by default the whole head.

    Returns
    -------
    pictures : dict of str to (size_px, size_px) uint8 array
        One picture per view in the order given, top of the head up; black where no head is hit.
    """
    field, ras = surface_field(values, grid, spacing_mm)
    field, ras = _crop(field, ras)
    frame = frame or _frame(ras)
    tall = _stretch(field, ras, frame, size_px)
    return {name: _render(field, tall, ras, frame, np.deg2rad(angle)) for name, angle in views.items()}


def frame_of(values: Volume, grid: Grid, spacing_mm: float = 2.5) -> Frame:
    """Return the frame that shows a scan's whole head.

    Parameters
    ----------
    values : (I, J, K) float32 array
    grid : Grid
        Where the voxels lie.
    spacing_mm : float
        How finely to look.
    """
    return _frame(_crop(*surface_field(values, grid, spacing_mm))[1])


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


def _frame(ras: Grid) -> Frame:
    """Return the frame that shows all of a grid along the world's axes from any side."""
    sides = np.array(ras.shape) * ras.spacing_mm
    return Frame(ras.ras((np.array(ras.shape) - 1) / 2), float(sides.max()) * 1.02)


def _stretch(field: Volume, ras: Grid, frame: Frame, size_px: int) -> Volume:
    """Resample the field along z so that its planes are the picture's rows, top first; (X * Y, size_px).

    One is added, so that what no weight reaches (0) is air and the surface lies at 1.
    """
    rows_mm = frame.centre_mm[2] - _across(frame, size_px)
    weights = _linear_weights(ras.index(np.outer(rows_mm, [0, 0, 1]))[:, 2], ras.shape[2])
    flat = (field + np.float32(1)).reshape(-1, ras.shape[2])
    return np.asarray((weights @ flat.T).T, dtype=np.float32, order="C")


def _across(frame: Frame, count: int) -> FloatArray:
    """Return the places of ``count`` pixel centres across a picture, mm from its centre."""
    return np.asarray(((np.arange(count) + 0.5) / count - 0.5) * frame.extent_mm)


def _linear_weights(at: FloatArray, length: int) -> sparse.csr_array:
    """Return the (len(at), length) matrix that samples a line linearly; rows beyond its ends are empty."""
    below = np.floor(at).astype(int)
    rows = np.tile(np.arange(len(at)), 2)
    columns = np.concatenate([below, below + 1])
    weights = np.concatenate([below + 1 - at, at - below]).astype(np.float32)
    valid = (columns >= 0) & (columns < length)
    return sparse.csr_array((weights[valid], (rows[valid], columns[valid])), shape=(len(at), length))


def _camera(angle: float) -> FloatArray:
    """Return the camera's axes as rows in RAS+: the picture's right, up, and towards the camera."""
    sin, cos = np.sin(angle), np.cos(angle)
    return np.array([[-cos, -sin, 0.0], [0.0, 0.0, 1.0], [-sin, cos, 0.0]])


def _render(field: Volume, tall: Volume, ras: Grid, frame: Frame, angle: float) -> Picture:
    """Draw one view: cast the rays, find the normals where they hit, shade."""
    size_px = tall.shape[1]
    camera = _camera(angle)
    depth_mm = _cast(tall, ras, frame, camera)
    rows, columns = np.nonzero(np.isfinite(depth_mm))
    across = _across(frame, size_px)
    places = np.stack([across[columns], -across[rows], depth_mm[rows, columns]], axis=1) @ camera + frame.centre_mm
    light = _shade(_normals(field, ras, places) @ camera.T) * _open(depth_mm, frame)[rows, columns]
    picture = np.zeros((size_px, size_px), np.uint8)
    picture[rows, columns] = np.clip(np.round(255 * light), 1, 255)
    return picture


def _cast(tall: Volume, ras: Grid, frame: Frame, camera: FloatArray) -> FloatArray:
    """Follow every ray from the camera to the first zero crossing.

    Returns
    -------
    depth_mm : (rows, columns) float array
        How far in front of the frame's centre each ray meets the head; NaN where it does not.
    """
    step_mm = float(ras.spacing_mm[0])
    half = np.abs(camera) @ (np.array(ras.shape) * step_mm / 2)
    right, _, toward = camera @ (ras.ras((np.array(ras.shape) - 1) / 2) - frame.centre_mm)
    depths = np.arange(toward + half[2], toward - half[2], -step_mm)
    across = _across(frame, tall.shape[1])
    columns = np.flatnonzero(np.abs(across - right) <= half[0])
    plane = depths[:, None, None] * camera[2] + across[columns, None] * camera[0] + frame.centre_mm
    weights = _bilinear_weights((plane[..., :2].reshape(-1, 2) - ras.affine[:2, 3]) / step_mm, ras.shape)
    along = (weights @ tall).reshape(len(depths), len(columns), -1)
    picture = np.full((tall.shape[1], tall.shape[1]), np.nan)
    picture[:, columns] = _first_crossing(along, depths).T
    return picture


def _first_crossing(along: Volume, depths: FloatArray) -> FloatArray:
    """Return the depth where each ray, (depths, columns, rows), first rises above 1; NaN where it never does."""
    first = (along > 1).argmax(axis=0)
    after, before = (np.take_along_axis(along, np.maximum(first - back, 0)[None], 0)[0] for back in (0, 1))
    share = (after - 1) / np.maximum(after - before, np.float32(1e-6))
    return np.where(first > 0, depths[first] + share * (depths[0] - depths[1]), np.nan)


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


def _normals(field: Volume, ras: Grid, places: FloatArray) -> FloatArray:
    """Return outward unit normals of the surface at (N, 3) places, from the field at a tetrahedron's corners."""
    index = ras.index(places).T
    outward = np.zeros(places.shape)
    for corner in TETRAHEDRON:
        at = index + CORNER_VOXELS * corner[:, None]
        outward -= ndimage.map_coordinates(field, at, order=1, mode="nearest")[:, None] * corner
    length = np.linalg.norm(outward, axis=1, keepdims=True)
    return np.asarray(outward / np.maximum(length, 1e-6))


def _shade(normals: FloatArray) -> FloatArray:
    """Return the light (0 to 1) from surfaces with (N, 3) normals in the camera's axes; Lambert's law."""
    camera = np.abs(normals[:, 2])
    side = np.clip(normals @ SIDE_LIGHT_FROM / np.linalg.norm(SIDE_LIGHT_FROM), 0, 1)
    return np.asarray(AMBIENT + HEAD_LIGHT * camera + SIDE_LIGHT * side)


def _open(depth_mm: FloatArray, frame: Frame) -> FloatArray:
    """Return how much light reaches each pixel: less in hollows.

    Every pixel is compared with pairs of opposite neighbours, so that slopes and outlines stay bright.
    """
    size_px, below = len(depth_mm), np.zeros_like(depth_mm)
    reach = HOLLOW_MM / frame.extent_mm * size_px
    steps = [(r * reach, np.deg2rad(a)) for r in (0.5, 1.0) for a in (0, 45, 90, 135)]
    for radius, angle in steps:
        down, right = round(radius * np.sin(angle)), round(radius * np.cos(angle))
        pair = [np.roll(depth_mm, (s * down, s * right), (0, 1)) - depth_mm for s in (1, -1)]
        below += np.nan_to_num(sum(np.clip(one, -HOLLOW_MM, HOLLOW_MM) for one in pair))
    hollow = ndimage.gaussian_filter(below / (2 * len(steps) * HOLLOW_MM), 0.7)
    return np.asarray(1 - 1.1 * np.clip(hollow, -0.05, 0.6))
