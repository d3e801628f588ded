"""Pictures of the head's skin surface from the standard sides; no display, no graphics card, any contrast.

from efface.evaluate.render import ALL_VIEWS, PORTRAIT_MM, render_views

scan = efface.read_scan("in.nii.gz")
pictures = render_views(scan.intensities(), scan.grid)  # five parallel projections
portraits = render_views(scan.intensities(), scan.grid, ALL_VIEWS, camera_mm=PORTRAIT_MM)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.errors import UsageError
from efface.evaluate.rays import Camera, Surface, cast, find_surface, normals, prepare
from efface.grid import FloatArray, Grid
from efface.spatial.head_surface import Volume

Picture = NDArray[np.uint8]

STANDARD_VIEWS: Mapping[str, float] = MappingProxyType(
    {"left_45": 45.0, "left_30": 30.0, "front": 0.0, "right_30": -30.0, "right_45": -45.0}
)
"""The five views of Theyers et al. 2021: how far the camera moves from the front to the person's left, degrees."""
PROFILE_VIEWS: Mapping[str, float] = MappingProxyType({"profile_left": 90.0, "profile_right": -90.0})
"""Both profiles, seen from the person's left and right, degrees."""
ALL_VIEWS: Mapping[str, float] = MappingProxyType({**STANDARD_VIEWS, **PROFILE_VIEWS})
"""The five standard views, then both profiles, degrees."""

PORTRAIT_MM = 700.0
"""How far the camera stands from the head's middle in perspective, as for a portrait."""
NEAREST_MM = 300.0
"""A camera nearer than this could stand in the head."""
ROOM = 1.06
"""How much wider a head's frame is in perspective, where its near side looks larger."""


@dataclass(frozen=True)
class Quality:
    """How finely to draw."""

    size_px: int
    """Height and width of each picture."""
    spacing_mm: float
    """Spacing of the grid on which the surface is found."""


QUALITIES: Mapping[str, Quality] = MappingProxyType({"standard": Quality(300, 1.25), "fine": Quality(600, 0.75)})
"""What verification, reports and detectors look at, and one that shows all that a 1 mm scan holds."""

AMBIENT, HEAD_LIGHT, SIDE_LIGHT = 0.10, 0.58, 0.32
"""Shares of the light that comes from everywhere, from the camera, and from above and beside the camera."""
SIDE_LIGHT_FROM = np.array([-0.45, 0.65, 0.61])
"""Where the second light stands: to the picture's left, up, towards the camera."""
HOLLOW_MM = 6.0
"""Width and depth of the hollows that are darkened."""


@dataclass(frozen=True, eq=False)
class Frame:
    """What a picture shows; share one between pictures that are to be compared."""

    centre_mm: FloatArray
    """(3,) point in RAS+ mm that lies in the picture's centre; the camera turns about it."""
    extent_mm: float
    """Height and width of the picture, at the depth of its centre."""


def render_views(
    values: Volume,
    grid: Grid,
    views: Mapping[str, float] = STANDARD_VIEWS,
    *,
    size_px: int = 300,
    spacing_mm: float = 1.25,
    frame: Frame | None = None,
    camera_mm: float | None = None,
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
    camera_mm : float, optional
        Perspective: how far the camera stands from the frame's centre. By default it is infinitely far (orthographic).

    Returns
    -------
    pictures : dict of str to (size_px, size_px) uint8 array
        One picture per view in the order given, top of the head up; black where no head is hit.

    Raises
    ------
    UsageError
        The camera is nearer than `NEAREST_MM`.
    """
    check_camera(camera_mm)
    surface = find_surface(values, grid, spacing_mm)
    frame = frame or frame_around(surface.ras, 1 if camera_mm is None else ROOM)
    cameras = {
        name: Camera(frame.centre_mm, axes_at(np.deg2rad(angle)), frame.extent_mm, size_px, camera_mm)
        for name, angle in views.items()
    }
    columns = [prepare(surface, camera) for camera in list(cameras.values())[:1]]
    return {name: _draw(surface, camera, *columns) for name, camera in cameras.items()}


def frame_of(values: Volume, grid: Grid, spacing_mm: float = 2.5) -> Frame:
    """Return the frame that shows a scan's whole head in parallel projection.

    Parameters
    ----------
    values : (I, J, K) float32 array
    grid : Grid
        Where the voxels lie.
    spacing_mm : float
        How finely to look.
    """
    return frame_around(find_surface(values, grid, spacing_mm).ras)


def check_camera(camera_mm: float | None) -> None:
    """Raise `UsageError` where a camera is nearer than `NEAREST_MM`."""
    if camera_mm is not None and not camera_mm >= NEAREST_MM:
        message = f"a camera at {camera_mm:g} mm could stand in the head; use {NEAREST_MM:g} mm or more"
        raise UsageError(message)


def frame_around(ras: Grid, room: float = 1) -> Frame:
    """Return the frame that shows all of a grid along the world's axes from any side."""
    sides = np.array(ras.shape) * ras.spacing_mm
    return Frame(ras.ras((np.array(ras.shape) - 1) / 2), float(sides.max()) * 1.02 * room)


def _draw(surface: Surface, camera: Camera, columns: Volume) -> Picture:
    """Draw one view: cast the rays, find the normals where they hit, shade."""
    depth_mm = cast(surface, camera, columns)
    places = camera.places(depth_mm)
    hit = np.isfinite(depth_mm)
    light = _shade(normals(surface, places), camera.toward(places), camera) * _open(depth_mm, camera)[hit]
    picture = np.zeros(depth_mm.shape, np.uint8)
    picture[hit] = np.clip(np.round(255 * light), 1, 255)
    return picture


def axes_at(angle: float) -> FloatArray:
    """Return a camera's axes as rows in RAS+: the picture's right, up, and towards the camera."""
    sin, cos = np.sin(angle), np.cos(angle)
    return np.array([[-cos, -sin, 0.0], [0.0, 0.0, 1.0], [-sin, cos, 0.0]])


def _shade(outward: FloatArray, toward: FloatArray, camera: Camera) -> FloatArray:
    """Return the light (0 to 1) from surfaces with (N, 3) normals, seen from ``toward`` them; Lambert's law."""
    facing = np.abs((outward * toward).sum(axis=1))
    side = np.clip(outward @ camera.axes.T @ SIDE_LIGHT_FROM / np.linalg.norm(SIDE_LIGHT_FROM), 0, 1)
    return np.asarray(AMBIENT + HEAD_LIGHT * facing + SIDE_LIGHT * side)


def _open(depth_mm: FloatArray, camera: Camera) -> FloatArray:
    """Return how much light reaches each pixel: less in hollows.

    Every pixel is compared with pairs of opposite neighbours, so that slopes and outlines stay bright.
    """
    size_px, below = len(depth_mm), np.zeros_like(depth_mm)
    reach = HOLLOW_MM / camera.extent_mm * size_px
    steps = [(r * reach, np.deg2rad(a)) for r in (0.5, 1.0) for a in (0, 45, 90, 135)]
    for radius, angle in steps:
        down, right = round(radius * np.sin(angle)), round(radius * np.cos(angle))
        pair = [np.roll(depth_mm, (s * down, s * right), (0, 1)) - depth_mm for s in (1, -1)]
        below += np.nan_to_num(sum(np.clip(one, -HOLLOW_MM, HOLLOW_MM) for one in pair))
    hollow = ndimage.gaussian_filter(below / (2 * len(steps) * HOLLOW_MM), 0.7)
    return np.asarray(1 - 1.1 * np.clip(hollow, -0.05, 0.6))
