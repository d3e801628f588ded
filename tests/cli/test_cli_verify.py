"""``efface verify``: judges a copy made by any tool."""

import nibabel as nib
import numpy as np

from efface.evaluate.attack.detectors import Weights


def test_a_defaced_copy_passes(efface, written):
    said = efface("verify", written.source, written.paths["output"])
    assert said.status == 0
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[0].split() == ["check", "value", "limit", "unit"]
    assert any(line.startswith("passed") and "brain_voxels_changed" in line for line in lines)
    assert lines[-1].startswith("verified: ")


def test_the_original_does_not_pass(efface, phantom_file):
    said = efface("verify", phantom_file, phantom_file, "--json")
    assert said.status == 3
    assert said.document["exit_status"] == 3
    failed = {check["name"] for check in said.document["verdict"]["checks"] if check["passed"] is False}
    assert {"nose_covered", "left_eye_covered", "right_ear_covered", "independent_front"} <= failed
    assert "nose_covered" in said.line


def test_another_grid_is_a_wrong_call(efface, phantom_file, ball_file):
    said = efface("verify", phantom_file, ball_file)
    assert said.status == 2
    assert "the defaced scan" in said.line


def test_unreadable_copy(efface, phantom_file, tmp_path):
    said = efface("verify", phantom_file, tmp_path / "missing.nii.gz", "--json")
    assert said.status == 4
    assert said.document["error"] in said.line


def test_a_changed_header_is_told(efface, written, tmp_path):
    image = nib.load(written.paths["output"])
    image.header["descrip"] = b"changed"
    nib.save(image, tmp_path / "changed.nii.gz")
    said = efface("verify", written.source, tmp_path / "changed.nii.gz")
    assert said.status == 3
    assert "header_fields_changed" in said.err


def test_a_new_face_passes_with_its_plan_only(efface, phantom_file, tmp_path):
    out, plan = tmp_path / "refaced.nii.gz", tmp_path / "plan.npz"
    done = efface("deface", phantom_file, out, "--fill", "reface", "--plan", plan, "--json")
    assert done.status == 0, done.err
    assert done.document["fill_facts"]["tissue_levels"]["skin"] > 0
    assert efface("verify", phantom_file, out).status == 3
    assert efface("verify", phantom_file, out, "--plan", plan).status == 0


def test_a_flipped_and_cropped_copy_passes(efface, written, tmp_path):
    image = nib.load(written.paths["output"])
    flip = np.array([[0, -1], [1, 1], [2, 1]])
    nib.save(image.slicer[:, 2:, :].as_reoriented(flip), tmp_path / "flipped.nii.gz")
    said = efface("verify", written.source, tmp_path / "flipped.nii.gz")
    assert said.status == 0, said.err


def test_a_header_that_was_flipped_is_told(efface, written, tmp_path):
    image = nib.load(written.paths["output"])
    flipped = nib.Nifti1Image(np.asarray(image.dataobj), image.affine @ np.diag([-1, 1, 1, 1]), image.header)
    nib.save(flipped, tmp_path / "flipped.nii.gz")
    said = efface("verify", written.source, tmp_path / "flipped.nii.gz")
    assert said.status == 3
    assert "header_axes_turned = 1 axes" in said.err
    assert "FAILED header_axes_turned: Left, front and top are where the header says." in said.out


def test_an_interpolated_copy_is_a_wrong_call(efface, written, tmp_path):
    image = nib.load(written.paths["output"])
    nib.save(
        nib.Nifti1Image(np.asarray(image.dataobj)[::2, ::2, ::2], np.diag([5, 5, 5, 1.0])), tmp_path / "half.nii.gz"
    )
    said = efface("verify", written.source, tmp_path / "half.nii.gz")
    assert said.status == 2
    assert "its voxels are 5 x 5 x 5 mm, the original's 2.5 x 2.5 x 2.5 mm" in said.line


def test_strict_without_its_packages_is_a_wrong_call(efface, written, monkeypatch):
    monkeypatch.setattr(Weights, "path", lambda self: None)
    said = efface("verify", written.source, written.paths["output"], "--strict", "--json")
    assert said.status == 2
    assert "efface[study]" in said.line
