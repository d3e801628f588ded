"""Real heads, where there are some: ``EFFACE_DATA``, or the data folder beside the checkout."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import efface
from efface import phantom
from efface.io import read_scan
from efface.methods import get_method
from efface.pipeline import deface_scan
from efface.verification import verify

DATA = Path(os.environ.get("EFFACE_DATA", Path(__file__).parents[2] / "shared" / "data"))
HEADS = sorted(path for pattern in ("*.nii", "*.nii.gz") for path in (DATA / "heads").rglob(pattern))

pytestmark = [pytest.mark.real, pytest.mark.skipif(not HEADS, reason="no real heads here; set EFFACE_DATA")]


def name(path):
    return "/".join(path.relative_to(DATA / "heads").parts)


@pytest.mark.parametrize("path", HEADS, ids=name)
def test_every_head_is_defaced_and_verified(path):
    scan = read_scan(path)
    result = deface_scan(scan)
    assert result.verdict.passed, result.verdict.summary()
    kept = ~result.plan.changed
    assert np.array_equal(result.scan.stored[kept], scan.stored[kept], equal_nan=scan.stored.dtype.kind == "f")
    assert not (result.plan.changed & result.anatomy.brain).any()


WEAK = [path for path in HEADS if "weakly_defaced" in path.name]


@pytest.mark.parametrize("weak", WEAK, ids=name)
def test_a_weakly_defaced_head_does_not_pass(weak):
    original = weak.with_name(weak.name.replace("_weakly_defaced", ""))
    verdict = verify(read_scan(original), read_scan(weak))
    assert {"left_eye_covered", "right_eye_covered", "left_ear_covered"} & {check.name for check in verdict.failed}


def test_mridefacers_own_template_agrees_with_the_bundled_mask(tmp_path):
    """Its mask lies voxel by voxel on its template, though the headers contradict each other."""
    folder = DATA / "templates" / "mridefacer"
    head = nib.load(folder / "head_tmpl.nii.gz")
    mask = np.asanyarray(nib.load(folder / "face_teeth_ear_mask.nii.gz").dataobj)
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), head.affine), tmp_path / "mask.nii.gz")
    scan = efface.read_scan(phantom.head("T1w", spacing_mm=(2.5, 2.5, 2.5), seed=4))
    anatomy = efface.locate(scan)
    own = get_method("mridefacer", template=folder / "head_tmpl.nii.gz", mask_template=tmp_path / "mask.nii.gz")
    theirs, ours = (one.decide(scan, anatomy).mask > 0 for one in (own, get_method("mridefacer")))
    assert 2 * (theirs & ours).sum() / (theirs.sum() + ours.sum()) > 0.9


def test_mridefacers_mask_comes_back_on_its_own_template():
    folder = DATA / "templates" / "mridefacer"
    scan = efface.read_scan(folder / "head_tmpl.nii.gz")
    theirs = np.asanyarray(nib.load(folder / "face_teeth_ear_mask.nii.gz").dataobj) == 0
    ours = get_method("mridefacer").decide(scan, efface.locate(scan)).mask > 0
    assert 2 * (theirs & ours).sum() / (theirs.sum() + ours.sum()) > 0.97
