"""A user's own nnU-Net v2 model, run by nnU-Net's program on a copy of the scan."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from efface.errors import DefaceError, UsageError
from efface.io import read_scan
from efface.scan import Scan

PROGRAM = "nnUNetv2_predict_from_modelfolder"
TIME_OUT_S = 7200


def nnunet_mask(scan: Scan, model_folder: Path) -> NDArray[np.bool_]:
    """Run a trained model on a scan's mean volume.

    Parameters
    ----------
    scan : it is written as a NIfTI file of float32 into a temporary folder
    model_folder : as nnU-Net's training leaves it, with ``dataset.json`` and ``plans.json``

    Returns
    -------
    labelled : (I, J, K) bool array, True where the model gives any label

    Raises
    ------
    UsageError
        The program is not installed, or the folder holds no model.
    DefaceError
        The program failed or took longer than two hours.
    """
    if shutil.which(PROGRAM) is None:
        message = f"{PROGRAM} is not on the PATH; install nnU-Net with pip install nnunetv2, or leave model_folder out"
        raise UsageError(message)
    if not (model_folder / "plans.json").is_file():
        message = f"model_folder = {model_folder}: it holds no plans.json; give the folder that nnU-Net trained"
        raise UsageError(message)
    with TemporaryDirectory(prefix="efface-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        nib.save(nib.Nifti1Image(scan.intensities(), scan.grid.affine), folder / "in" / "scan_0000.nii.gz")
        _run(command(folder / "in", folder / "out", model_folder))
        labels = read_scan(folder / "out" / "scan.nii.gz")
    labels.grid.check_same(scan.grid, "nnU-Net's answer")
    return np.asarray(labels.intensities() > 0)


def command(source: Path, output: Path, model_folder: Path) -> list[str]:
    """Return the command line that is run."""
    return [PROGRAM, "-i", str(source), "-o", str(output), "-m", str(model_folder), "-f", "all", "-device", "cpu"]


def _run(words: list[str]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIME_OUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        message = f"{PROGRAM} took longer than {TIME_OUT_S} s; try a smaller scan, or run it yourself"
        raise DefaceError(message) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        message = f"{PROGRAM} failed (exit status {done.returncode}): {said[-1] if said else 'it said nothing'}"
        raise DefaceError(message)
