"""Distances between masks, against the slow obvious way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efface.grid import Grid
from efface.spatial.mask import bounding_box, clearance_mm, within

SHAPE = (9, 7, 8)


def distances(mask, other, spacing):
    """Distance of every voxel of one mask to the nearest voxel of another, mm."""
    here, there = np.argwhere(mask) * spacing, np.argwhere(other) * spacing
    return np.linalg.norm(here[:, None] - there[None], axis=-1).min(axis=1)


@st.composite
def two_masks(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    density = draw(st.sampled_from([0.005, 0.02, 0.2]))
    spacing = np.array(draw(st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3)))
    return rng.random(SHAPE) < density, rng.random(SHAPE) < density, spacing


@settings(max_examples=80, deadline=None)
@given(two_masks(), st.sampled_from([1.2, 3.0, 7.0]))
def test_within_and_clearance_agree_with_all_pairs(masks, reach):
    mask, other, spacing = masks
    grid = Grid(SHAPE, np.diag([*spacing, 1.0]))
    near = np.zeros(SHAPE, bool)
    nearest = reach
    if mask.any() and other.any():
        found = distances(mask, other, spacing)
        near[tuple(np.argwhere(mask)[found < reach].T)] = True
        nearest = min(reach, found.min())
    assert np.array_equal(within(mask, other, grid, reach), near)
    assert clearance_mm(mask, other, grid, reach) == pytest.approx(nearest)


def test_an_empty_mask_has_no_box():
    assert bounding_box(np.zeros(SHAPE, bool), Grid(SHAPE, np.eye(4))) is None
