"""What is recorded of results that other programs made: brain removed, and nothing at all."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from efface.io import read_scan, write_scan
from efface.study.config import MethodEntry, Options, PipelineEntry, ScanEntry, StudyConfig
from efface.study.knowing import know
from efface.study.measuring import measure_method, measure_original
from efface.study.units import private_folder


@pytest.fixture
def study(heads, tmp_path):
    scan = ScanEntry("anna_1", heads.folder / "anna_1.nii.gz", "anna", "1")
    method = MethodEntry("theirs", results=str(tmp_path / "theirs" / "{scan}.nii.gz"))
    options = Options(workers=1, attacks=())
    return StudyConfig("x", (scan,), (method,), (PipelineEntry("network"),), options=options)


def test_removed_brain_is_failure_ii_and_shown_without_the_face(study, known_anatomy, tmp_path):
    (scan,), (method,) = study.scans, study.methods
    known = know(scan, study, tmp_path)
    places = known.scan.grid.ras(np.moveaxis(np.indices(known.scan.grid.shape), 0, -1))
    brain = places[known.anatomy.brain]
    stored = known.scan.stored.copy()
    stored[places[..., 1] > np.percentile(brain[:, 1], 90)] = 0  # a cut through the frontal lobe
    (tmp_path / "theirs").mkdir()
    write_scan(known.scan.with_stored(stored), tmp_path / "theirs" / "anna_1.nii.gz")
    record = measure_method(known, method, study, tmp_path)
    assert (record["status"], record["outcome"], record["verified"]) == ("done", "failure II", False)
    removed_ml = 0.1 * known.anatomy.brain.sum() * 2.5**3 / 1000
    assert 0.2 * removed_ml < record["brain_tissue_ml"] < removed_ml
    assert not record["two_criteria"]
    with Image.open(private_folder(tmp_path, "anna_1", "theirs") / "failure.png") as picture:
        assert picture.height == pytest.approx(np.ptp(brain[:, 2]), abs=2)
        assert picture.width == pytest.approx(3 * np.ptp(brain[:, 1]), abs=5)


def test_a_method_that_gave_nothing_is_failure_i(study, known_anatomy, tmp_path):
    (scan,), (method,) = study.scans, study.methods
    record = measure_method(know(scan, study, tmp_path), method, study, tmp_path)
    assert (record["status"], record["outcome"], record["two_criteria"]) == ("refused", "failure I", False)
    assert "no such file" in record["reason"]


def test_a_program_that_fails_is_failure_i_and_is_tried_again(study, known_anatomy, tmp_path, monkeypatch):
    from efface.errors import ProgramError

    def fail(*_, **__):
        message = "the licence has run out"
        raise ProgramError(message)

    monkeypatch.setattr("efface.study.measuring.plan", fail)
    (scan,) = study.scans
    record = measure_method(know(scan, study, tmp_path), MethodEntry("anatomy", "anatomy"), study, tmp_path)
    assert (record["status"], record["outcome"], record["two_criteria"]) == ("failed", "failure I", False)
    assert "licence" in record["reason"]


@pytest.mark.parametrize("name", ["on_another_grid", "no_image"])
def test_a_reference_mask_that_does_not_fit_costs_only_its_own_numbers(name, study, known_anatomy, tmp_path):
    path = tmp_path / f"{name}.nii.gz"
    if name == "no_image":
        path.write_bytes(b"x")
    else:
        write_scan(read_scan(nib.Nifti1Image(np.eye(9, dtype=np.uint8)[None].repeat(9, 0), np.eye(4))), path)
    scan = replace(study.scans[0], reference_mask=path)
    record = measure_method(know(scan, study, tmp_path), MethodEntry("x", "quickshear"), study, tmp_path)
    assert (record["status"], record["reference"]) == ("done", None)
    assert "reference mask" in record["problems"]


def test_a_render_is_kept_also_where_nothing_is_attacked(study, known_anatomy, tmp_path):
    """Figure 1 shows a render of every method; it must not depend on which attacks are asked for."""
    (scan,) = study.scans
    record = measure_method(know(scan, study, tmp_path), MethodEntry("x", "quickshear"), study, tmp_path)
    assert record["detection"] == []
    folder = private_folder(tmp_path, "anna_1", "x")
    assert {path.name for path in folder.glob("*.png")} >= {"sagittal.png", "left_45.png"}


def test_the_built_in_pipeline_measures_what_theyers_compared(study, known_anatomy, tmp_path):
    (scan,) = study.scans
    known = know(scan, study, tmp_path)
    rows = {row["measure"]: row["value"] for row in measure_original(known, study, tmp_path)["measures"]}
    grid = known.scan.grid
    inside_ml = known.anatomy.brain.sum() * abs(np.linalg.det(grid.affine[:3, :3])) / 1000
    assert rows["intracranial volume"] == pytest.approx(inside_ml)
    parts = ("caudate", "putamen", "thalamus")
    assert rows["subcortical_grey volume"] >= sum(rows[f"{name} volume"] for name in parts)
