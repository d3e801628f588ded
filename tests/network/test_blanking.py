"""What the second look does not see: whole cells, all of the face, none of the brain."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from efface.atlas import FACE, load_atlas, load_brain_distance
from efface.grid import Grid
from efface.network.blanking import (
    ANGLE_DEG,
    CELL,
    SCALE_STEP,
    SHIFT_MM,
    _rotation,
    blanking,
    in_cells,
    rounded,
)
from efface.network.inference import Look
from efface.spatial.resample import resample

SHAPE = (98, 118, 113)


@pytest.fixture(scope="module")
def atlas_look():
    """The atlas as the network would label it, at 2 mm, and where it lies: at home."""
    atlas = load_atlas()
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = atlas.grid.ras([0, 0, 0])
    grid = Grid(SHAPE, affine)
    brain = resample((atlas.regions == atlas.region("brain")).astype(np.float32), atlas.grid, grid)
    return Look((brain > 0.5).astype(np.uint8), brain, grid), np.eye(4)


def test_what_is_hidden_is_whole_cells(atlas_look):
    look, matrix = atlas_look
    hidden = blanking(look, matrix, look.grid).hidden
    assert np.array_equal(hidden, in_cells(hidden))
    assert hidden.any()


def test_cells_lie_on_one_lattice():
    mask = np.zeros(SHAPE, bool)
    mask[10, 20, 30] = True
    cells = np.argwhere(in_cells(mask))
    assert len(cells) == CELL**3
    assert (cells.min(axis=0) == np.array([10, 20, 30]) // CELL * CELL).all()


def test_the_brain_and_its_cover_stay_in_sight(atlas_look):
    look, matrix = atlas_look
    hidden = blanking(look, matrix, look.grid).hidden
    near = ndimage.binary_dilation(look.inside > 0.5, iterations=1)
    assert (hidden & near).sum() * 0.008 < 2


def test_the_face_is_blanked(atlas_look):
    look, matrix = atlas_look
    atlas = load_atlas()
    hidden = blanking(look, matrix, look.grid).hidden
    region = resample(hidden.astype(np.uint8), look.grid, atlas.grid, order=0) > 0
    distance, grid = load_brain_distance()
    away = (resample(distance, grid, atlas.grid, outside=None) > 14) & (atlas.tissues > 0)
    shown = {name: (atlas.regions == atlas.region(name)) & away for name in FACE if name != "brow"}
    for name, part in shown.items():
        assert region[part].mean() > 0.97, name


@settings(deadline=None, max_examples=15)
@given(
    angles=st.tuples(*[st.integers(-5, 5)] * 3),
    size=st.integers(-8, 2),
    jitter=st.tuples(*[st.floats(-0.4, 0.4)] * 7),
)
def test_placements_that_round_alike_hide_the_same(atlas_look, angles, size, jitter):
    look, _ = atlas_look
    center = load_atlas().brain_center
    hidden = []
    for share in (0.0, 1.0):
        turns, scale, shift = (np.array(part) * share for part in (jitter[:3], jitter[3], jitter[4:]))
        matrix = np.eye(4)
        matrix[:3, :3] = _rotation((np.array(angles) + turns) * ANGLE_DEG) * np.exp((size + scale) * SCALE_STEP)
        middle = look.grid.ras([0, 0, 0]) + SHIFT_MM * (np.array([12, 14, 13]) + shift)
        matrix[:3, 3] = middle - matrix[:3, :3] @ center
        hidden.append(blanking(look, matrix, look.grid))
    assert hidden[0].choices == hidden[1].choices
    assert np.array_equal(hidden[0].hidden, hidden[1].hidden)
    assert np.array_equal(hidden[0].brain, hidden[1].brain)


@settings(deadline=None)
@given(angles=st.tuples(st.floats(-170, 170), st.floats(-80, 80), st.floats(-170, 170)), size=st.floats(0.5, 1.5))
def test_a_rounded_pose_is_near_the_placement(angles, size):
    grid, matrix = Grid(SHAPE, np.diag([2.0, 2, 2, 1])), np.eye(4)
    matrix[:3, :3] = _rotation(np.array(angles)) * size
    matrix[:3, 3] = 90, 110, 70
    pose, _ = rounded(matrix, grid)
    far = np.abs((pose - matrix)[:3] @ np.array([*load_atlas().brain_center, 1]))
    assert (far <= SHIFT_MM / 2 + 1e-6).all()
    turn = pose[:3, :3] @ np.linalg.inv(matrix[:3, :3])
    scale = np.cbrt(np.linalg.det(turn))
    assert abs(np.log(scale)) <= SCALE_STEP / 2 + 1e-6
    assert np.degrees(np.arccos(np.clip((np.trace(turn / scale) - 1) / 2, -1, 1))) < 3 * ANGLE_DEG / 2


def test_brain_that_the_first_look_sees_in_the_face_is_not_hidden(atlas_look):
    look, matrix = atlas_look
    plain = blanking(look, matrix, look.grid)
    inside = look.inside.copy()
    near = ndimage.binary_dilation(look.inside > 0.5, iterations=5)
    inside[plain.hidden & near] = 1
    careful = blanking(replace(look, inside=inside), matrix, look.grid)
    assert careful.choices["wide_brain_room"] > plain.choices["wide_brain_room"]
    assert (careful.hidden & (inside > 0.5)).sum() < (plain.hidden & (inside > 0.5)).sum()
