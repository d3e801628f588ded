"""Noise in the mask is the air's outside: nobody can tell where one ends and the other begins."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from efface.fill.grain import kernel

SHARES = (5, 25, 50, 75, 95)


@pytest.fixture
def air(person):
    """Kept voxels well clear of the head."""
    return ~person.mask & ~ndimage.binary_dilation(person.head, iterations=4)


def neighbours(stored, where, axis):
    """Return the correlation of neighbours along an axis, both in a mask."""
    low, high = (np.take(stored.astype(float), range(a, stored.shape[axis] - 1 + a), axis) for a in (0, 1))
    both = np.logical_and(*(np.take(where, range(a, where.shape[axis] - 1 + a), axis) for a in (0, 1)))
    return np.corrcoef(low[both], high[both])[0, 1]


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32])
def test_noise_is_distributed_as_in_the_air(person, air, dtype):
    scan = person.scan(dtype=dtype)
    filled = person.filled("noise", scan)
    inside, outside = (np.percentile(filled[where].astype(float), SHARES) for where in (person.mask, air))
    assert np.abs(inside - outside).max() < 0.08 * (outside[-1] - outside[0]) + (dtype != np.float32)
    assert filled[person.mask].std() == pytest.approx(filled[air].std(), rel=0.06)


def test_noise_of_an_interpolated_scan_is_correlated_as_there(person, air):
    scan = person.scan(dtype=np.float32)
    scan = scan.with_stored(ndimage.gaussian_filter(scan.stored, (0.0, 0.5, 1.0)))
    filled = person.filled("noise", scan)
    for axis in range(3):
        assert neighbours(filled, person.mask, axis) == pytest.approx(neighbours(filled, air, axis), abs=0.06)
    assert neighbours(filled, person.mask, 2) > 0.5


def test_air_of_one_value_stays_one_value(person):
    scan = person.scan()
    stored = np.where(ndimage.binary_dilation(person.head, iterations=1), scan.stored, 3).astype(np.int16)
    filling = person.filling("noise", scan.with_stored(stored))
    assert filling.values.shape == ()
    assert filling.values == 3


def test_corners_that_a_program_blanked_do_not_count(person, air):
    scan = person.scan()
    stored = scan.stored.copy()
    stored[:, :, -9:] = 0
    stored[:, :12] = 0
    filled = person.filled("noise", scan.with_stored(stored))
    assert (filled[person.mask] == 0).mean() < 0.05
    assert np.median(filled[person.mask]) == pytest.approx(np.median(scan.stored[air]), rel=0.1)


def test_nothing_of_the_head_is_in_the_noise(person, phantom_scan):
    inside = person.filling("noise", phantom_scan).values
    assert inside.max() < 0.2 * np.percentile(phantom_scan.stored[person.head], 50)


def test_scans_that_are_not_finite_everywhere_are_filled(person):
    scan = person.scan(dtype=np.float32)
    stored = scan.stored.copy()
    stored[~person.head & (np.indices(stored.shape)[0] < 5)] = np.nan
    for key in ("zero", "noise", "reface"):
        assert np.isfinite(person.filling(key, replace(scan, stored=stored)).values).all()


@pytest.mark.parametrize("wanted", [-0.3, 0.1, 0.4, 0.59, 0.7, 0.9])
def test_kernels_give_the_correlation_they_promise(wanted):
    weights = kernel(wanted)
    assert (weights**2).sum() == pytest.approx(1)
    assert (weights[1:] * weights[:-1]).sum() == pytest.approx(wanted, abs=0.02)
