"""What is recorded of results that other programs made: brain removed, and nothing at all."""

import numpy as np
import pytest
from PIL import Image

from efface.io import write_scan
from efface.study.config import MethodEntry, Options, PipelineEntry, ScanEntry, StudyConfig
from efface.study.knowing import know
from efface.study.measuring import measure_method
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
