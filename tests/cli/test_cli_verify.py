"""``efface verify``: judges a copy made by any tool."""

import nibabel as nib


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
