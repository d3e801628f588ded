"""One small study for many tests: a synthetic person scanned twice, one method, a program as pipeline."""

import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import pytest

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("statsmodels")
pytest.importorskip("matplotlib")

import efface
from efface.phantom import head

SPACING = (2.5, 2.5, 2.5)
PROGRAM = '''
"""A segmentation program: splits the head by brightness, and measures it."""
import sys
import nibabel as nib
import numpy as np

image = nib.load(sys.argv[1])
values = np.asarray(image.dataobj, float)
labels = np.zeros(values.shape, np.uint8)
labels[values > 150] = 44
labels[values > 350] = 102
nib.save(nib.Nifti1Image(labels, image.affine), sys.argv[2])
with open(sys.argv[3], "w") as file:
    file.write("measure\\tvalue\\tunit\\nMeanThickness\\t%f\\tmm\\n" % (2 + (labels > 0).mean()))
'''


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """A real program that segments a file; its command for a study."""
    path = tmp_path_factory.mktemp("program") / "segment.py"
    path.write_text(textwrap.dedent(PROGRAM), "utf-8")
    return f"{sys.executable} {path} {{input}} {{output}} {{measures}}"


@dataclass(frozen=True)
class Heads:
    """Two scans of a synthetic person, on disk."""

    folder: Path
    table: Path

    def study(self, folder, *, program="", more="", methods='[[methods]]\nmethod = "template-mask"\n'):
        """Write a study's file; return its path."""
        pipelines = '[[pipelines]]\nname = "network"\n'
        if program:
            pipelines += f'[[pipelines]]\nname = "split"\ncommand = \'{program}\'\nlabels = "slant"\n'
        options = f'[options]\nworkers = 1\nattacks = ["surface"]\npermutations = 20\n{more}\n'
        path = folder / "study.toml"
        path.write_text(f'title = "A test"\n[scans]\ntable = "{self.table}"\n{methods}{pipelines}{options}', "utf-8")
        return path


@pytest.fixture(scope="session")
def heads(tmp_path_factory, phantom_image):
    folder = tmp_path_factory.mktemp("heads")
    rows = ["path\tparticipant\tsession\tcontrast\tcohort\tage\tsex"]
    for session in ("1", "2"):
        name = f"anna_{session}.nii.gz"
        first = session == "1"
        nib.save(phantom_image if first else head("T1w", seed=1, scan=1, spacing_mm=SPACING), folder / name)
        rows.append(f"{name}\tanna\t{session}\tT1w\tadult\t34\tF")
    table = folder / "scans.tsv"
    table.write_text("\n".join(rows) + "\n", "utf-8")
    return Heads(folder, table)


@pytest.fixture(scope="session")
def anatomies(heads):
    """Place of the first voxel -> what the network sees in each original."""
    found = {}
    for path in sorted(heads.folder.glob("*.nii.gz")):
        scan = efface.read_scan(path)
        found[tuple(scan.grid.affine.round(3).ravel())] = efface.locate(scan)
    return found


@pytest.fixture
def known_anatomy(anatomies, monkeypatch):
    """Do not look at defaced scans anew: their brain is the original's, which is on the same grid."""

    def locate(scan):
        return anatomies[tuple(scan.grid.affine.round(3).ravel())]

    monkeypatch.setattr("efface.study.measuring.locate", locate)
    monkeypatch.setattr("efface.study.knowing.locate", locate)
    monkeypatch.setattr("efface.study.rescan.locate", locate)
