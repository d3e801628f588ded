import numpy as np
import pytest

from efface.grid import Grid
from efface.network.preparing import MULTIPLE, SPACING_MM, normalised, padded, prepare


def ball(n=40, radius=12.0):
    x = np.indices((n, n, n)) - (n - 1) / 2
    return (np.sqrt((x**2).sum(axis=0)) < radius).astype(np.float32)


def test_sides_are_multiples_and_places_stay():
    affine = np.diag([-3.0, 2.5, 2.0, 1.0])
    affine[:3, 3] = (50, -40, 10)
    grid = Grid((30, 41, 50), affine)
    values = np.zeros(grid.shape, np.float32)
    values[10:20, 15:25, 20:30] = 100
    made = prepare(values, grid)
    assert all(n % MULTIPLE == 0 for n in made.image.shape)
    assert np.allclose(made.grid.spacing_mm, SPACING_MM)
    centre = made.grid.ras(np.argwhere(made.image > 0.5)).mean(axis=0)
    assert np.allclose(centre, grid.ras([14.5, 19.5, 24.5]), atol=0.3)
    outside = made.image.copy()
    outside[made.view] = 0
    assert not outside.any()


@pytest.mark.parametrize(("gain", "shift"), [(1, 0), (1000, 0), (0.01, 0), (5, -1024)])
def test_units_do_not_matter(gain, shift):
    rng = np.random.default_rng(0)
    volume = ball() * (1 + 0.1 * rng.standard_normal((40, 40, 40)).astype(np.float32))
    image = normalised((gain * volume + shift).astype(np.float32))
    assert np.allclose(image, normalised(volume), atol=1e-3)
    assert np.percentile(image[volume > 0.5], 98) == pytest.approx(1, abs=0.05)


def test_what_is_not_kept_cannot_be_noticed():
    rng = np.random.default_rng(1)
    volume = ball() + 0.1 * rng.random((40, 40, 40), dtype=np.float32)
    kept = np.ones(volume.shape, bool)
    kept[:, 22:] = False
    other = np.where(kept, volume, 100 * rng.random(volume.shape)).astype(np.float32)
    assert np.array_equal(normalised(volume, kept), normalised(other, kept))


def test_an_empty_scan_is_empty():
    assert not normalised(np.zeros((16, 16, 16), np.float32)).any()
    assert not normalised(np.full((16, 16, 16), 7, np.float32)).any()


def test_padding_keeps_the_image():
    image = ball(20)
    made = padded(image, Grid(image.shape, np.eye(4)))
    assert np.array_equal(made.image[made.view], image)
