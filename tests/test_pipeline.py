"""The whole flow in Python: files and nibabel images in, the same kind out, nothing else touched."""

import nibabel as nib
import numpy as np
import pytest

import efface
from efface import phantom
from efface.errors import UsageError, VerificationError

SPACING = (2.5, 2.5, 2.5)


@pytest.fixture(scope="module")
def in_memory(phantom_image):
    """The phantom defaced in memory."""
    return efface.deface(phantom_image)


def test_an_image_comes_back_as_an_image(phantom_image, in_memory):
    assert type(in_memory) is type(phantom_image)
    assert in_memory.get_data_dtype() == phantom_image.get_data_dtype()
    assert np.array_equal(in_memory.affine, phantom_image.affine)
    before, after = np.asarray(phantom_image.dataobj), np.asarray(in_memory.dataobj)
    assert 0.02 < np.mean(before != after) < 0.5


def test_the_file_and_the_image_are_defaced_alike(phantom_file, in_memory, tmp_path):
    result = efface.deface(phantom_file, tmp_path / "out.nii.gz")
    assert result.verdict.passed
    written = nib.load(tmp_path / "out.nii.gz")
    assert np.array_equal(np.asarray(written.dataobj), np.asarray(in_memory.dataobj))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.nii.gz"]


def test_an_image_with_an_output_is_refused(phantom_image, tmp_path):
    with pytest.raises(UsageError, match="save what is returned"):
        efface.deface(phantom_image, tmp_path / "out.nii.gz")


def test_a_file_without_an_output_is_refused(phantom_file):
    with pytest.raises(UsageError, match="no output"):
        efface.deface(phantom_file)


def test_what_is_no_head_is_refused_with_its_verdict():
    rng = np.random.default_rng(0)
    image = nib.Nifti1Image(rng.integers(1, 200, (40, 40, 40)).astype(np.int16), np.diag([5.0, 5.0, 5.0, 1.0]))
    with pytest.raises(VerificationError, match="refused") as refusal:
        efface.deface(image)
    assert not refusal.value.verdict.passed


def test_every_volume_of_a_4d_scan_loses_the_face():
    image = phantom.head("T2w", spacing_mm=(3, 3, 3), seed=2, volumes=2)
    after = np.asarray(efface.deface(image).dataobj)
    before = np.asarray(image.dataobj)
    changed = (before != after).any(axis=3)
    assert after.shape == before.shape
    assert (after[changed] == after[changed][0, 0]).all()


def test_non_finite_background_stays_as_it_was():
    image = phantom.head("T1w", spacing_mm=(3, 3, 3), seed=2, dtype=np.float32)
    voxels = np.asarray(image.dataobj).copy()
    voxels[:4] = np.nan
    voxels[4, 0, 0] = -np.inf
    after = np.asarray(efface.deface(nib.Nifti1Image(voxels, image.affine)).dataobj)
    kept = np.isnan(after[:4])
    assert kept.mean() > 0.5
    assert after[4, 0, 0] == -np.inf
    assert np.array_equal(after[:4][kept].view(np.uint32), voxels[:4][kept].view(np.uint32))


def test_progress_names_every_step(phantom_file, tmp_path):
    steps = []
    efface.deface(phantom_file, tmp_path / "out.nii.gz", progress=steps.append)
    assert steps == ["read", "locate", "plan", "apply", "verify", "write"]
