"""Tiny BIDS datasets. What decides and judges is faked: the tests are about files."""

import pytest
from tiny import FACE, made, made_together, write_image, write_json

import efface.batch.attempts as attempts
import efface.batch.defacing as defacing
import efface.bids.looking as looking
from efface.auditing.findings import Finding, Kind


@pytest.fixture
def fake(monkeypatch):
    """No network, no renders."""
    monkeypatch.setattr(attempts, "deface_scan", lambda scan, **options: made(scan, options, 1))
    monkeypatch.setattr(attempts, "deface_scans", made_together)
    monkeypatch.setattr(defacing, "write_reports", lambda *arguments: None)

    def judge(scan, path):
        kind = Kind.FACE if int(scan.stored.flat[0]) == FACE else Kind.NO_FACE
        return Finding(path, kind, "as the test says")

    monkeypatch.setattr(looking, "judge", judge)


@pytest.fixture
def raw(tmp_path):
    """Two participants, one with two sessions; what must not be shared lies around."""
    root = tmp_path / "raw"
    write_json(root / "dataset_description.json", Name="Tiny <b>heads</b>", BIDSVersion="1.10.0", DatasetDOI="10.1/x",
               Authors=["No One", "Nobody"])  # fmt: skip
    (root / "README").write_text("Tiny heads. " * 20)
    (root / "participants.tsv").write_text("participant_id\tage\nsub-01\t93\nsub-02\t30\nsub-03\t89\n")
    write_json(root / "participants.json", age={"Description": "Age", "Units": "year"})
    write_json(root / "T1w.json", MagneticFieldStrength=3, EchoTime=0.1)
    write_json(root / "task-rest_bold.json", RepetitionTime=1.0, TaskName="rest")
    (root / ".bidsignore").write_text("# ours\n*_localizer.*\nextra/\n")
    anat, later = root / "sub-01" / "ses-1" / "anat", root / "sub-01" / "ses-2" / "anat"
    for name in ("run-1_T1w", "run-2_T1w", "FLAIR"):
        write_image(anat / f"sub-01_ses-1_{name}.nii.gz")
    write_json(anat / "sub-01_ses-1_T1w.json", EchoTime=0.2, PatientName="Erika")
    write_json(anat / "sub-01_ses-1_run-2_T1w.json", EchoTime=0.3)
    write_image(later / "sub-01_ses-2_T2w.nii.gz")
    func = root / "sub-01" / "ses-1" / "func"
    write_image(func / "sub-01_ses-1_task-rest_bold.nii.gz", volumes=2)
    (func / "sub-01_ses-1_task-rest_events.tsv").write_text("onset\tduration\n1\t2\n")
    (root / "sub-01" / "ses-1" / "sub-01_ses-1_scans.tsv").write_text(
        "filename\nanat/sub-01_ses-1_run-1_T1w.nii.gz\nanat/sub-01_ses-1_run-2_T1w.nii.gz\n"
        "anat/sub-01_ses-1_FLAIR.nii.gz\nfunc/sub-01_ses-1_task-rest_bold.nii.gz\n../../../x\n"
    )
    write_image(root / "sub-02" / "anat" / "sub-02_T1w.nii.gz")
    for name in ("sourcedata/sub-01_T1w.nii.gz", "derivatives/x/sub-01_T1w.nii.gz", "sub-02/anat/face.nii.gz",
                 "sub-02/anat/sub-02_localizer.nii.gz", "sub-02/anat/sub-02_mod-T1w_defacemask.nii.gz",
                 "extra/x.nii.gz"):  # fmt: skip
        write_image(root / name)
    (root / "code").mkdir()
    (root / "code" / "run.sh").write_text("#!/bin/sh\n")
    (root / "sub-02" / "figures").mkdir()
    (root / "sub-02" / "figures" / "sub-02_T1w.png").write_bytes(b"\x89PNG")
    return root
