"""A user's own scans teach beside the synthetic ones."""

import nibabel as nib
import numpy as np
import pytest

from efface import phantom

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A phantom as a user's scan, of which only the brain is known."""
    from real_scans import INSIDE

    path = tmp_path_factory.mktemp("real")
    person = phantom.make("T1w", spacing_mm=(3, 3, 3), seed=2)
    nib.save(person.image, path / "one.nii.gz")
    labels = np.where(person.where("brain"), INSIDE, 0).astype(np.uint8)
    nib.save(nib.Nifti1Image(labels, person.image.affine), path / "one_labels.nii.gz")
    return path


def test_a_brain_mask_comes_with_its_scan(folder):
    from network import AnatomyNet
    from real_scans import INSIDE, UNKNOWN, draw_real, load_real
    from training_run import partial_loss

    scans = load_real(folder)
    image, labels = draw_real(scans, np.random.default_rng(1), coarse_odds=1.0)
    assert image.shape == labels.shape
    assert set(np.unique(labels)) <= {0, INSIDE, UNKNOWN}
    assert image[labels == INSIDE].mean() > 2 * image[labels == 0].mean()
    scores = AnatomyNet(33)(torch.from_numpy(image[:32, :32, :32].copy())[None, None])
    assert torch.isfinite(partial_loss(scores, torch.from_numpy(labels[None, :32, :32, :32].astype(np.int64))))


def test_labels_that_mean_nothing_are_refused(folder, tmp_path):
    from real_scans import load_real

    scan = nib.load(folder / "one.nii.gz")
    nib.save(scan, tmp_path / "one.nii.gz")
    strange = np.full(scan.shape, 99, np.uint8)
    strange[0] = 0
    nib.save(nib.Nifti1Image(strange, scan.affine), tmp_path / "one_labels.nii.gz")
    with pytest.raises(ValueError, match="one_labels"):
        load_real(tmp_path)
