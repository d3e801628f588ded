"""A package with methods of its own, made in a folder as pip would install it."""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from efface.cli import main

MODULE = '''
"""A method of another package."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from efface.methods.base import Availability, Decision


@dataclass(frozen=True)
class AsDrawn:
    """The face as the atlas draws it, written over with a number."""

    level: float = 7.0
    """What is written."""
    twice: bool = False
    parts: tuple[str, ...] = ("nose", "mouth")
    nudge_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    side: Literal["left", "right"] = "left"
    count: int | None = None
    template: Path | None = None
    ramp: bool = False

    key: ClassVar[str] = "tiny"
    citation: ClassVar[str] = "nobody"
    default_fill: ClassVar[str] = "own"
    writes_own: ClassVar[bool] = True
    follows_face: ClassVar[bool] = True

    def decide(self, scan, anatomy):
        mask = np.where(np.isin(anatomy.labels, range(1, 11)) & ~anatomy.brain, anatomy.labels, np.uint8(0))
        values = np.full(int((mask > 0).sum()), self.level)
        return Decision(mask, values=values + np.arange(values.size) % 5 * 10 if self.ramp else values)


@dataclass(frozen=True)
class Sloppy:
    """Decides what is no mask of this scan."""

    how: str = "shape"

    key: ClassVar[str] = "sloppy"
    citation: ClassVar[str] = "nobody"
    writes_own: ClassVar[bool] = True

    def decide(self, scan, anatomy):
        mask = np.zeros(scan.grid.shape, np.uint8)
        mask[2:5] = 1
        values = np.zeros(int(mask.sum()))
        return {
            "shape": Decision(mask[1:]),
            "dtype": Decision(mask.astype(float)),
            "unknown": Decision(mask * np.uint8(77)),
            "values": Decision(mask, values=values[1:]),
            "volumes": Decision(mask, values=np.zeros((len(values), 9))),
        }[self.how]


@dataclass(frozen=True)
class Absent(AsDrawn):
    """Needs what nobody has."""

    key: ClassVar[str] = "absent"

    @classmethod
    def availability(cls):
        return Availability(False, "moonprog is not on the PATH; install it from the moon")
'''
ENTRIES = """[efface.methods]
misnamed = tiny_defacer:AsDrawn
explodes = exploding_defacer:Nothing
tiny = tiny_defacer:AsDrawn
sloppy = tiny_defacer:Sloppy
absent = tiny_defacer:Absent
broken = no_such_module:Nothing
no-method = tiny_defacer:MODULE
anatomy = tiny_defacer:AsDrawn
"""


def install_tiny(folder: Path) -> None:
    """Install the package into a folder."""
    folder.joinpath("tiny_defacer.py").write_text(MODULE + "\n\nMODULE = 3\n", "utf-8")
    folder.joinpath("exploding_defacer.py").write_text("raise OSError('libgpu.so: cannot open')\n", "utf-8")
    metadata = folder / "tiny_defacer-1.0.dist-info"
    metadata.mkdir()
    metadata.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: tiny-defacer\nVersion: 1.0\n", "utf-8")
    metadata.joinpath("entry_points.txt").write_text(ENTRIES, "utf-8")


@pytest.fixture
def tiny_package(tmp_path_factory, monkeypatch):
    """The package, installed for one test."""
    folder = tmp_path_factory.mktemp("site-packages")
    install_tiny(folder)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("tiny_defacer", None)


@dataclass(frozen=True)
class Said:
    """What one command did."""

    status: int
    out: str
    err: str


@pytest.fixture
def efface_cli():
    """``efface_cli("methods")`` runs a command in this process."""

    def run(*arguments: object) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([str(argument) for argument in arguments])
        return Said(status, out.getvalue(), err.getvalue())

    return run
