"""A plan can be saved, read back, and gives the same bytes; applying it decides nothing."""

import nibabel as nib
import numpy as np
import pytest

import efface
from efface import phantom
from efface.deface_plan import DefacePlan
from efface.errors import GridMismatchError, UnreadableImageError, UsageError
from efface.io import encode


@pytest.fixture(scope="module")
def planned(phantom_scan):
    return efface.plan(phantom_scan, efface.locate(phantom_scan))


def test_a_saved_plan_gives_the_same_bytes(phantom_scan, planned, tmp_path):
    efface.save_plan(planned, tmp_path / "plan.npz")
    again = efface.load_plan(tmp_path / "plan.npz")
    first, second = (efface.apply_plan(phantom_scan, p) for p in (planned, again))
    assert encode(first, "a.nii.gz") == encode(second, "a.nii.gz")
    assert again.names == planned.names
    assert (again.method, again.fill, again.parameters) == (planned.method, planned.fill, planned.parameters)


def test_planning_is_deterministic(phantom_scan, planned):
    again = efface.plan(phantom_scan, efface.locate(phantom_scan))
    assert again.to_bytes() == planned.to_bytes()


def test_applying_twice_is_applying_once(phantom_scan, planned):
    once = efface.apply_plan(phantom_scan, planned)
    assert np.array_equal(efface.apply_plan(once, planned).stored, once.stored)


def test_applying_leaves_the_scan_alone(phantom_scan, planned):
    before = phantom_scan.stored.copy()
    efface.apply_plan(phantom_scan, planned)
    assert np.array_equal(phantom_scan.stored, before)


def test_every_volume_is_treated_alike(planned):
    image = phantom.head("T1w", spacing_mm=(2.5, 2.5, 2.5), seed=1, volumes=3)
    scan = efface.read_scan(image)
    result = efface.apply_plan(scan, planned)
    assert (result.stored[planned.changed] == planned.values).all()
    assert np.array_equal(result.stored[~planned.changed], scan.stored[~planned.changed])


def test_another_grid_is_refused(phantom_scan, planned):
    other = efface.read_scan(phantom.head(spacing_mm=(4, 4, 4), seed=1))
    with pytest.raises(GridMismatchError, match="the plan"):
        efface.apply_plan(other, planned)


def test_another_dtype_is_refused(phantom_image, planned):
    floats = nib.Nifti1Image(np.asarray(phantom_image.dataobj, np.float32), phantom_image.affine)
    with pytest.raises(UsageError, match="make a plan for this scan"):
        efface.apply_plan(efface.read_scan(floats), planned)


@pytest.mark.parametrize("data", [b"", b"no plan", b"PK\x03\x04 broken"])
def test_what_is_no_plan_says_so(data, tmp_path):
    (tmp_path / "plan.npz").write_bytes(data)
    with pytest.raises(UnreadableImageError, match="not a plan"):
        efface.load_plan(tmp_path / "plan.npz")


def test_a_truncated_plan_says_so(planned):
    with pytest.raises(UnreadableImageError, match="not a plan"):
        DefacePlan.from_bytes(planned.to_bytes()[:2000])
