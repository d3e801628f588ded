from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def heads(head_file):
    from heads import load_all

    return load_all(head_file.parent, [1])


@pytest.fixture(scope="module")
def tiles():
    from heads import texture_tiles

    return texture_tiles()


def test_the_same_seed_gives_the_same_scan(heads, tiles):
    from synthesis import draw

    one, same, other = (draw(heads, tiles, seed) for seed in ((3, 1), (3, 1), (3, 2)))
    assert one.recipe == same.recipe
    assert np.array_equal(one.image, same.image)
    assert np.array_equal(one.classes, same.classes)
    assert one.recipe != other.recipe


@pytest.mark.parametrize(
    "condition", ["any", "plain", "thick_slices", "newborn", "tumour", "large_ventricles", "metal"]
)
def test_scans_are_what_the_network_accepts(heads, tiles, condition):
    from classes import CLASSES
    from efface.network.preparing import CEILING, MULTIPLE
    from synthesis import draw

    scan = draw(heads, tiles, (5, 1), condition)
    assert scan.image.shape == scan.classes.shape == scan.recipe.shape
    assert all(n % MULTIPLE == 0 for n in scan.image.shape)
    assert scan.image.dtype == np.float32
    assert 0 <= scan.image.min() <= scan.image.max() <= CEILING
    assert scan.classes.max() < len(CLASSES)


def test_left_stays_left(heads, tiles, monkeypatch):
    import synthesis
    from classes import VALUE

    for flip in (False, True):
        monkeypatch.setitem(synthesis.CONDITIONS, "any", lambda r, flip=flip: replace(synthesis._plain(r), flip=flip))
        classes = synthesis.draw(heads, tiles, (9, 1)).classes
        x = [np.argwhere(classes == VALUE[f"{side}_putamen"])[:, 0].mean() for side in ("left", "right")]
        assert x[0] < x[1]


@pytest.mark.parametrize("condition", ["blanked_lattice", "stripped"])
def test_what_was_blanked_is_nothing(heads, tiles, condition):
    from classes import FACE, VALUE
    from synthesis import draw

    whole, scan = (draw(heads, tiles, (2, 4), name) for name in ("plain", condition))
    face = [VALUE[name] for name in FACE if "ear" not in name]
    left, before = (np.count_nonzero(np.isin(one.classes, face)) for one in (scan, whole))
    assert left < 0.3 * before  # cells that hold brain stay
    gone = (whole.classes > 0) & (scan.classes == 0)
    assert not scan.image[gone].any()
    assert np.array_equal(scan.classes[~gone], whole.classes[~gone])


def test_mirror_is_its_own_inverse():
    from classes import CLASSES, MIRROR

    assert [MIRROR[MIRROR[value]] for value in range(len(CLASSES))] == list(range(len(CLASSES)))


@pytest.mark.parametrize(("step", "phase", "fill"), [(1.5, 0.0, 1.0), (3.3, 0.6, 0.7), (2.0, 0.99, 0.9)])
def test_slices_keep_a_constant_and_a_slope(step, phase, fill):
    from scanning import slice_matrices

    average, back = slice_matrices(60, step, phase, fill)
    middle = slice(8, 50)
    assert np.allclose((back @ average @ np.ones(60))[middle], 1, atol=1e-5)
    assert np.allclose((back @ average @ np.arange(60.0))[middle], np.arange(60.0)[middle], atol=0.3)


def test_ears_stick_out_of_a_smooth_head():
    from regions import VALUE as REGION
    from targets import ears

    x, y, z = np.mgrid[-60:61, -60:61, -60:61]
    ball = x**2 + y**2 + z**2 < 50**2
    flap = (np.abs(x) > 46) & (np.abs(x) < 58) & (np.abs(y) < 3) & (np.abs(z) < 15)
    regions = np.where(x < -40, REGION["left_ear"], np.where(x > 40, REGION["right_ear"], 0)).astype(np.uint8)
    found = ears(ball | flap, regions)
    assert found["left_ear"].sum() == found["right_ear"].sum() > 300
    assert not (found["left_ear"] & (x > -44)).any()
