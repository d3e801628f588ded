"""A part of a grid lies where it lay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel import orientations
from scipy.spatial.transform import Rotation

from efface.grid import Grid
from efface.network.preparing import MULTIPLE, box_around

SHAPE = (40, 30, 20)


@st.composite
def grids(draw):
    """Any orientation, oblique, any spacing."""
    code = draw(st.sampled_from(["RAS", "LPS", "PIR", "ASL", "SLP"]))
    turn = Rotation.from_euler("xyz", draw(st.tuples(*[st.floats(-20, 20)] * 3)), degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = turn * draw(st.tuples(*[st.floats(0.5, 5)] * 3))
    affine[:3, 3] = draw(st.tuples(*[st.floats(-100, 100)] * 3))
    turned = orientations.inv_ornt_aff(orientations.axcodes2ornt(code), SHAPE)
    return Grid(SHAPE, affine @ turned)


@given(grids())
def test_voxels_of_a_part_are_the_wholes(grid):
    box = (slice(3, 10), slice(0, 30), slice(5, 6))
    part = grid.part(box)
    assert part.shape == (7, 30, 1)
    assert np.allclose(part.ras([2, 4, 0]), grid.ras([5, 4, 5]))


@given(grids(), grids())
def test_a_box_of_another_grid_holds_every_voxel_in_it(grid, other):
    box = grid.box_of(other)
    index = np.argwhere(np.ones(grid.shape, bool))
    there = other.index(grid.ras(index))
    within = ((there > -0.5) & (there < np.array(other.shape) - 0.5)).all(axis=1)
    held = np.zeros(grid.shape, bool)
    held[box] = True
    assert held[tuple(index[within].T)].all()


@given(
    st.tuples(*[st.integers(5, 70)] * 3),
    st.tuples(*[st.tuples(st.floats(0, 1), st.floats(0, 1))] * 3),
    st.integers(0, 6),
)
def test_a_box_around_something_holds_it_and_its_margin(shape, ends, margin):
    shown = np.zeros(shape, bool)
    where = tuple(slice(int(min(e) * (n - 1)), int(max(e) * (n - 1)) + 1) for e, n in zip(ends, shape, strict=True))
    shown[where] = True
    for side, n, box in zip(where, shape, box_around(shown, margin), strict=True):
        assert 0 <= box.start < box.stop <= n
        assert box.start <= max(0, side.start - margin)
        assert box.stop >= min(n, side.stop + margin)
        assert (box.stop - box.start) % MULTIPLE == 0 or box.stop - box.start == n


def test_a_box_around_nothing_is_everything():
    assert box_around(np.zeros((5, 6, 7), bool), 4) == (slice(0, 5), slice(0, 6), slice(0, 7))


@pytest.mark.parametrize("axis", range(3))
def test_a_box_of_a_grid_elsewhere_is_small(axis):
    far = np.eye(4)
    far[axis, 3] = 1000
    box = Grid(SHAPE, np.eye(4)).box_of(Grid((3, 3, 3), far))
    assert box[axis].stop - box[axis].start <= 2
