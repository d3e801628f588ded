"""DICOM on the command line: a series, a folder of studies, and what is said of both."""

import hashlib
import json
import shutil
from io import BytesIO

import nibabel as nib
import numpy as np
import pytest
from making_dicom import NAME, Making, edit, pydicom, write_capture, write_series

import efface as library
from efface.io.dicom.writing import series_contents
from efface.phantom import head
from efface.provenance import Claim
from efface.verdict import Check, Verdict


@pytest.fixture(scope="module", autouse=True)
def located_once():
    """Search the same voxels once only: this is not about the search."""
    found = {}

    def locate(scan):
        key = hashlib.sha256(scan.stored.tobytes()).hexdigest()
        if key not in found:
            found[key] = library.locate(scan)
        return found[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("efface.pipeline.locate", locate)
        patch.setattr("efface.verification.locate", locate)
        patch.setattr("efface.session_anatomy.locate", locate)
        yield


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """A synthetic head as sagittal slices of 12 bits."""
    image = head("T1w", spacing_mm=(2.5, 2.5, 2.5), orientation="PIR", seed=1, dtype=np.uint16)
    folder = tmp_path_factory.mktemp("dicom") / "head"
    return write_series(folder, np.asanyarray(image.dataobj), image.affine)


@pytest.fixture(scope="module")
def defaced(efface, series, tmp_path_factory):
    """What a run with every output left: the folder it wrote into, and what it said."""
    folder = tmp_path_factory.mktemp("out")
    options = ["--mask", folder / "mask.nii.gz", "--plan", folder / "plan.npz"]
    return folder, efface("deface", series, folder / "head", *options, "--json")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_series_becomes_a_series(series, defaced):
    folder, said = defaced
    assert said.status == 0
    assert "PatientName" in said.err
    assert NAME not in said.err
    assert names(folder) == ["head", "head.json", "mask.nii.gz", "plan.npz"]
    assert names(folder / "head") == names(series)
    before, after = library.read_scan(series), library.read_scan(folder / "head")
    mask = library.load_plan(folder / "plan.npz").changed
    assert np.array_equal(before.stored[~mask], after.stored[~mask])
    assert not after.stored[mask].any()
    assert np.allclose(nib.load(folder / "mask.nii.gz").affine, before.grid.affine, atol=1e-4)
    first = pydicom.dcmread(next((folder / "head").iterdir()))
    assert first.RecognizableVisualFeatures == "NO"
    sidecar = json.loads((folder / "head.json").read_text("utf-8"))
    assert first.DeidentificationMethod == sidecar["DeidentificationMethod"][0]
    lines = [f"{hashlib.sha256((folder / 'head' / name).read_bytes()).hexdigest()}  {name}\n" for name in names(series)]
    assert sidecar["efface"]["sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert NAME.split("^")[0] not in (folder / "head.json").read_text("utf-8")


def test_verify_takes_series(efface, series, defaced):
    folder, _ = defaced
    said = efface("verify", series, folder / "head", "--json")
    checks = {check["name"]: check for check in said.document["verdict"]["checks"]}
    assert checks["header_fields_changed"]["passed"] is True
    assert said.status == 0


def test_render_takes_a_series(efface, defaced, tmp_path):
    folder, _ = defaced
    assert efface("render", folder / "head", tmp_path / "views.png").status == 0
    assert (tmp_path / "views.png").stat().st_size > 1000


def test_the_same_series_gives_the_same_bytes(efface, series, defaced, tmp_path):
    folder, _ = defaced
    assert efface("deface", series, tmp_path / "again").status == 0
    for path in (folder / "head").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_a_method_that_follows_the_face_cleans_headers_too(efface, series, tmp_path, monkeypatch):
    """Its mask and plan go elsewhere; that must change nothing else of what was asked for."""
    monkeypatch.setattr("efface.pipeline.verify", lambda *scans, **options: Verdict(()))
    said = efface("deface", series, tmp_path / "head", "--method", "deepdefacer", "--clean-headers")
    assert said.status == 0, said.err
    written = pydicom.dcmread(next((tmp_path / "head").iterdir()))
    assert NAME not in str(written.PatientName)
    assert len(names(tmp_path / "head")) == len(names(series))


@pytest.fixture(scope="module")
def study(series, tmp_path_factory):
    """The head, a scout, a screenshot, a broken series and a letter."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "letter.txt").write_text("Dear colleague")
    (folder / "head").mkdir()
    for path in series.iterdir():
        (folder / "head" / path.name).write_bytes(path.read_bytes())
    voxels, affine = np.arange(16 * 16 * 9, dtype=np.uint16).reshape(16, 16, 9), np.diag([4.0, 4, 4, 1])
    scout = Making(series="1.2.3.4.6", number=1, kind="ORIGINAL\\PRIMARY\\LOCALIZER")
    write_series(folder / "scout", voxels, affine, scout)
    gap = write_series(folder / "gap", voxels, affine, Making(series="1.2.3.4.7", number=7))
    next(path for path in gap.iterdir() if path.name.endswith("_4")).unlink()
    write_capture(folder / "head")
    return folder


@pytest.fixture(scope="module")
def defaced_study(efface, study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    return folder, efface("deface", study, folder / "out", "--clean-headers", "--json")


def test_of_a_study_only_verified_heads_are_written(study, defaced_study):
    folder, said = defaced_study
    assert said.status == 4
    assert said.document["exit_status"] == 4
    results = {each["series"].split(" (")[0]: each["result"] for each in said.document["series"]}
    assert results == {
        "series 5": "verified", "series 7": "unreadable", "series 1": "not copied", "series 99": "not copied",
        "1 other file": "not copied",
    }  # fmt: skip
    reasons = " ".join(each["reason"] for each in said.document["series"])
    assert "slices are missing" in reasons
    assert "a scout" in reasons
    assert "Secondary Capture" in reasons
    assert names(folder) == ["out", "out.json"]
    assert names(folder / "out") == ["series-001"]
    (document,) = json.loads((folder / "out.json").read_text("utf-8"))["series"]
    assert document["efface"]["verified"] is True
    assert len(document["files"]) == len(list((folder / "out" / "series-001").iterdir()))


@pytest.fixture(scope="module")
def two(series, tmp_path_factory):
    """The head in two contrasts, in one study."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "t1").mkdir()
    for path in series.iterdir():
        (folder / "t1" / path.name).write_bytes(path.read_bytes())
    image = head("T2w", spacing_mm=(3.0, 3.0, 3.0), orientation="LPS", seed=1, dtype=np.uint16)
    write_series(folder / "t2", np.asanyarray(image.dataobj), image.affine, Making(series="1.2.3.4.8", number=8))
    return folder


def test_series_of_one_study_are_decided_together(efface, two, tmp_path):
    said = efface("deface", two, tmp_path / "out", "--clean-headers", "--json")
    assert said.status == 0
    for each in said.document["series"]:
        assert each["result"] == "verified"
        checks = {check["name"]: check["passed"] for check in each["verdict"]["checks"]}
        assert checks["session_face_covered"] is True
    uids = {pydicom.dcmread(path).StudyInstanceUID for path in (tmp_path / "out").rglob("*.dcm")}
    assert len(uids) == 1, "references between the series stay whole"


def test_series_of_two_studies_have_nothing_to_do_with_one_another(efface, two, tmp_path):
    apart = tmp_path / "apart"
    shutil.copytree(two, apart)
    for path in (apart / "t2").iterdir():
        edit(path, StudyInstanceUID="1.2.3.4.77", PatientID="another")
    said = efface("deface", apart, tmp_path / "out", "--json")
    assert said.status == 0
    names_of_checks = {check["name"] for each in said.document["series"] for check in each["verdict"]["checks"]}
    assert not any(name.startswith("session_") for name in names_of_checks)


def test_cleaned_uids_do_not_depend_on_what_was_found_in_a_series(two):
    scan = library.read_scan(two / "t1")
    made = [
        series_contents(scan, Claim("efface", features_clean=True, recipe=recipe, shared="same"), clean_headers=True)
        for recipe in ("decided alone", "taken from the best")
    ]
    studies = {pydicom.dcmread(BytesIO(next(iter(each.values())))).StudyInstanceUID for each in made}
    assert len(studies) == 1


def test_cleaned_files_do_not_hold_the_name(defaced_study):
    folder, _ = defaced_study
    for path in (folder / "out").rglob("*.dcm"):
        assert NAME.split("^")[0].encode() not in path.read_bytes()
        assert pydicom.dcmread(path).PatientIdentityRemoved == "YES"


@pytest.mark.parametrize("as_json", [False, True])
def test_dry_run_of_a_study_lists_series(efface, study, tmp_path, as_json):
    said = efface("deface", study, tmp_path / "out", "--dry-run", *["--json"] * as_json)
    assert said.status == 0
    assert "series 5 (t1 sag)" in said.out
    assert "Secondary Capture" in said.out
    assert names(tmp_path) == []


@pytest.mark.parametrize("option", ["--mask", "--plan", "--report"])
def test_a_study_has_no_single_mask(efface, study, tmp_path, option):
    said = efface("deface", study, tmp_path / "out", option, tmp_path / "mask.nii.gz")
    assert said.status == 2
    assert option in said.line


def test_a_folder_without_a_head_writes_nothing(efface, tmp_path):
    write_capture(tmp_path / "in" / "one")
    edit(write_capture(tmp_path / "in" / "two"), SeriesInstanceUID="1.2.3.4.98")
    said = efface("deface", tmp_path / "in", tmp_path / "out")
    assert said.status == 4
    assert said.out.endswith("nothing was written\n")
    assert names(tmp_path) == ["in"]


@pytest.mark.parametrize("output", ["head", "head/inside", ".", "out.nii.gz"])
def test_wrong_outputs_are_refused_first(efface, series, output):
    before = names(series)
    said = efface("deface", series, series.parent / output)
    assert said.status == 2
    assert names(series) == before


def test_a_mask_is_not_put_among_slices(efface, series, tmp_path):
    said = efface("deface", series, tmp_path / "out", "--mask", series / "mask.nii.gz")
    assert said.status == 2
    assert "lies in the series" in said.line


def test_an_existing_folder_is_replaced_only_with_overwrite(efface, series, defaced, tmp_path):
    (tmp_path / "out").mkdir()
    said = efface("deface", series, tmp_path / "out")
    assert said.status == 2
    assert "--overwrite" in said.line


def test_clean_headers_is_for_dicom(efface, phantom_file, tmp_path):
    said = efface("deface", phantom_file, tmp_path / "out.nii.gz", "--clean-headers")
    assert said.status == 2
    assert "DICOM" in said.line


def test_clean_headers_is_not_for_sessions(efface, series, tmp_path):
    options = ["--also", tmp_path / "in2", tmp_path / "out2", "--clean-headers"]
    said = efface("deface", series, tmp_path / "out", *options)
    assert said.status == 2
    assert "--also" in said.line


def test_a_refused_series_is_written_as_failed_only(efface, series, tmp_path, monkeypatch):
    refusal = Verdict((Check("nose_covered", False, 0.1, 0.95, "of its visible skin", "The nose is covered."),))
    monkeypatch.setattr("efface.pipeline.verify", lambda *scans, **known: refusal)
    assert efface("deface", series, tmp_path / "out").status == 3
    assert names(tmp_path) == []
    assert efface("deface", series, tmp_path / "out", "--write-failed").status == 3
    assert names(tmp_path) == ["out_FAILED", "out_FAILED.json"]
    for path in (tmp_path / "out_FAILED").iterdir():
        assert "RecognizableVisualFeatures" not in pydicom.dcmread(path)


def test_the_private_log_knows_every_input_file(series):
    from efface.report.files import input_hashes

    hashes = input_hashes(series)
    assert sorted(hashes) == names(series)
    assert all(hashlib.sha256((series / name).read_bytes()).hexdigest() == value for name, value in hashes.items())


def test_without_pydicom_one_line_names_the_extra(efface, series, tmp_path, monkeypatch):
    monkeypatch.setattr("efface.io.dicom.find_spec", lambda name: None)
    said = efface("deface", series, tmp_path / "out")
    assert said.status == 4
    assert "pip install 'efface[dicom]'" in said.line
    assert names(tmp_path) == []
