"""Scans that any test may read; made once."""

import nibabel as nib
import pytest

import efface
from efface.phantom import head


@pytest.fixture(scope="session")
def phantom_image():
    """A coarse synthetic head as a nibabel image; read it, do not change it."""
    return head("T1w", spacing_mm=(2.5, 2.5, 2.5), seed=1)


@pytest.fixture(scope="session")
def phantom_file(phantom_image, tmp_path_factory):
    """The same as a file, under a name that must not get out."""
    path = tmp_path_factory.mktemp("Mustermann") / "Erika_Mustermann_1964.nii.gz"
    nib.save(phantom_image, path)
    return path


@pytest.fixture(scope="session")
def phantom_scan(phantom_file):
    """The same as a scan."""
    return efface.read_scan(phantom_file)
