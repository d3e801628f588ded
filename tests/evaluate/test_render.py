"""Renders of a simple head: an ellipsoid with a nose and ears."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from efface.errors import UsageError
from efface.evaluate.render import (
    ALL_VIEWS,
    PORTRAIT_MM,
    PROFILE_VIEWS,
    QUALITIES,
    STANDARD_VIEWS,
    Frame,
    frame_of,
    render_views,
)
from efface.grid import Grid

HEAD = ((0, 0, 0), (68, 88, 100))
NOSE = ((0, 90, -25), (11, 16, 15))
LEFT_EAR, RIGHT_EAR = ((-70, -5, -10), (9, 9, 22)), ((70, -5, -10), (9, 9, 22))
ALL = (HEAD, NOSE, LEFT_EAR, RIGHT_EAR)
SIZE_PX = 96
FRAME = Frame(np.zeros(3), 240.0)
VIEWS = {**STANDARD_VIEWS, **PROFILE_VIEWS}


def centred(shape, spacing, turn=None) -> Grid:
    affine = np.diag([*np.atleast_1d(spacing) * np.ones(3), 1.0])
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ affine[:3, :3]
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return Grid(shape, affine)


def clay(grid: Grid, parts=ALL, edge_mm: float = 3.0) -> np.ndarray:
    """Soft-edged ellipsoids: 100 inside, 0 outside."""
    places = grid.ras(np.moveaxis(np.indices(grid.shape), 0, -1))
    inside = np.zeros(grid.shape)
    for centre, axes in parts:
        away = np.linalg.norm((places - np.array(centre)) / np.array(axes), axis=-1)
        inside = np.maximum(inside, np.clip((1 - away) * min(axes) / edge_mm + 0.5, 0, 1))
    return (100 * inside).astype(np.float32)


def draw(values, grid, views=VIEWS):
    return render_views(values, grid, views, size_px=SIZE_PX, spacing_mm=2.5, frame=FRAME)


def overlap(one, other) -> float:
    one, other = one > 0, other > 0
    return (one & other).sum() / (one | other).sum()


GRID = centred((56, 76, 76), 3.0)


@pytest.fixture(scope="module")
def reference():
    return draw(clay(GRID), GRID)


def test_pictures_are_square_bytes_in_the_order_asked_for(reference):
    assert list(reference) == list(VIEWS)
    assert all(p.shape == (SIZE_PX, SIZE_PX) and p.dtype == np.uint8 for p in reference.values())
    assert all(p[0, 0] == 0 and p[SIZE_PX // 2, SIZE_PX // 2] > 100 for p in reference.values())


def test_sizes_are_true(reference):
    pixel_mm = FRAME.extent_mm / SIZE_PX
    hit = draw(clay(GRID, [HEAD]), GRID, {"front": 0.0, "side": 90.0})
    for name, width in (("front", 136), ("side", 176)):
        assert (hit[name] > 0).any(axis=0).sum() * pixel_mm == pytest.approx(width, abs=2.5 * pixel_mm)
        assert (hit[name] > 0).any(axis=1).sum() * pixel_mm == pytest.approx(200, abs=2.5 * pixel_mm)


@pytest.mark.parametrize("name", VIEWS)
def test_nose_points_where_it_should(reference, name):
    """Seen from the person's left, the nose points to the picture's left."""
    without = draw(clay(GRID, [HEAD, LEFT_EAR, RIGHT_EAR]), GRID)[name]
    change = np.abs(reference[name].astype(float) - without)
    row, column = ndimage.center_of_mass(change)
    expected = SIZE_PX / 2 - np.sin(np.deg2rad(VIEWS[name])) * 90 / FRAME.extent_mm * SIZE_PX
    assert column == pytest.approx(expected, abs=5)
    assert row > SIZE_PX / 2 + 3


def test_right_ear_is_on_the_pictures_left_from_the_front(reference):
    without = draw(clay(GRID, [HEAD, NOSE, LEFT_EAR]), GRID)
    change = {name: (reference[name] > 0) & (without[name] == 0) for name in VIEWS}
    assert change["front"][:, : SIZE_PX // 2].any()
    assert not change["front"][:, SIZE_PX // 2 :].any()
    assert not np.array_equal(reference["profile_right"], without["profile_right"])
    assert np.array_equal(reference["profile_left"], without["profile_left"])


def test_sides_mirror_each_other(reference):
    for left, right in (("left_30", "right_30"), ("left_45", "right_45"), ("profile_left", "profile_right")):
        assert overlap(reference[left], reference[right][:, ::-1]) > 0.98


STORAGE = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]


@given(storage=st.sampled_from(STORAGE), fortran=st.booleans())
@settings(max_examples=16, deadline=None)
def test_storage_order_does_not_matter(reference, storage, fortran):
    order, signs = storage
    values = clay(GRID).transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    affine = np.eye(4)
    for axis, (old, sign) in enumerate(zip(order, signs, strict=True)):
        affine[:3, axis] = sign * GRID.affine[:3, old]
    affine[:3, 3] = GRID.affine[:3, 3]
    for old, sign in zip(order, signs, strict=True):
        if sign < 0:
            affine[:3, 3] += GRID.affine[:3, old] * (GRID.shape[old] - 1)
    values = np.asfortranarray(values) if fortran else np.ascontiguousarray(values)
    pictures = draw(values, Grid(values.shape, affine), {"left_45": 45.0, "front": 0.0})
    for name, picture in pictures.items():
        assert np.abs(picture.astype(float) - reference[name]).mean() < 0.5


@pytest.mark.parametrize("shape", [((84, 114, 38), (2, 2, 6)), ((28, 114, 114), (6, 2, 2)), ((84, 38, 114), (2, 6, 2))])
def test_thick_slices_keep_the_proportions(reference, shape):
    grid = centred(*shape)
    for name, picture in draw(clay(grid, edge_mm=5), grid, STANDARD_VIEWS).items():
        assert overlap(picture, reference[name]) > 0.93


def test_oblique_scans_stand_upright(reference):
    sin, cos = np.sin(0.3), np.cos(0.3)
    turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    grid = centred((88, 88, 88), 3.0, turn)
    for name, picture in draw(clay(grid), grid).items():
        assert overlap(picture, reference[name]) > 0.97
        assert np.abs(picture.astype(float) - reference[name]).mean() < 6


@pytest.mark.parametrize("brain", [25, 400])
def test_what_is_inside_does_not_matter(reference, brain):
    inner = clay(GRID, [((0, 0, 0), (56, 76, 88))]) / 100
    values = clay(GRID) * (1 - inner) + brain * inner
    for name, picture in draw(values.astype(np.float32), GRID, STANDARD_VIEWS).items():
        assert overlap(picture, reference[name]) > 0.96


@pytest.mark.parametrize("sigma", [5, 8])
def test_noise_makes_no_specks(reference, sigma):
    noise = np.random.default_rng(3).normal(0, sigma, (2, *GRID.shape))
    values = np.hypot(clay(GRID) + noise[0], noise[1]).astype(np.float32)
    for name, picture in draw(values, GRID).items():
        assert ndimage.label(picture > 0, np.ones((3, 3)))[1] == 1
        assert overlap(picture, reference[name]) > 0.96


def test_surface_is_smooth():
    """Neighbouring pixels of a sphere differ little: no terraces of voxels."""
    grid = centred((70, 70, 30), (2, 2, 5))
    picture = draw(clay(grid, [((0, 0, 0), (60, 60, 60))]), grid, {"front": 0.0})["front"].astype(float)
    middle = picture[SIZE_PX // 2 - 12 : SIZE_PX // 2 + 12, SIZE_PX // 2 - 12 : SIZE_PX // 2 + 12]
    assert np.abs(np.diff(middle, 2, axis=0)).max() < 12
    assert np.abs(np.diff(middle, 2, axis=1)).max() < 12


def test_head_cut_by_the_field_of_view_is_closed():
    grid = centred((56, 76, 40), 3.0)
    picture = draw(clay(grid), grid, {"front": 0.0})["front"]
    assert (picture > 0).any(axis=1).sum() == pytest.approx(120 / FRAME.extent_mm * SIZE_PX, abs=3)


def test_nothing_to_see_is_black():
    pictures = render_views(np.zeros((10, 10, 10), np.float32), centred((10, 10, 10), 4.0), size_px=32)
    assert list(pictures) == list(STANDARD_VIEWS)
    assert not any(picture.any() for picture in pictures.values())


def test_whole_head_fills_the_frame():
    frame = frame_of(clay(GRID), GRID)
    assert frame.extent_mm == pytest.approx(215, abs=16)
    picture = render_views(clay(GRID), GRID, {"front": 0.0}, size_px=SIZE_PX, spacing_mm=2.5)["front"]
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert not border.any()
    assert (picture > 0).any(axis=1).mean() > 0.88


def test_same_scan_same_bytes():
    one, other = (draw(clay(GRID), GRID, {"front": 0.0})["front"] for _ in range(2))
    assert np.array_equal(one, other)


def ball(radius_mm, centre=(0, 0, 0)):
    grid = centred((60, 60, 60), 3.0)
    return clay(grid, [(centre, (radius_mm,) * 3)]), grid


def test_a_ball_in_perspective_is_as_large_as_geometry_says():
    """A ball of radius r at distance d fills the angle whose sine is r / d."""
    picture = render_views(*ball(60), {"front": 0.0}, size_px=SIZE_PX, spacing_mm=2.0, frame=FRAME, camera_mm=400.0)
    pixel_mm = FRAME.extent_mm / SIZE_PX
    expected = 2 * 400 * np.tan(np.arcsin(60 / 400))
    for axis in (0, 1):
        assert (picture["front"] > 0).any(axis=axis).sum() * pixel_mm == pytest.approx(expected, abs=1.5 * pixel_mm)


@pytest.mark.parametrize(("y_mm", "larger"), [(40, True), (-40, False)])
def test_what_is_near_looks_larger(y_mm, larger):
    values, grid = ball(30, (0, y_mm, 0))
    options = {"size_px": SIZE_PX, "spacing_mm": 2.0, "frame": FRAME}
    flat, deep = (render_views(values, grid, {"front": 0.0}, camera_mm=mm, **options)["front"] for mm in (None, 400))
    assert ((deep > 0).sum() > (flat > 0).sum()) == larger


def test_from_far_away_perspective_is_parallel(reference):
    far = render_views(clay(GRID), GRID, VIEWS, size_px=SIZE_PX, spacing_mm=2.5, frame=FRAME, camera_mm=1e6)
    for name, picture in far.items():
        assert overlap(picture, reference[name]) > 0.99
        assert np.abs(picture.astype(float) - reference[name]).mean() < 0.5


def test_whole_head_fits_the_frame_in_perspective():
    pictures = render_views(clay(GRID), GRID, ALL_VIEWS, size_px=SIZE_PX, spacing_mm=2.5, camera_mm=PORTRAIT_MM)
    for picture in pictures.values():
        assert not np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]]).any()


@pytest.mark.parametrize("camera_mm", [-1.0, 0.0, 100.0, float("nan")])
def test_a_camera_in_the_head(camera_mm):
    with pytest.raises(UsageError, match="camera"):
        render_views(clay(GRID), GRID, camera_mm=camera_mm)


def test_odd_volumes_are_drawn():
    assert render_views(clay(GRID), GRID, {}) == {}
    for shape in ((1, 1, 1), (2, 40, 1)):
        values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        for camera_mm in (None, PORTRAIT_MM):
            render_views(values, centred(shape, 2.0), size_px=16, camera_mm=camera_mm)


def test_fine_quality_is_finer():
    assert QUALITIES["fine"].size_px > QUALITIES["standard"].size_px
    assert QUALITIES["fine"].spacing_mm < QUALITIES["standard"].spacing_mm
