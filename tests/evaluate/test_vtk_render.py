"""VTK draws the same head in the same place as the views that verification looks at; without it, efface says so."""

import sys

import numpy as np
import pytest

from efface.errors import UsageError
from efface.evaluate import vtk_render
from efface.evaluate.render import PORTRAIT_MM, render_views
from efface.evaluate.vtk_render import render_views_finely

VIEWS = {"left_45": 45.0, "front": 0.0, "profile_right": -90.0}


@pytest.fixture
def small(monkeypatch):
    pytest.importorskip("vtkmodules")
    try:
        vtk_render._window().Finalize()
    except UsageError as error:
        pytest.skip(str(error))
    monkeypatch.setattr(vtk_render, "SIZE_PX", 120)
    monkeypatch.setattr(vtk_render, "SPACING_MM", 2.0)


def overlap(one, other):
    return ((one > 0) & (other > 0)).sum() / ((one > 0) | (other > 0)).sum()


@pytest.mark.parametrize("camera_mm", [None, PORTRAIT_MM])
def test_the_head_lies_where_the_other_renders_show_it(phantom_scan, small, camera_mm):
    values, grid = phantom_scan.intensities(), phantom_scan.grid
    fine = render_views_finely(values, grid, VIEWS, camera_mm=camera_mm)
    plain = render_views(values, grid, VIEWS, size_px=120, spacing_mm=2.0, camera_mm=camera_mm)
    assert list(fine) == list(VIEWS)
    for name, picture in fine.items():
        assert (picture.shape, picture.dtype) == ((120, 120), np.uint8)
        assert overlap(picture, plain[name]) > 0.97
        assert 60 < np.median(picture[picture > 0]) < 250


def test_nothing_to_see_is_black(phantom_scan, small):
    pictures = render_views_finely(np.zeros(phantom_scan.grid.shape, np.float32), phantom_scan.grid, VIEWS)
    assert not any(picture.any() for picture in pictures.values())


def test_a_camera_in_the_head_is_refused(phantom_scan):
    with pytest.raises(UsageError, match="camera"):
        render_views_finely(phantom_scan.intensities(), phantom_scan.grid, VIEWS, camera_mm=10.0)


def test_without_vtk_the_extra_is_named(monkeypatch, phantom_scan):
    monkeypatch.setitem(sys.modules, "vtkmodules.vtkRenderingOpenGL2", None)
    with pytest.raises(UsageError, match=r"efface\[study\].*--quality fine"):
        render_views_finely(phantom_scan.intensities(), phantom_scan.grid, VIEWS)
