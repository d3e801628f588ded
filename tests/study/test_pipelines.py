"""External pipelines: a real program, and results that are there already."""

import sys

import numpy as np
import pytest

import efface
from efface.io import write_scan
from efface.study.config import PipelineEntry, ScanEntry
from efface.study.label_tables import load_label_table
from efface.study.pipelines import PipelineError, read_measures, run_pipeline


@pytest.fixture
def scan(heads):
    return efface.read_scan(heads.folder / "anna_1.nii.gz")


@pytest.fixture
def entry(heads):
    return ScanEntry("anna_1", heads.folder / "anna_1.nii.gz", "anna", "1")


def test_a_program_is_run_once(program, scan, entry, tmp_path):
    pipeline = PipelineEntry("split", command=program, labels="slant")
    found = run_pipeline(pipeline, scan, entry, "original", tmp_path)
    values = scan.intensities()
    expected = np.where(values > 350, 102, np.where(values > 150, 44, 0))
    assert np.array_equal(found.segmentation.labels, expected)
    assert found.measures[0]["measure"] == "MeanThickness"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.nii.gz", "log.txt", "made_of", "measures.tsv"]
    before = (tmp_path / "labels.nii.gz").stat().st_mtime_ns
    again = run_pipeline(pipeline, scan, entry, "original", tmp_path)
    assert np.array_equal(again.segmentation.labels, expected)
    assert (tmp_path / "labels.nii.gz").stat().st_mtime_ns == before


def test_another_image_or_another_command_is_another_result(program, scan, entry, tmp_path):
    """What a command said of other voxels, or another command of these, is not taken for its result."""
    pipeline = PipelineEntry("split", command=program, labels="slant")
    run_pipeline(pipeline, scan, entry, "original", tmp_path)
    darker = scan.with_stored((scan.stored // 2).astype(scan.stored.dtype))
    found = run_pipeline(pipeline, darker, entry, "original", tmp_path)
    values = darker.intensities()
    assert np.array_equal(found.segmentation.labels, np.where(values > 350, 102, np.where(values > 150, 44, 0)))
    gone = PipelineEntry("split", command="no-such-program {input} {output}", labels="slant")
    with pytest.raises(PipelineError, match="cannot be started"):
        run_pipeline(gone, darker, entry, "original", tmp_path)
    assert not (tmp_path / "labels.nii.gz").exists()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; sys.exit('the licence has run out')", "the licence has run out"),
        ("print('nothing to do')", "nothing to do"),
        ("import time; time.sleep(30)", "longer than 0.5 s"),
    ],
)
def test_a_program_that_fails_is_told(code, told, scan, entry, tmp_path):
    script = tmp_path / "broken.py"
    script.write_text(code, "utf-8")
    command = f"{sys.executable} {script} {{input}} {{output}}"
    timeout = 0.5 if "sleep" in code else 60
    with pytest.raises(PipelineError, match=told):
        run_pipeline(
            PipelineEntry("broken", command=command, timeout_s=timeout), scan, entry, "original", tmp_path / "x"
        )


def test_a_program_that_is_not_there_is_told(scan, entry, tmp_path):
    with pytest.raises(PipelineError, match="cannot be started"):
        run_pipeline(PipelineEntry("x", command="no-such-program {input} {output}"), scan, entry, "original", tmp_path)


def test_results_from_folders(scan, entry, tmp_path):
    (tmp_path / "original").mkdir()
    write_scan(
        scan.with_stored((scan.stored > 300).astype(scan.stored.dtype) * 17), tmp_path / "original" / "anna_1.nii.gz"
    )
    stats = tmp_path / "lh.aparc.stats"
    stats.write_text(
        "# Table of FreeSurfer\n# Measure Cortex, MeanThickness, Mean Thickness, 2.51234, mm\n"
        "# Measure Cortex, WhiteSurfArea, White Surface Total Area, 84000, mm^2\nbankssts 1 2 3\n", "utf-8"
    )  # fmt: skip
    pipeline = PipelineEntry("fs", results=str(tmp_path / "{version}/{scan}.nii.gz"), measures=(str(stats),))
    found = run_pipeline(pipeline, scan, entry, "original", tmp_path)
    assert found.segmentation.table is load_label_table("freesurfer")
    assert found.segmentation.volumes_ml()["left hippocampus"] > 100
    assert [(row["measure"], row["value"], row["unit"]) for row in found.measures] == [
        ("lh.MeanThickness", 2.51234, "mm"), ("lh.WhiteSurfArea", 84000, "mm^2"),
    ]  # fmt: skip
    with pytest.raises(PipelineError, match="no such file"):
        run_pipeline(pipeline, scan, entry, "pydeface", tmp_path)


def test_a_table_without_numbers_is_told(tmp_path):
    path = tmp_path / "measures.tsv"
    path.write_text("measure\tvalue\tunit\nthickness\tthick\tmm\n", "utf-8")
    with pytest.raises(PipelineError, match="no number"):
        list(read_measures(path))
