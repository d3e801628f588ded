"""The views of `efface.evaluate.render`, drawn finely by VTK: a mesh, three lights, shade in hollows (extra `study`).

It draws into memory: neither a display nor a window system is needed, nor a graphics card.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from efface.errors import UsageError
from efface.evaluate.rays import Surface, find_surface
from efface.evaluate.render import ALL_VIEWS, ROOM, Frame, Picture, axes_at, check_camera, frame_around
from efface.grid import FloatArray, Grid
from efface.spatial.head_surface import Volume

SIZE_PX = 900
"""Height and width of each picture."""
SPACING_MM = 0.75
"""Spacing of the grid on which the surface is found; finer shows a 1 mm scan's noise, not its skin."""
TIMES_FINER = 2
"""Pixels are drawn this many times as fine and then averaged, so that edges are smooth."""
LIGHTS = ((0.1, 0.3, 1.0, 0.50), (-0.9, 0.9, 0.7, 0.50), (1.0, 0.1, 0.1, 0.25))
"""Where lights stand (the picture's right, up, towards the camera), and how bright they are."""
AMBIENT, SHINE = 0.10, 0.12
"""Light from everywhere, and how much skin shines."""
HOLLOW_MM = 12.0
"""How near another part of the head must be to darken a hollow."""
STAND_OFF_MM = 700.0
"""Where the camera stands for parallel rays; it changes nothing but what lies behind it."""


def render_views_finely(
    values: Volume, grid: Grid, views: Mapping[str, float] = ALL_VIEWS, *, camera_mm: float | None = None
) -> dict[str, Picture]:
    """Draw the head's surface from several sides.

    Parameters
    ----------
    values : (I, J, K) float32 array
        Any contrast.
    grid : Grid
        Where the voxels lie; any orientation.
    views : mapping of str to float
        As for `efface.evaluate.render.render_views`.
    camera_mm : float, optional
        Perspective: how far the camera stands from the head's middle.

    Returns
    -------
    pictures : dict of str to (SIZE_PX, SIZE_PX) uint8 array
        One picture per view in the order given; black where no head is hit.

    Raises
    ------
    UsageError
        VTK is not installed, or cannot draw here; or the camera is too near.
    """
    check_camera(camera_mm)
    window = _window()
    surface = find_surface(values, grid, SPACING_MM)
    if not (surface.field > 0).any():
        return {name: np.zeros((SIZE_PX, SIZE_PX), np.uint8) for name in views}
    renderer = _stage(window, surface)
    frame = frame_around(surface.ras, 1 if camera_mm is None else ROOM)
    pictures = {}
    for name, angle in views.items():
        _look(renderer, frame, axes_at(math.radians(angle)), camera_mm)
        pictures[name] = _picture(window)
    window.Finalize()
    return pictures


def _window() -> Any:
    """Return a window that is never shown."""
    try:
        import vtkmodules.vtkRenderingOpenGL2  # noqa: F401 - what draws registers itself
        from vtkmodules.vtkCommonCore import vtkLogger
        from vtkmodules.vtkRenderingCore import vtkRenderWindow
    except ImportError as error:
        message = (
            f"quality high draws with VTK, which cannot be loaded here ({error}); pip install 'efface[study]', "
            "or use --quality fine"
        )
        raise UsageError(message) from error
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)  # it looks for a display first, and complains
    window = vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(SIZE_PX * TIMES_FINER, SIZE_PX * TIMES_FINER)
    window.Initialize()
    if not window.IsCurrent():  # SupportsOpenGL says yes all the same, and drawing would crash
        message = (
            "quality high draws with VTK, which finds no OpenGL here, in software neither; install Mesa (Debian: "
            "libegl1 and libgl1-mesa-dri), or use --quality fine"
        )
        raise UsageError(message)
    return window


def _stage(window: Any, surface: Surface) -> Any:
    """Put the head and the lights into a window; return what draws them."""
    from vtkmodules.vtkRenderingCore import vtkActor, vtkLight, vtkPolyDataMapper, vtkRenderer
    from vtkmodules.vtkRenderingOpenGL2 import vtkRenderStepsPass, vtkSSAOPass

    mapper, actor, renderer = vtkPolyDataMapper(), vtkActor(), vtkRenderer()
    edges = _mesh(surface)  # a port alone does not keep what makes the mesh alive
    mapper.SetInputConnection(edges.GetOutputPort())
    mapper.ScalarVisibilityOff()
    actor.SetMapper(mapper)
    skin = actor.GetProperty()
    skin.SetAmbient(AMBIENT)
    skin.SetDiffuse(1 - AMBIENT)
    skin.SetSpecular(SHINE)
    skin.SetSpecularPower(18)
    renderer.AddActor(actor)
    renderer.AutomaticLightCreationOff()
    for right, up, toward, brightness in LIGHTS:
        light = vtkLight()
        light.SetLightTypeToCameraLight()
        light.SetPosition(right, up, toward)
        light.SetFocalPoint(0, 0, 0)
        light.SetIntensity(brightness)
        renderer.AddLight(light)
    hollows = vtkSSAOPass()
    hollows.SetDelegatePass(vtkRenderStepsPass())
    hollows.SetRadius(HOLLOW_MM)
    hollows.SetBias(0.4)
    hollows.SetKernelSize(32)
    hollows.BlurOn()
    renderer.SetPass(hollows)
    window.AddRenderer(renderer)
    return renderer


def _mesh(surface: Surface) -> Any:
    """Return what makes triangles of a surface, in RAS+ mm, with the field's own normals."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

    image = vtkImageData()
    image.SetDimensions(*surface.ras.shape)
    image.SetSpacing(*surface.ras.spacing_mm)
    image.SetOrigin(*surface.ras.affine[:3, 3])
    image.GetPointData().SetScalars(numpy_to_vtk(-surface.field.ravel(order="F"), deep=1))
    edges = vtkFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, 0.0)
    edges.ComputeNormalsOn()
    return edges


def _look(renderer: Any, frame: Frame, axes: FloatArray, camera_mm: float | None) -> None:
    """Place the camera."""
    distance = camera_mm or STAND_OFF_MM
    camera = renderer.GetActiveCamera()
    camera.SetFocalPoint(*frame.centre_mm)
    camera.SetPosition(*(frame.centre_mm + distance * axes[2]))
    camera.SetViewUp(*axes[1])
    camera.SetParallelProjection(camera_mm is None)
    camera.SetParallelScale(frame.extent_mm / 2)
    camera.SetViewAngle(math.degrees(2 * math.atan(frame.extent_mm / 2 / distance)))
    renderer.ResetCameraClippingRange()


def _picture(window: Any) -> Picture:
    """Draw, and return what was drawn in grey, averaged over the finer pixels."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

    window.Render()
    pixels, last = vtkUnsignedCharArray(), SIZE_PX * TIMES_FINER - 1
    window.GetPixelData(0, 0, last, last, 0, pixels, 0)
    fine = vtk_to_numpy(pixels).reshape(SIZE_PX, TIMES_FINER, SIZE_PX, TIMES_FINER, 3)
    return np.asarray(fine.mean(axis=(1, 3, 4)).round().astype(np.uint8)[::-1])
