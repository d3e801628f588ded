"""Ends of a view are found wherever they lie, and a head's own roundness is none."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from efface.grid import Grid
from efface.spatial.flat_ends import at_ends, flat_ends

GRID = Grid((110, 110, 110), np.array([[2, 0, 0, -110], [0, 2, 0, -110], [0, 0, 2, -110], [0, 0, 0, 1]], float))
PLACES = GRID.ras(np.argwhere(np.ones(GRID.shape, bool)))


def ellipsoid(radii_mm):
    return ((PLACES / radii_mm) ** 2).sum(axis=1).reshape(GRID.shape) < 1


@pytest.mark.parametrize("scale", [0.55, 1.0, 1.2])
def test_a_round_head_has_no_flat_end(scale):
    assert flat_ends(ellipsoid(np.array([76, 96, 88]) * scale), GRID).shape == (0, 4)


@settings(max_examples=20, deadline=None)
@given(
    st.floats(0, np.pi), st.floats(0, 2 * np.pi), st.floats(-30, 45), st.sampled_from([0.55, 1.0]),
)  # fmt: skip
@example(0.633, 0.0, -15.5, 0.55)  # less than half of a small head
@example(1.537, 4.796, 0.0, 0.55)
def test_a_cut_is_found_where_it_lies(polar, azimuth, offset, scale):
    normal = np.array([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)])
    head = ellipsoid(np.array([76, 96, 88]) * scale)
    seen = (PLACES @ normal < offset * scale).reshape(GRID.shape)
    ends = flat_ends(head & seen, GRID)
    assert len(ends) == 1
    assert ends[0, :3] @ normal > np.cos(np.radians(3))
    lost = GRID.ras(np.argwhere(head & ~seen))
    assert at_ends(lost, ends, edge_mm=2.0).mean() > 0.99


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_voxels_have_no_end(count):
    head = np.zeros(GRID.shape, bool)
    head.ravel()[:count] = True
    assert flat_ends(head, GRID).shape == (0, 4)


def test_a_flat_sheet_has_no_end():
    head = np.zeros(GRID.shape, bool)
    head[:, :, 50] = True
    assert flat_ends(head, GRID).shape == (0, 4)
