"""Intensity registration finds known movements, the same every time."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from efface import phantom
from efface.errors import VerificationError
from efface.grid import Grid
from efface.io import read_scan
from efface.methods.templates import bundled_template
from efface.spatial.registering import Volume, register, volume_of, warp
from efface.spatial.resample import resample

CORNERS = np.array([[x, y, z, 1] for x in (-60, 60) for y in (-80, 80) for z in (-60, 60)], float)


@pytest.fixture(scope="module")
def average():
    return bundled_template().volume


def moved(average, matrix):
    """The average head under a world transform, and mirrored in contrast: mutual information does not mind."""
    target = Grid(average.grid.shape, average.grid.affine)
    values = resample(average.values, average.grid, target, target_to_source=np.linalg.inv(matrix), outside=0.0)
    return Volume(np.where(values > 0.05, 1.2 - values, 0).astype(np.float32), target)


@pytest.mark.parametrize("freedom", ["scales", "affine"])
def test_a_known_movement_is_found(average, freedom):
    angle = np.deg2rad(6)
    true = np.eye(4)
    true[:3, :3] = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    ) @ np.diag([1.05, 0.95, 1.03])
    true[:3, 3] = (5, -6, 4)
    found = register(moved(average, true), average, np.eye(4), freedom)
    off = np.linalg.norm((CORNERS @ (found - true).T)[:, :3], axis=1)
    assert off.max() < 2.0
    assert (register(moved(average, true), average, np.eye(4), freedom) == found).all()


@pytest.mark.parametrize("freedom", ["scales", "affine"])
def test_the_search_may_start_from_a_turned_and_scaled_head(average, freedom):
    """A head that lies askew: what is found is laid on the start in the scan's world, not before it."""
    start = placed(turn(0, 0.6), np.diag([1.15, 1.1, 0.9]), turn(2, 0.4), shift=(30, -20, 25))
    true = placed(turn(1, 0.08), np.diag([1.05, 0.97, 1.04]), shift=(4, -6, 5)) @ start
    wide = Grid((90, 100, 90), placed(4 * np.eye(3), shift=(-180, -200, -180)))
    fixed = Volume(resample(average.values, average.grid, wide, target_to_source=np.linalg.inv(true)), wide)
    found = register(fixed, average, start, freedom)
    assert np.linalg.norm((CORNERS @ (found - true).T)[:, :3], axis=1).max() < 3.0


def placed(*parts, shift):
    """A world transform of (3, 3) matrices, one after the other, and a shift in mm."""
    whole = np.eye(4)
    whole[:3, :3] = np.linalg.multi_dot([np.eye(3), *parts])
    whole[:3, 3] = shift
    return whole


def turn(axis, angle):
    """A (3, 3) rotation about one of the world's axes, radians."""
    return Rotation.from_rotvec(angle * np.eye(3)[axis]).as_matrix()


def test_a_bend_is_found(average):
    """Places shifted forward by a smooth hill come back by about as much."""
    index = np.moveaxis(np.indices(average.values.shape), 0, -1)
    world = average.grid.ras(index)
    hill = 8 * np.exp(-(((world - (0, 60, -40)) / 45) ** 2).sum(axis=-1))
    back = world.copy()
    back[..., 1] -= hill
    bent = ndimage.map_coordinates(average.values, np.moveaxis(average.grid.index(back), -1, 0), order=1)
    shifts = warp(Volume(bent, average.grid), average, np.eye(4), np.ones(bent.shape, bool))
    there = (hill > 5) & (average.values > 0.1)
    assert shifts[there][:, 1].mean() == pytest.approx(-hill[there].mean(), abs=3.0)


def test_a_scan_of_another_contrast_stays_where_its_brain_is(average):
    scan = read_scan(phantom.head("T2w", spacing_mm=(3, 3, 3), seed=2))
    seen = volume_of(scan.intensities(), scan.grid)
    first = register(seen, average, np.eye(4))
    assert np.linalg.norm((CORNERS @ (first - np.eye(4)).T)[:, :3], axis=1).max() < 40


def test_what_does_not_overlap_is_refused(average):
    away = np.eye(4)
    away[:3, 3] = 1000
    with pytest.raises(VerificationError, match="cannot be laid"):
        register(average, average, away)
