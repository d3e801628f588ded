"""Commands are run in this process; what they say is kept."""

import contextlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from efface.cli import main


@dataclass(frozen=True)
class Said:
    """What one command did."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """The one line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


def run(*arguments: object) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(argument) for argument in arguments])
    return Said(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def efface():
    """``efface("deface", IN, OUT)`` runs a command and returns what it `Said`."""
    return run


@dataclass(frozen=True)
class Written:
    """One run with every output."""

    source: Path
    folder: Path
    said: Said
    paths: dict[str, Path] = field(repr=False)

    def shareable(self) -> list[Path]:
        private = self.paths["private_report"]
        return [path for path in self.folder.rglob("*") if path.is_file() and private not in path.parents]


@pytest.fixture(scope="session")
def written(phantom_file, tmp_path_factory):
    """A synthetic head defaced with every output that can be asked for, and ``--json``."""
    folder = tmp_path_factory.mktemp("shared")
    paths = {
        "output": folder / "head.nii.gz",
        "mask": folder / "head_mask.nii.gz",
        "plan": folder / "head_plan.npz",
        "report": folder / "report",
        "private_report": folder / "private",
    }
    options = [item for name in list(paths)[1:] for item in (f"--{name.replace('_', '-')}", paths[name])]
    said = run("deface", phantom_file, paths["output"], *options, "--json")
    return Written(phantom_file, folder, said, paths | {"sidecar": folder / "head.json"})


@pytest.fixture(scope="session")
def ball_file(tmp_path_factory):
    """A scan of a ball of noise: readable, and no head."""
    rng = np.random.default_rng(0)
    inside = (np.square(np.indices((48, 48, 48)) - 24)).sum(axis=0) < 15**2
    voxels = np.where(inside, rng.integers(200, 400, inside.shape), rng.integers(0, 20, inside.shape))
    path = tmp_path_factory.mktemp("ball") / "ball.nii.gz"
    nib.save(nib.Nifti1Image(voxels.astype(np.int16), np.diag([4.0, 4.0, 4.0, 1.0])), path)
    return path
