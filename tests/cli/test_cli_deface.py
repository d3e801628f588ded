"""``efface deface``: what is written, what is said, and with which exit status."""

import hashlib
import json
import os

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

import efface as library

CODE = "DeidentificationMethodCodeSequence"


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_writes_every_output(written):
    assert written.said.status == 0
    assert written.said.err == ""
    assert names(written.folder) == [
        "head.json", "head.nii.gz", "head_mask.nii.gz", "head_plan.npz", "private/head_private.html",
        "private/head_private.json", "private/head_private.png", "report/head.html", "report/head.png",
    ]  # fmt: skip


def test_changes_the_plan_and_nothing_else(written):
    before, after = (np.asanyarray(nib.load(path).dataobj) for path in (written.source, written.paths["output"]))
    mask = library.load_plan(written.paths["plan"]).changed
    assert mask.any()
    assert np.array_equal(before[~mask], after[~mask])
    assert not after[mask].any()
    assert nib.load(written.source).header == nib.load(written.paths["output"]).header


@pytest.mark.parametrize("reader", ["nibabel", "SimpleITK"])
def test_the_mask_is_the_plan_s(written, reader):
    path = written.paths["mask"]
    read = nib.load(path).dataobj if reader == "nibabel" else sitk.GetArrayFromImage(sitk.ReadImage(path)).T
    assert np.array_equal(np.asanyarray(read), library.load_plan(written.paths["plan"]).mask)
    assert nib.load(path).header.get_xyzt_units()[0] == "mm"


def test_the_plan_makes_the_same_scan_again(written, phantom_scan, tmp_path):
    plan = library.load_plan(written.paths["plan"])
    library.write_scan(library.apply_plan(phantom_scan, plan), tmp_path / "again.nii.gz")
    assert (tmp_path / "again.nii.gz").read_bytes() == written.paths["output"].read_bytes()


def test_sidecar_says_what_was_done(written):
    sidecar = json.loads(written.paths["sidecar"].read_text("utf-8"))
    assert [code["CodeValue"] for code in sidecar[CODE]] == ["113102"]
    assert sidecar["efface"]["verified"] is True
    assert sidecar["efface"]["sha256"] == hashlib.sha256(written.paths["output"].read_bytes()).hexdigest()
    assert len(sidecar["efface"]["provenance"]["atlas_sha256"]) == 64


def test_json_is_one_document(written):
    document = written.said.document
    assert document["exit_status"] == 0
    assert document["error"] is None
    assert document["verdict"]["passed"] is True
    assert document["method"] == "anatomy"
    assert {name: document[name] for name in written.paths} == {name: str(path) for name, path in written.paths.items()}


@pytest.mark.parametrize("as_json", [False, True])
def test_dry_run_writes_nothing(efface, phantom_file, tmp_path, as_json):
    options = ["--mask", tmp_path / "mask.nii.gz", "--report", tmp_path / "report", "--dry-run"]
    said = efface("deface", phantom_file, tmp_path / "out.nii.gz", *options, *["--json"] * as_json)
    assert said.status == 0
    assert names(tmp_path) == []
    assert not (tmp_path / "report").exists()
    if as_json:
        assert said.document["dry_run"] is True
        assert said.document["removed_ml"]["nose"] > 0
    else:
        assert said.out.endswith("dry run: nothing was written\n")


def test_overwrite_replaces_and_gives_the_same_bytes(efface, written, tmp_path):
    output = tmp_path / "head.nii.gz"
    output.write_bytes(b"mine")
    refused = efface("deface", written.source, output)
    assert refused.status == 2
    assert "--overwrite" in refused.line
    assert output.read_bytes() == b"mine"
    said = efface("deface", written.source, output, "--overwrite")
    assert said.status == 0
    assert said.out.startswith("verified: ")
    assert names(tmp_path) == ["head.json", "head.nii.gz"]
    assert output.read_bytes() == written.paths["output"].read_bytes()


@pytest.mark.parametrize("option", ["--mask", "--plan", "sidecar"])
def test_every_existing_output_is_refused_first(efface, phantom_file, tmp_path, option):
    there = tmp_path / ("head.json" if option == "sidecar" else "there.nii.gz")
    there.write_bytes(b"mine")
    extra = [] if option == "sidecar" else [option, there]
    said = efface("deface", phantom_file, tmp_path / "head.nii.gz", *extra)
    assert said.status == 2
    assert there.name in said.line
    assert there.read_bytes() == b"mine"
    assert names(tmp_path) == [there.name]


@pytest.mark.parametrize("kind", ["itself", "hard link", "symbolic link", "folder link"])
@pytest.mark.parametrize("option", [None, "--mask"])
def test_the_input_is_never_an_output(efface, phantom_file, tmp_path, kind, option):
    source = tmp_path / "scan.nii.gz"
    source.write_bytes(phantom_file.read_bytes())
    other = tmp_path / "other.nii.gz"
    if kind == "itself":
        other = source
    elif kind == "hard link":
        os.link(source, other)
    elif kind == "symbolic link":
        other.symlink_to(source)
    else:
        (tmp_path / "link").symlink_to(tmp_path)
        other = tmp_path / "link" / "scan.nii.gz"
    outputs = [other] if option is None else [tmp_path / "out.nii.gz", option, other]
    said = efface("deface", source, *outputs, "--overwrite")
    assert said.status == 2
    assert "never overwritten" in said.line
    assert source.read_bytes() == phantom_file.read_bytes()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--method", "magic"], "template-mask"),
        (["--fill", "gold"], "zero"),
        (["--method", "anatomy", "--extent", "half"], "full"),
        (["--method", "anatomy", "--keep", "nose"], "ears"),
        (["--method", "template-mask", "--keep", "ears"], "keep"),
        (["--clearance-mm", "1.9"], "1.9"),
        (["--clearance-mm", "20.1"], "20.1"),
        (["--clearance-mm", "nan"], "nan"),
        (["--clearance-mm", "wide"], "--clearance-mm"),
        (["--nose"], "--nose"),
        (["--mask", "mask.mgz"], "NIfTI"),
        (["--plan", "OUT"], "share a name"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_wrong_options_end_with_2_at_once(efface, tmp_path, monkeypatch, options, word, as_json):
    monkeypatch.chdir(tmp_path)
    options = ["out.nii.gz" if option == "OUT" else option for option in options]
    said = efface("deface", "missing.nii.gz", "out.nii.gz", *options, *["--json"] * as_json)
    assert said.status == 2
    assert word in said.line
    assert names(tmp_path) == []
    if as_json:
        assert said.document["exit_status"] == 2
        assert said.document["error"] in said.line
    else:
        assert said.out == ""


@pytest.mark.parametrize("arguments", [[], ["in.nii.gz"], ["in.nii.gz", "out.nii.gz", "third.nii.gz"]])
def test_wrong_number_of_arguments(efface, arguments):
    said = efface("deface", *arguments)
    assert said.status == 2
    assert "--help" in said.line


@pytest.mark.parametrize("content", [None, b"", b"not an image" * 100, b"\x1f\x8b\x08\x00broken"])
@pytest.mark.parametrize("as_json", [False, True])
def test_unreadable_input_ends_with_4(efface, tmp_path, content, as_json):
    source = tmp_path / "scan.nii.gz"
    if content is not None:
        source.write_bytes(content)
    there = names(tmp_path)
    said = efface("deface", source, tmp_path / "out.nii.gz", *["--json"] * as_json)
    assert said.status == 4
    assert str(source) in said.line
    assert names(tmp_path) == there
    if as_json:
        assert said.document["exit_status"] == 4
        assert said.document["verdict"] is None


def test_output_keeps_the_format(efface, phantom_file, tmp_path):
    said = efface("deface", phantom_file, tmp_path / "out.mgz")
    assert said.status == 2
    assert ".nii.gz" in said.line
    assert names(tmp_path) == []


def test_missing_folder_ends_with_1(efface, phantom_file, tmp_path):
    said = efface("deface", phantom_file, tmp_path / "nowhere" / "out.nii.gz")
    assert said.status == 1
    assert "no such folder" in said.line
    assert names(tmp_path) == []


def test_unwritable_folder_ends_with_1(efface, phantom_file, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # the administrator may write anywhere
    said = efface("deface", phantom_file, tmp_path / "out.nii.gz")
    assert said.status == 1
    assert "cannot be written to" in said.line
    assert names(tmp_path) == []


def test_unwritable_report_ends_with_1_and_no_scan(efface, written, tmp_path, monkeypatch):
    from efface.pipeline import Path

    def refuse(self, **options):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    said = efface("deface", written.source, tmp_path / "out.nii.gz", "--report", tmp_path / "report")
    assert said.status == 1
    assert str(tmp_path / "report") in said.line
    assert names(tmp_path) == []


@pytest.fixture(scope="module")
def refused(efface, ball_file, tmp_path_factory):
    """What ``--write-failed`` leaves of a scan that is no head."""
    folder = tmp_path_factory.mktemp("refused")
    options = ["--mask", folder / "mask.nii.gz", "--plan", folder / "plan.npz", "--report", folder / "report"]
    said = efface("deface", ball_file, folder / "out.nii.gz", *options, "--write-failed", "--json")
    return folder, said


def test_no_head_is_refused_and_not_written(efface, ball_file, tmp_path):
    said = efface("deface", ball_file, tmp_path / "out.nii.gz", "--mask", tmp_path / "mask.nii.gz")
    assert said.status == 3
    assert "refused: " in said.line
    assert "(limit " in said.line
    assert said.out == ""
    assert names(tmp_path) == []


def test_write_failed_is_refused_all_the_same(refused):
    folder, said = refused
    assert said.status == 3
    assert said.document["exit_status"] == 3
    assert said.document["verdict"]["passed"] is False
    assert said.err.count("do not share it") == 1
    written = ["mask_FAILED.nii.gz", "out_FAILED.json", "out_FAILED.nii.gz", "plan_FAILED.npz", "report/out.html"]
    assert names(folder) == written


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_write_failed_never_replaces_the_input(efface, ball_file, tmp_path, options):
    source = tmp_path / "out_FAILED.nii.gz"
    source.write_bytes(ball_file.read_bytes())
    said = efface("deface", source, tmp_path / "out.nii.gz", "--write-failed", *options)
    assert said.status == 2
    assert "never overwritten" in said.line
    assert source.read_bytes() == ball_file.read_bytes()


def test_sidecar_of_a_refused_scan_claims_nothing(refused):
    folder, _ = refused
    text = (folder / "out_FAILED.json").read_text("utf-8")
    assert json.loads(text)["efface"]["verified"] is False
    assert "113102" not in text
    assert CODE not in text


def test_a_scan_that_keeps_its_ears_claims_no_clean_features(efface, phantom_file, tmp_path):
    said = efface("deface", phantom_file, tmp_path / "out.nii.gz", "--keep", "ears")
    assert said.status == 0
    assert CODE not in json.loads((tmp_path / "out.json").read_text("utf-8"))


def test_page_of_a_refused_scan_shows_no_picture(refused):
    folder, _ = refused
    assert "<img" not in (folder / "report" / "out.html").read_text("utf-8")
