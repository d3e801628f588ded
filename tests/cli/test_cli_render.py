"""``efface render``: one contact sheet of a scan."""

import nibabel as nib
import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def sheet(efface, phantom_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("sheet") / "views.png"
    said = efface("render", phantom_file, path)
    assert (said.status, said.out, said.err) == (0, "", "")
    return path


def test_draws_seven_views(sheet):
    with Image.open(sheet) as image:
        assert image.format == "PNG"
        assert image.info == {}
        assert image.width == 5 * 300 + 4 * 6
        pixels = np.asarray(image.convert("L"))
    for row, first, count in ((150, 150, 5), (150 + 300 + 26 + 6, 609, 2)):
        assert all(pixels[row, first + 306 * n] > 60 for n in range(count)), row


def test_leaves_nothing_else_behind(sheet):
    assert list(sheet.parent.iterdir()) == [sheet]


def test_perspective_is_another_picture(efface, phantom_file, sheet, tmp_path):
    path = tmp_path / "views.PNG"
    assert efface("render", phantom_file, path, "--perspective").status == 0
    one, other = (np.asarray(Image.open(p).convert("L"), float) for p in (sheet, path))
    assert one.shape == other.shape
    assert np.abs(one - other).mean() > 1


def test_an_existing_picture_is_kept(efface, phantom_file, sheet):
    before = sheet.read_bytes()
    said = efface("render", phantom_file, sheet)
    assert said.status == 2
    assert "--overwrite" in said.line
    assert sheet.read_bytes() == before
    assert efface("render", phantom_file, sheet, "--overwrite").status == 0
    assert sheet.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "status", "word"),
    [("views.jpg", 2, ".png"), ("views", 2, ".png"), ("none/views.png", 1, "no such folder"), (".", 2, ".png")],
)
def test_wrong_outputs(efface, phantom_file, tmp_path, name, status, word):
    said = efface("render", phantom_file, tmp_path / name)
    assert said.status == status
    assert word in said.line
    assert list(tmp_path.iterdir()) == []


def test_a_folder_called_png(efface, phantom_file, tmp_path):
    (tmp_path / "views.png").mkdir()
    said = efface("render", phantom_file, tmp_path / "views.png", "--overwrite")
    assert said.status == 2
    assert "folder" in said.line


def test_unreadable_scans(efface, tmp_path):
    (tmp_path / "broken.nii.gz").write_bytes(b"\x1f\x8bno")
    for name in ("missing.nii.gz", "broken.nii.gz"):
        said = efface("render", tmp_path / name, tmp_path / "views.png")
        assert said.status == 4
        assert name in said.line
    assert not (tmp_path / "views.png").exists()


def test_a_scan_of_nothing(efface, tmp_path):
    voxels = np.zeros((20, 20, 20), np.int16)
    voxels[4, 5, 6] = 7
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "empty.nii.gz")
    said = efface("render", tmp_path / "empty.nii.gz", tmp_path / "views.png")
    assert said.status == 4
    assert "no head" in said.line
    assert not (tmp_path / "views.png").exists()


def test_an_unknown_quality(efface, phantom_file, tmp_path):
    said = efface("render", phantom_file, tmp_path / "views.png", "--quality", "best")
    assert said.status == 2
    assert "best" in said.line
