"""What sticks out of a head's sides is an ear only if it is as large as one, and where ears are."""

import numpy as np
import pytest

from efface.evaluate.surface_change import surface_change
from efface.grid import Grid
from efface.spatial.head_surface import SPACING_MM, Head

SHAPE = (110, 120, 110)
GRID = Grid(SHAPE, np.diag([SPACING_MM] * 3 + [1.0]))
X, Y, Z = (SPACING_MM * (index - n / 2) for index, n in zip(np.indices(SHAPE), SHAPE, strict=True))
NO_NOSE = ((X / 76) ** 2 + (Y / 96) ** 2 + (Z / 90) ** 2 < 1) & (Z > -56)
"""A head of which the view ends above the nose."""
AURICLE = (np.abs(Y) < 14) & (np.abs(Z + 30) < 18) & (np.abs(X) < 84)
CROWN_TUFT = (np.abs(Y) < 8) & (np.abs(Z - 50) < 8) & (np.abs(X) < 90)


def hair():
    """Wisps of one voxel that stand 12 mm off the sides."""
    wisps = np.zeros(SHAPE, bool)
    for y, z in np.random.default_rng(1).integers(-20, 20, (25, 2)):
        wisps[:, 60 + y, 45 + z] = True
    return wisps & (np.abs(X) < 86)


def ears_of(before, after):
    change = surface_change(*[Head(mask, GRID, mask.astype(np.float32)) for mask in (before, after)])
    return change.left_ear, change.right_ear


def test_ears_that_went_and_ears_that_stayed_are_told_apart():
    assert ears_of(NO_NOSE | AURICLE, NO_NOSE) == (1.0, 1.0)
    assert ears_of(NO_NOSE | AURICLE, NO_NOSE | (AURICLE & (X > 0))) == (1.0, 0.0)


@pytest.mark.parametrize("bumps", [hair(), CROWN_TUFT], ids=["hair", "a tuft on the crown"])
def test_what_is_no_ear_is_not_asked_to_go(bumps):
    assert ears_of(NO_NOSE | bumps, NO_NOSE | bumps) == (None, None)
