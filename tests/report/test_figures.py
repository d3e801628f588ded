"""Slices, rows and sheets."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from efface.errors import GridMismatchError
from efface.grid import Grid
from efface.report.figures import (
    OUTLINE,
    WIDTH_PX,
    before_after_figure,
    contact_sheet,
    outline,
    png_bytes,
    slices_figure,
    views_figure,
)

BOX_MM = np.array([[-30.0, 50.0, -60.0], [30.0, 100.0, 0.0]])
"""The mask of these tests: a box in front of and below the middle."""


def centred(shape, spacing) -> Grid:
    affine = np.diag([*np.atleast_1d(spacing) * np.ones(3), 1.0])
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return Grid(shape, affine)


def head(grid: Grid) -> np.ndarray:
    """An ellipsoid of 100 in air."""
    places = grid.ras(np.moveaxis(np.indices(grid.shape), 0, -1))
    return (100.0 * (np.linalg.norm(places / [70, 90, 100], axis=-1) < 1)).astype(np.float32)


def box(grid: Grid) -> np.ndarray:
    places = grid.ras(np.moveaxis(np.indices(grid.shape), 0, -1))
    return ((places >= BOX_MM[0]) & (places <= BOX_MM[1])).all(axis=-1)


GRID = centred((60, 76, 80), 3.0)


def panels(figure: Image.Image) -> list[np.ndarray]:
    """Cut a row of slices into its three square pictures."""
    side = (WIDTH_PX - 12) // 3
    pixels = np.asarray(figure)
    return [pixels[:side, left : left + side] for left in (0, side + 6, 2 * (side + 6))]


def orange(panel: np.ndarray) -> np.ndarray:
    return (panel == OUTLINE).all(axis=-1)


@pytest.mark.parametrize("grid", [GRID, centred((120, 152, 40), (1.5, 1.5, 6)), centred((30, 152, 160), (6, 1.5, 1.5))])
def test_outline_has_the_masks_size_in_every_plane(grid):
    """In millimetres, whatever the voxels' shape."""
    mask = box(grid)
    figure = slices_figure(np.where(mask, 0, head(grid)), grid, mask)
    heads = [np.argwhere((panel.max(axis=-1) > 60) & ~orange(panel)) for panel in panels(figure)]
    assert all(len(h) for h in heads)
    spans = [np.ptp(np.argwhere(orange(panel)), axis=0) + 1 for panel in panels(figure)]
    inside = np.argwhere(mask)
    x, y, z = (np.ptp(inside, axis=0) + 1) * grid.spacing_mm
    mm = z / spans[0][0]
    for (rows, columns), (height, width) in zip(spans, [(z, y), (z, x), (y, x)], strict=True):
        assert rows * mm == pytest.approx(height, abs=3)
        assert columns * mm == pytest.approx(width, abs=3)


def test_outline_is_the_inner_border():
    covered = np.zeros((20, 20), bool)
    covered[5:15, 5:20] = True
    line = outline(covered)
    assert line[5, 5:].all()
    assert line[14, 5:].all()
    assert line[5:15, 5].all()
    assert not line[~covered].any()
    assert not line[7:13, 7:].any()


@pytest.mark.parametrize(
    ("spot", "places"),
    [
        ((40, 50, 45), [(+1, +1), (+1, +1), (+1, +1)]),
        ((-40, 50, -45), [(+1, -1), (-1, -1), (-1, +1)]),
        ((40, -50, -45), [(-1, -1), (+1, -1), (+1, -1)]),
    ],
)
def test_front_and_right_are_right_and_top_is_up(spot, places):
    """(across, up) of a hole's place in the sagittal, coronal and axial picture, in the voxels and in the outline."""
    around = np.linalg.norm(GRID.ras(np.moveaxis(np.indices(GRID.shape), 0, -1)) - np.array(spot), axis=-1)
    values = np.where(around < 14, 0, head(GRID)).astype(np.float32)
    for panel, (across, up) in zip(panels(slices_figure(values, GRID, around < 14)), places, strict=True):
        row, column = ndimage.center_of_mass(orange(panel))
        assert np.sign(column - len(panel) / 2) == across
        assert np.sign(len(panel) / 2 - row) == up
        assert panel[round(row), round(column)].max() < 40


def test_slices_do_not_depend_on_storage():
    affine = GRID.affine.copy()
    affine[:3, 3] = GRID.ras([GRID.shape[0] - 1, 0, 0])
    affine[:3, 0] *= -1
    order = [2, 0, 1]
    turned = Grid(tuple(np.array(GRID.shape)[order]), affine[:, [*order, 3]])
    values, mask = head(GRID), box(GRID)
    values[: GRID.shape[0] // 3] *= 0.5
    one = slices_figure(values, GRID, mask)
    other = slices_figure(values[::-1].transpose(order), turned, mask[::-1].transpose(order))
    difference = np.abs(np.asarray(one).astype(float) - np.asarray(other))
    assert (difference.max(axis=-1) > 8).mean() < 0.005


def test_volume_without_any_contrast_is_drawn():
    grid = centred((10, 10, 10), 4.0)
    figure = slices_figure(np.zeros(grid.shape, np.float32), grid, np.zeros(grid.shape, bool))
    assert figure.width == WIDTH_PX


def test_arrays_of_another_grid_are_refused():
    with pytest.raises(GridMismatchError, match="shape"):
        slices_figure(head(GRID), GRID, np.zeros((3, 3, 3), bool))
    with pytest.raises(GridMismatchError, match="shape"):
        slices_figure(np.zeros((3, 3, 3), np.float32), GRID, box(GRID))


def test_rows_and_sheet_fit():
    views = {name: np.full((60, 60), 200, np.uint8) for name in ("left_45", "left_30", "front", "right_30", "x<y")}
    row = views_figure(views)
    slices = slices_figure(head(GRID), GRID, box(GRID))
    sheet = contact_sheet(slices, row, captions=["After"])
    assert row.width == slices.width == sheet.width == WIDTH_PX
    assert sheet.height > row.height + slices.height
    assert contact_sheet(slices, row).height == row.height + slices.height + 6


def test_png_is_the_same_every_time_and_holds_pixels_only():
    image = contact_sheet(views_figure({"front": np.arange(100, dtype=np.uint8).reshape(10, 10)}))
    image.info["Comment"] = "sub-01"
    data = png_bytes(image)
    assert data == png_bytes(image.copy())
    assert [name for name in (b"tEXt", b"iTXt", b"zTXt", b"tIME", b"eXIf", b"iCCP") if name in data] == []
    with Image.open(BytesIO(data)) as back:
        assert np.array_equal(np.asarray(back), np.asarray(image))
        assert back.info == {}


def test_before_and_after_share_window_and_place():
    before, mask = head(GRID), box(GRID)
    after = np.where(mask, 0, before).astype(np.float32)
    both = np.asarray(before_after_figure(before, after, GRID, mask)).astype(int)
    half = both.shape[0] // 2
    top, bottom = both[34:half], both[half + 37 :]
    rows = min(len(top), len(bottom), 420)
    same = np.abs(top[:rows] - bottom[:rows]).max(axis=-1) < 3
    assert 0.7 < same.mean() < 0.999


def test_shared_figure_shows_the_given_voxels_only():
    """Voxels under the mask may hold anything; nothing but the array given decides the picture."""
    mask, values = box(GRID), head(GRID)
    values[mask] = 0
    figure = panels(slices_figure(values, GRID, mask))[0]
    rows, columns = np.argwhere(orange(figure)).T
    within = figure[rows.min() + 3 : rows.max() - 2, columns.min() + 3 : columns.max() - 2]
    assert within.max() < 40
