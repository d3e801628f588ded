"""Values carried between grids land where they belong."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from efface.errors import GridMismatchError
from efface.grid import Grid
from efface.spatial.resample import coarsen, on_ras_grid, resample


def ramp(grid):
    """A volume whose value is a linear function of place."""
    places = grid.ras(np.stack(np.indices(grid.shape), axis=-1))
    return (places @ [1.0, -2.0, 0.5]).astype(np.float32)


def oblique(shape, spacing=(1.0, 1.5, 2.0)):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", (10, -20, 30), degrees=True).as_matrix() * spacing
    affine[:3, 3] = (5, -7, 11)
    return Grid(shape, affine)


def test_linear_values_are_carried_exactly_between_oblique_grids():
    source = oblique((40, 30, 25))
    target = Grid((6, 6, 6), np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]))
    middle = source.ras((np.array(source.shape) - 1) / 2)
    affine = np.eye(4)
    affine[:3, 3] = middle - 3
    target = Grid((6, 6, 6), affine)
    assert np.allclose(resample(ramp(source), source, target), ramp(target), atol=1e-3)


def test_a_world_transform_moves_the_place_that_is_read():
    source = oblique((40, 30, 25))
    affine = np.eye(4)
    affine[:3, 3] = source.ras((np.array(source.shape) - 1) / 2) - 3
    target = Grid((6, 6, 6), affine)
    shift = np.eye(4)
    shift[:3, 3] = (2, -1, 3)
    moved = resample(ramp(source), source, target, target_to_source=shift)
    assert np.allclose(moved, ramp(target) + np.dot([1.0, -2.0, 0.5], [2, -1, 3]), atol=1e-3)


def test_outside_is_a_value_or_the_edge():
    source = Grid((4, 4, 4), np.eye(4))
    target = Grid((1, 1, 1), np.array([[1, 0, 0, 9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]))
    volume = np.full((4, 4, 4), 7, np.uint8)
    assert resample(volume, source, target, order=0).item() == 0
    assert resample(volume, source, target, order=0, outside=None).item() == 7


@pytest.mark.parametrize("spacing", [1.0, 2.0, 3.7])
def test_coarsening_keeps_places_and_means(spacing):
    source = oblique((41, 30, 25), (0.5, 1.0, 2.0))
    values, grid = coarsen(ramp(source), source, spacing)
    assert np.allclose(values, ramp(grid), atol=1e-3)
    assert (grid.spacing_mm <= np.maximum(spacing * 1.1, source.spacing_mm) + 1e-6).all()


def test_an_array_of_another_shape_is_refused():
    with pytest.raises(GridMismatchError, match="each array"):
        on_ras_grid(np.zeros((3, 3, 3), np.float32), Grid((4, 4, 4), np.eye(4)), 2.0)
