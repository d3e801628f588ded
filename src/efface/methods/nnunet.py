"""A user's own nnU-Net v2 model, run by nnU-Net's program on a copy of the scan."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from efface.errors import UsageError
from efface.io import read_scan
from efface.methods.external import left_scan
from efface.methods.running import find_program, run_program
from efface.scan import Scan

PROGRAM = "nnUNetv2_predict_from_modelfolder"


def check_model(model_folder: Path) -> None:
    """Raise `UsageError` unless nnU-Net is installed and a folder holds a model."""
    if find_program(PROGRAM) is None:
        message = f"{PROGRAM} is not on the PATH; install nnU-Net with pip install nnunetv2, or leave model_folder out"
        raise UsageError(message)
    if not (model_folder / "plans.json").is_file():
        message = f"model_folder = {model_folder}: it holds no plans.json; give the folder that nnU-Net trained"
        raise UsageError(message)


def nnunet_mask(scan: Scan, model_folder: Path, timeout_s: float, key: str) -> NDArray[np.bool_]:
    """Run a trained model on a scan's mean volume.

    Parameters
    ----------
    scan : it is written as a NIfTI file of float32 into a temporary folder
    model_folder : as nnU-Net's training leaves it, with ``dataset.json``, ``plans.json`` and a folder for each fold
    timeout_s : nnU-Net is stopped after so many seconds
    key : the method's, for messages

    Returns
    -------
    labelled : (I, J, K) bool array, True where the model gives any label

    Raises
    ------
    ProgramError
        nnU-Net failed, took too long, or left no labels on the scan's grid.
    """
    shown = nib.Nifti1Image(scan.intensities(), scan.grid.affine)
    with TemporaryDirectory(prefix="efface-") as name:
        folder = Path(name).resolve()
        (folder / "in").mkdir()
        nib.save(shown, folder / "in" / "scan_0000.nii.gz")
        run_program(command(folder, model_folder.resolve()), folder, timeout_s)
        labels = left_scan(folder, "out/scan.nii*", read_scan(shown), key)
    return np.asarray(labels.scan.intensities() > 0)


def command(folder: Path, model_folder: Path) -> list[str]:
    """Return the command line for a run in a folder: all data's fold if it was trained, else every fold that was."""
    folds = sorted(path.name.removeprefix("fold_") for path in model_folder.glob("fold_*"))
    asked = ["all"] if "all" in folds else folds
    where = ["-i", str(folder / "in"), "-o", str(folder / "out"), "-m", str(model_folder)]
    return [find_program(PROGRAM) or PROGRAM, *where, *(["-f", *asked] if asked else []), "-device", "cpu"]
