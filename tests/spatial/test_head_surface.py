"""The head's surface from intensity alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from efface.grid import Grid
from efface.spatial.head_surface import head_mask, head_threshold, surface_field
from efface.spatial.resample import on_ras_grid

AXES_MM = np.array([70.0, 90.0, 100.0])


def places(grid: Grid) -> np.ndarray:
    return grid.ras(np.moveaxis(np.indices(grid.shape), 0, -1))


def ball(grid: Grid, centre=(0, 0, 0), axes=AXES_MM, edge_mm: float = 3.0) -> np.ndarray:
    """An ellipsoid with a soft edge: 1 inside, 0 outside, (I, J, K)."""
    away = np.linalg.norm((places(grid) - np.array(centre)) / axes, axis=-1)
    return np.clip((1 - away) * np.min(axes) / edge_mm + 0.5, 0, 1).astype(np.float32)


def centred(shape, spacing) -> Grid:
    affine = np.diag([*np.atleast_1d(spacing) * np.ones(3), 1.0])
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return Grid(shape, affine)


def magnitude(values: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, (2, *values.shape))
    return np.hypot(values + noise[0], noise[1]).astype(np.float32)


GRID = centred((60, 72, 80), 3.0)


@pytest.mark.parametrize("noise", [0, 3, 8])
@pytest.mark.parametrize(("skin", "brain"), [(100, 100), (250, 100), (40, 100), (100, 300)])
def test_threshold_parts_air_and_skin(noise, skin, brain):
    whole, inner = ball(GRID), ball(GRID, axes=AXES_MM - 12)
    values = magnitude(skin * whole + (brain - skin) * inner, noise)
    threshold = head_threshold(values)
    air = values[whole == 0]
    assert np.mean(air > threshold) < 0.005
    assert threshold < 0.8 * skin


@pytest.mark.parametrize(("scale", "shift"), [(1e-3, 0), (1, 0), (5e4, 0), (1, -1024), (2, 300)])
def test_threshold_follows_the_units(scale, shift):
    values = magnitude(100 * ball(GRID), 4)
    moved = head_threshold((values * scale + shift).astype(np.float32))
    assert moved == pytest.approx(head_threshold(values) * scale + shift, rel=1e-2, abs=abs(scale))


def test_mask_has_the_volume_of_the_head():
    mask, ras = head_mask(100 * ball(GRID), GRID)
    volume = mask.sum() * np.prod(ras.spacing_mm)
    assert volume == pytest.approx(4 / 3 * np.pi * AXES_MM.prod(), rel=0.06)


def test_mask_keeps_dark_skin_and_a_shaded_side():
    shade = np.linspace(0.35, 1.6, GRID.shape[1])[None, :, None].astype(np.float32)
    mask, ras = head_mask(magnitude(100 * ball(GRID) * shade, 2), GRID)
    truth, _ = head_mask(100 * ball(GRID), GRID)
    assert np.mean(mask[truth]) > 0.985
    assert ras.spacing_mm == pytest.approx([2, 2, 2])


def test_noise_and_things_beside_the_head_are_left_out():
    pillow = 100 * ball(GRID, centre=(0, 0, -113), axes=np.array([40, 40, 5.0]))
    values = magnitude(100 * ball(GRID) + pillow, 8)
    mask, ras = head_mask(values, GRID)
    assert ndimage.label(mask)[1] == 1
    assert not mask[:, :, : int(ras.index([0, 0, -107])[2])].any()


def test_air_inside_is_head_even_behind_a_narrow_opening():
    sinus = ball(GRID, centre=(0, 60, 0), axes=np.array([18, 15, 15.0]))
    nostril = ball(GRID, centre=(0, 80, 0), axes=np.array([4, 25, 4.0]))
    values = 100 * ball(GRID) * (1 - np.maximum(sinus, nostril))
    mask, ras = head_mask(values, GRID)
    assert mask[tuple(np.round(ras.index([0, 60, 0])).astype(int))]
    assert values[tuple(np.round(GRID.index([0, 60, 0])).astype(int))] == 0


def test_constant_volume_has_no_head():
    mask, _ = head_mask(np.full((12, 12, 12), 7, np.float32), centred((12, 12, 12), 4))
    assert not mask.any()


def test_head_in_a_background_of_zeros():
    mask, _ = head_mask(np.where(ball(GRID) > 0.5, magnitude(100 * ball(GRID), 5), 0), GRID)
    assert mask.sum() * 8 == pytest.approx(4 / 3 * np.pi * AXES_MM.prod(), rel=0.09)


def test_surface_lies_where_the_edge_is():
    field, ras = surface_field(100 * ball(GRID, edge_mm=4.5), GRID, 2.0)
    line = np.stack([np.zeros(400), np.linspace(60, 110, 400), np.zeros(400)], axis=1)
    along = ndimage.map_coordinates(field, ras.index(line).T, order=1)
    surface_mm = line[np.argmax(along < 0), 1]
    assert surface_mm == pytest.approx(AXES_MM[1], abs=2.5)


turns = st.tuples(*[st.floats(-0.5, 0.5)] * 3)


@given(turn=turns, shear=st.floats(-0.2, 0.2), order=st.permutations(range(3)), fortran=st.booleans())
@settings(max_examples=20, deadline=None)
def test_resampling_keeps_every_place(turn, shear, order, fortran):
    """A volume that holds its own world coordinate keeps holding it, on any grid."""
    (a, b, c), skew = turn, np.eye(3)
    skew[0, 1] = shear
    rotation = np.linalg.qr(np.array([[1, a, b], [-a, 1, c], [-b, -c, 1]]))[0]
    affine = np.eye(4)
    affine[:3, :3] = (rotation @ skew * [2.0, 3.0, 4.0])[:, list(order)]
    affine[:3, 3] = [5, -7, 11]
    grid = Grid((16, 14, 12), affine)
    centre = grid.ras([7, 6, 5])
    for axis in range(3):
        values = places(grid)[..., axis].astype(np.float32)
        volume, ras = on_ras_grid(np.asfortranarray(values) if fortran else values, grid, 2.5)
        near = np.round(ras.index(centre)).astype(int)
        assert volume[tuple(near)] == pytest.approx(ras.ras(near)[axis], abs=0.01)


def test_fine_voxels_are_averaged():
    rng = np.random.default_rng(0)
    grid = centred((60, 60, 60), 0.5)
    volume, ras = on_ras_grid(rng.normal(0, 1, grid.shape).astype(np.float32), grid, 2.0)
    assert ras.shape == (15, 15, 15)
    assert volume.std() == pytest.approx(1 / 8, rel=0.15)
