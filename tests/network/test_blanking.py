"""What the second look does not see: whole cells, all of the face, none of the brain."""

import numpy as np
import pytest
from scipy import ndimage

from efface.atlas import FACE, load_atlas
from efface.grid import Grid
from efface.network.blanking import CELL, blanked_region, in_cells
from efface.network.inference import Look
from efface.spatial.placing import Placement
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
    return Look((brain > 0.5).astype(np.uint8), brain, grid), Placement(np.eye(4), 20, 1.0, 1.0)


def test_blanked_region_is_whole_cells(atlas_look):
    look, placement = atlas_look
    region = blanked_region(look, placement, look.grid)
    assert np.array_equal(region, in_cells(region))
    assert region.any()


def test_cells_lie_on_one_lattice():
    mask = np.zeros(SHAPE, bool)
    mask[10, 20, 30] = True
    cells = np.argwhere(in_cells(mask))
    assert len(cells) == CELL**3
    assert (cells.min(axis=0) == np.array([10, 20, 30]) // CELL * CELL).all()


def test_the_brain_and_its_cover_stay_in_sight(atlas_look):
    look, placement = atlas_look
    region = blanked_region(look, placement, look.grid)
    near = ndimage.binary_dilation(look.inside > 0.5, iterations=2)
    assert not (region & near).any()


def test_the_face_is_blanked(atlas_look):
    look, placement = atlas_look
    atlas = load_atlas()
    region = resample(blanked_region(look, placement, look.grid).astype(np.uint8), look.grid, atlas.grid, order=0) > 0
    shown = {name: (atlas.regions == atlas.region(name)) & (atlas.tissues > 0) for name in FACE if name != "brow"}
    for name, part in shown.items():
        assert region[part].mean() > 0.9, name


def test_a_small_shift_of_the_placement_changes_few_cells_or_none(atlas_look):
    look, _ = atlas_look
    regions = []
    for shift in (0.0, 0.02):
        matrix = np.eye(4)
        matrix[1, 3] = shift
        regions.append(blanked_region(look, Placement(matrix, 20, 1.0, 1.0), look.grid))
    assert np.mean(regions[0] != regions[1]) < 0.002
