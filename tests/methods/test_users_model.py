"""The method ``pediatric`` with a user's own nnU-Net: what it asks for, and what it says when that goes wrong."""

import os
import sys
import time
from pathlib import Path

import pytest

import efface
from efface import phantom
from efface.errors import ProgramError, UsageError
from efface.io import read_scan
from efface.methods import get_method
from efface.methods.nnunet import PROGRAM, command


@pytest.fixture(scope="module")
def scan():
    return read_scan(phantom.head("T1w", spacing_mm=(2.5, 2.5, 2.5), seed=4))


@pytest.fixture(scope="module")
def anatomy(scan):
    return efface.locate(scan)


def test_pediatric_says_what_it_needs_for_a_model_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("efface.methods.nnunet.find_program", lambda *names: None)
    with pytest.raises(UsageError, match="pip install nnunetv2"):
        get_method("pediatric", model_folder=tmp_path)
    monkeypatch.setattr("efface.methods.nnunet.find_program", lambda *names: PROGRAM)
    with pytest.raises(UsageError, match=r"no plans\.json"):
        get_method("pediatric", model_folder=tmp_path)


@pytest.mark.parametrize(("folders", "folds"), [(["fold_all", "fold_0"], "all"), (["fold_1", "fold_0"], "0 1")])
def test_pediatric_asks_the_folds_that_were_trained(tmp_path, folders, folds):
    for name in folders:
        (tmp_path / name).mkdir()
    words = command(Path("F"), tmp_path)
    assert words[1:] == ["-i", "F/in", "-o", "F/out", "-m", str(tmp_path), "-f", *folds.split(), "-device", "cpu"]


@pytest.fixture
def model(tmp_path, monkeypatch):
    """``model(text)`` makes a model's folder and a program of nnU-Net's name that does something on its copy."""

    def make(text):
        program = tmp_path / PROGRAM
        program.write_text(
            f"#!{sys.executable}\nimport sys, pathlib, subprocess, nibabel as nib, numpy as np\n"
            "src, out = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[4])\nout.mkdir()\n"
            f"image = nib.load(src / 'scan_0000.nii.gz')\nlabels = np.zeros(image.shape, np.uint8)\n{text}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
        (tmp_path / "plans.json").write_text("{}")
        (tmp_path / "fold_all").mkdir()
        return tmp_path

    return make


LABELLED = (
    "labels[:, image.shape[1] // 2 + 20:] = 1\nnib.save(nib.Nifti1Image(labels, image.affine), out / 'scan.nii.gz')"
)


def test_pediatric_runs_a_users_model(scan, anatomy, model, monkeypatch):
    folder = model(LABELLED)
    monkeypatch.chdir(folder.parent)
    mask = get_method("pediatric", model_folder=Path(folder.name)).decide(scan, anatomy).mask > 0
    assert mask[:, scan.grid.shape[1] // 2 + 20 :].all()
    assert not mask[:, : scan.grid.shape[1] // 2 + 20].any()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("sys.exit('no checkpoint')", "status 1; it said: no checkpoint"),
        ("pass", "left no out/scan"),
        (LABELLED.replace("image.affine", "np.eye(4)"), "cannot be used"),
        ("subprocess.run(['sleep', '60'])", "stopped after 0.5 s"),
    ],
)
def test_what_goes_wrong_with_a_users_model_is_told(scan, anatomy, model, text, word):
    method = get_method("pediatric", model_folder=model(text), timeout_s=0.5 if "sleep" in text else 60)
    start = time.monotonic()
    with pytest.raises(ProgramError, match=word):
        method.decide(scan, anatomy)
    assert time.monotonic() - start < 20
