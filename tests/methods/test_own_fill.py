"""What a method itself writes is written as it is, and verified; a mask that follows the face stays private."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

import efface
import efface.pipeline as pipeline
import efface.session_anatomy as session_anatomy
from efface import phantom
from efface.deface_plan import DefacePlan
from efface.errors import UsageError
from efface.fill import fill_values
from efface.fill.own import fill_own
from efface.io import read_scan
from efface.provenance import without_folders
from efface.report import files
from efface.session import plan_session

COARSE = (4.0, 4.0, 4.0)


@pytest.fixture(scope="module")
def scan():
    return read_scan(phantom.head("T1w", spacing_mm=COARSE, seed=1))


@pytest.fixture(scope="module")
def anatomy(scan):
    return efface.locate(scan)


@pytest.fixture
def found(tiny_package, monkeypatch, scan, anatomy):
    """The other package is installed, and the head is found at once."""
    for module in (pipeline, session_anatomy):
        monkeypatch.setattr(module, "locate", lambda _: anatomy)


@pytest.fixture
def source(scan, tmp_path):
    efface.write_scan(scan, tmp_path / "Erika.nii.gz")
    return tmp_path / "Erika.nii.gz"


def test_own_values_are_written_and_verified(found, scan, anatomy):
    plan = efface.plan(scan, anatomy, method="tiny", ramp=True)
    result = efface.apply_plan(scan, plan)
    assert plan.fill == "own"
    assert np.array_equal(result.stored[plan.changed], (np.arange(plan.changed.sum()) % 5 * 10 + 7))
    verdict = efface.verify(scan, result, anatomy=anatomy, plan=DefacePlan.from_bytes(plan.to_bytes()))
    checks = {check.name: check for check in verdict.checks}
    assert checks["mask_not_replaced"].passed
    assert checks["reversible"].passed
    assert checks["independent_front"].passed


def test_own_values_that_are_the_face_blurred_are_refused(found, scan, anatomy, monkeypatch):
    plan = efface.plan(scan, anatomy, method="tiny", ramp=True)
    dimmed = replace(plan, values=scan.stored[plan.changed] // 2)
    verdict = efface.verify(scan, efface.apply_plan(scan, dimmed), anatomy=anatomy, plan=dimmed)
    assert "reversible" in {check.name for check in verdict.failed}


def test_one_value_for_all_is_one_value(found, scan, anatomy):
    plan = efface.plan(scan, anatomy, method="tiny")
    assert plan.values.shape == ()
    assert plan.values == 7


@pytest.mark.parametrize("fill", ["zero", "noise", "reface"])
def test_every_other_fill_can_be_asked_for(found, scan, anatomy, fill):
    plan = efface.plan(scan, anatomy, method="tiny", fill=fill, ramp=True)
    assert plan.fill == fill
    assert np.array_equal(plan.values, fill_values(fill, scan, anatomy, plan.changed).values)


def test_a_method_without_values_of_its_own_says_so(scan, anatomy):
    with pytest.raises(UsageError, match="anatomy writes nothing of its own"):
        efface.plan(scan, anatomy, fill="own")


def test_numbers_are_stored_as_the_scan_stores_them(scan):
    values = np.array([1.2, 300.0, np.nan, -50.0])
    stored = scan.stored.astype(np.uint8)
    assert fill_own(values, replace(scan, stored=stored), 9.0).values.tolist() == [1, 255, 9, 0]
    scaled = replace(scan, slope=0.5, inter=-10.0)
    assert fill_own(values, scaled, 9.0).values.tolist() == [22, 620, 38, -80]
    floats = fill_own(values, replace(scan, stored=scan.stored.astype(">f8")), 9.0).values
    assert floats.dtype == np.dtype(">f8")
    assert np.array_equal(floats, values, equal_nan=True)


def test_nan_is_written_as_nan_and_verified(found, anatomy, scan):
    floats = read_scan(nib.Nifti1Image(scan.stored.astype(np.float32), scan.grid.affine))
    plan = efface.plan(floats, anatomy, method="tiny", level=float("nan"))
    result = efface.apply_plan(floats, plan)
    assert np.isnan(result.stored[plan.changed]).all()
    verdict = efface.verify(floats, result, anatomy=anatomy, plan=plan)
    assert "mask_not_replaced" not in {check.name for check in verdict.failed}


def test_volumes_may_differ(found, anatomy, scan):
    plan = efface.plan(scan, anatomy, method="tiny")
    voxels = np.stack([scan.stored, scan.stored + 1], axis=-1)
    many = read_scan(nib.Nifti1Image(voxels, scan.grid.affine))
    count = int(plan.changed.sum())
    values = fill_own(np.stack([np.full(count, 3.0), np.full(count, 4.0)], axis=-1), many, 0.0).values
    result = efface.apply_plan(many, replace(plan, values=values))
    assert np.unique(result.stored[plan.changed], axis=0).tolist() == [[3, 4]]


def test_a_session_is_filled_with_the_methods_own(found, scan, tmp_path):
    images = []
    for name in ("one", "two"):
        efface.write_scan(scan, tmp_path / f"{name}.nii.gz")
        images.append((tmp_path / f"{name}.nii.gz", tmp_path / f"{name}_out.nii.gz"))
    plans = plan_session([read_scan(path) for path, _ in images], method="tiny", ramp=True)[0]
    assert {plan.fill for plan in plans} == {"own"}
    assert np.array_equal(plans[0].values, plans[1].values)


def test_folders_do_not_get_into_the_plan(found, scan, anatomy):
    for given in ("/home/erika/own.nii.gz", "/home/Erika Mustermann/own.nii.gz"):
        plan = efface.plan(scan, anatomy, method="tiny", template=given)
        assert plan.parameters["template"] == "own.nii.gz"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("'/home/Erika Mustermann/prog' {in} {out}", "'prog' {in} {out}"),
        ('prog --mask "/home/Erika Mustermann/m.nii" {in}', 'prog --mask "m.nii" {in}'),
        ("prog --mask=/home/Erika\\ Mustermann/m.nii {in}", "prog --mask=m.nii {in}"),
        (r"C:\Users\Erika\prog.exe {in} {folder}/x", "prog.exe {in} {folder}/x"),
    ],
)
def test_a_folder_with_a_space_in_its_name_is_not_kept_either(line, kept):
    assert without_folders(line) == kept


@pytest.fixture
def refused_never(monkeypatch):
    """Every result is written: these tests are about where files go."""
    monkeypatch.setattr(pipeline, "verify", lambda *scans, **options: efface.Verdict(()))


@pytest.mark.parametrize("option", ["--mask", "--plan"])
def test_a_mask_that_follows_the_face_is_not_written_beside_shared_output(found, source, tmp_path, efface_cli, option):
    out = tmp_path / "out.nii.gz"
    said = efface_cli("deface", source, out, "--method", "tiny", option, tmp_path / "mask.nii.gz")
    assert said.status == 2
    assert option in said.err
    assert "--private-report" in said.err
    assert not out.exists()


def test_it_goes_into_the_private_folder(found, refused_never, source, tmp_path, efface_cli, monkeypatch):
    monkeypatch.setattr(files, "render_views", lambda *scan, **options: {"front": np.zeros((9, 9), np.uint8)})
    monkeypatch.setattr(files, "private_report_files", lambda *result: {})
    more = ["--mask", tmp_path / "mask.nii.gz", "--plan", tmp_path / "plan.npz"]
    folders = ["--report", tmp_path / "shared", "--private-report", tmp_path / "private"]
    command = ["deface", source, tmp_path / "out.nii.gz", "--method", "tiny", *more, *folders, "--json"]
    dry = efface_cli(*command, "--dry-run")
    assert dry.status == 0
    assert not (tmp_path / "private").exists()
    said = efface_cli(*command)
    assert said.status == 0
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.n*"))
    assert written == ["Erika.nii.gz", "out.nii.gz", "private/mask.nii.gz", "private/plan.npz"]
    assert json.loads(said.out)["mask"] == str(tmp_path / "private" / "mask.nii.gz")
    assert "would show the face" in (tmp_path / "shared" / "out.html").read_text("utf-8")


def test_a_public_method_writes_its_mask_where_it_is_asked_to(found, refused_never, source, tmp_path, efface_cli):
    said = efface_cli("deface", source, tmp_path / "out.nii.gz", "--mask", tmp_path / "mask.nii.gz")
    assert said.status == 0
    assert (tmp_path / "mask.nii.gz").exists()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--method", "anatomy", "--fill", "own"], "nothing of its own"),
        (["--method", "anatomy", "--param", "size=3"], "it has: extent"),
        (["--clearance-mm", "3", "--param", "clearance_mm=4"], "its own option"),
        (["--template", "head.nii.gz"], "no parameter template"),
        (["--method", "absent"], "moonprog"),
    ],
)
def test_wrong_choices_end_with_2_before_the_scan_is_read(tiny_package, tmp_path, efface_cli, options, word):
    said = efface_cli("deface", "missing.nii.gz", tmp_path / "out.nii.gz", *options)
    assert said.status == 2
    assert word in said.err


def test_parameters_get_into_the_plan(found, source, tmp_path, efface_cli):
    options = ["--method", "anatomy", "--param", "max_steps=2", "--param", "keep=ears"]
    said = efface_cli("deface", source, tmp_path / "out.nii.gz", *options, "--dry-run", "--json")
    parameters = json.loads(said.out)["parameters"]
    assert (parameters["max_steps"], parameters["keep"]) == (2, ["ears"])
