"""The phantom: a head that is nobody's, the same for the same seed, with the truth about itself."""

import nibabel as nib
import numpy as np
import pytest

from efface import phantom
from efface.errors import UsageError

COARSE = (3.0, 3.0, 3.0)


def test_the_same_seed_is_the_same_head():
    one, two = (np.asarray(phantom.head(spacing_mm=COARSE, seed=4).dataobj) for _ in range(2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, np.asarray(phantom.head(spacing_mm=COARSE, seed=5).dataobj)[: one.shape[0]])


@pytest.mark.parametrize("code", ["LPS", "PIR", "SAL"])
def test_orientation_changes_the_storage_only(code):
    plain = phantom.head(spacing_mm=COARSE, seed=4)
    turned = phantom.head(spacing_mm=COARSE, seed=4, orientation=code)
    assert "".join(nib.aff2axcodes(turned.affine)) == code
    back = nib.as_closest_canonical(turned)
    assert np.allclose(back.affine, plain.affine)
    assert np.array_equal(np.asarray(back.dataobj), np.asarray(plain.dataobj))


def test_a_person_is_the_same_in_every_contrast():
    t1, t2 = (phantom.make(contrast, spacing_mm=COARSE, seed=6) for contrast in ("T1w", "T2w"))
    assert np.array_equal(t1.tissues, t2.tissues)
    values = {name: np.asarray(p.image.dataobj)[p.where("eye")].mean() for name, p in (("T1w", t1), ("T2w", t2))}
    white = {
        name: np.asarray(p.image.dataobj)[p.where("cerebral_white_matter")].mean()
        for name, p in (("T1w", t1), ("T2w", t2))
    }
    assert values["T1w"] < 0.6 * white["T1w"]
    assert values["T2w"] > 1.5 * white["T2w"]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_every_dtype_holds_a_head(dtype):
    image = phantom.head(spacing_mm=(4, 4, 4), dtype=dtype)
    voxels = np.asarray(image.dataobj)
    assert voxels.dtype == dtype
    assert voxels.max() > 100


def test_points_go_to_the_atlas_and_back():
    shape = phantom.make(spacing_mm=(5, 5, 5), seed=2, turn_deg=(10, 0, 5)).shape
    places = np.random.default_rng(0).uniform(-60, 60, (50, 3))
    assert np.abs(shape.to_scan(shape.to_atlas(places)) - places).max() < 0.1


def test_field_of_view_leaves_out_what_it_says():
    whole = phantom.make(spacing_mm=(4, 4, 4), seed=1)
    for kind, part in (("no_chin", "chin"), ("brain_only", "mouth")):
        cut = phantom.make(spacing_mm=(4, 4, 4), seed=1, field_of_view=kind)
        assert cut.where(part).sum() == 0 < whole.where(part).sum()


def test_volumes_differ_in_noise():
    image = phantom.head(spacing_mm=(4, 4, 4), volumes=3)
    voxels = np.asarray(image.dataobj)
    assert image.shape[3] == 3
    assert not np.array_equal(voxels[..., 0], voxels[..., 1])


def test_the_sample_is_a_1_mm_head():
    image = phantom.sample()
    assert np.allclose(image.header.get_zooms(), 1)
    assert min(image.shape) > 150


@pytest.mark.parametrize(
    "wrong",
    [
        {"contrast": "CT"},
        {"spacing_mm": (1, 1)},
        {"orientation": "RAR"},
        {"dtype": np.complex64},
        {"noise": -1},
        {"size": 3},
        {"turn_deg": (90, 0, 0)},
        {"volumes": 0},
        {"field_of_view": "toes"},
        {"scan": -1},
    ],
)
def test_what_cannot_be_scanned_is_said(wrong):
    with pytest.raises(UsageError, match=r"phantom|field of view"):
        phantom.make(**wrong)


def test_an_unknown_part_is_said():
    with pytest.raises(UsageError, match="tail"):
        phantom.make(spacing_mm=(6, 6, 6)).where("tail")


def test_the_same_person_is_scanned_again():
    first, again = (phantom.make(spacing_mm=COARSE, seed=6, scan=scan) for scan in (0, 2))
    assert not np.array_equal(first.grid.shape, again.grid.shape) or not np.array_equal(first.tissues, again.tissues)
    volumes = [p.where("cerebral_white_matter").sum() for p in (first, again)]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.02)
