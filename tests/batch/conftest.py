"""A folder of tiny files that stand for scans."""

import pytest


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(4):
        (folder / f"scan{number}.nii").write_bytes(f"voxels {number}".encode())
    return folder
