"""From a dataset of synthetic heads to a defaced one, nothing faked."""

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

pytest.importorskip("bidsschematools")

from tiny import write_json

from efface import phantom
from efface.cli import main

VALIDATOR = Path(sys.executable).with_name("bids-validator-deno")
SPACING = (3.5, 3.5, 3.5)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A session of two contrasts and a file that is none; defaced by the command line."""
    root = tmp_path_factory.mktemp("whole") / "raw"
    anat = root / "sub-01" / "anat"
    write_json(root / "dataset_description.json", Name="Heads", BIDSVersion="1.10.0", Authors=["No One", "Nobody"])
    (root / "README").write_text("Synthetic heads. " * 12)
    anat.mkdir(parents=True)
    for contrast, orientation in {"T1w": "RAS", "FLAIR": "LPS"}.items():
        image = phantom.head(contrast, spacing_mm=SPACING, seed=3, orientation=orientation)
        nib.save(image, anat / f"sub-01_{contrast}.nii.gz")
    (anat / "sub-01_T2w.nii.gz").write_bytes(b"no image")
    return root, main(["bids", str(root), str(root.parent / "out"), "participant", "--workers", "1", "--masks"])


def test_the_faces_are_gone_and_the_rest_is_the_same(done):
    root, status = done
    assert status == 4
    for contrast in ("T1w", "FLAIR"):
        before, after = (
            nib.load(each / f"sub-01/anat/sub-01_{contrast}.nii.gz") for each in (root, root.parent / "out")
        )
        mask = nib.load(root.parent / f"out/sub-01/anat/sub-01_mod-{contrast}_defacemask.nii.gz")
        changed = np.asarray(before.dataobj) != np.asarray(after.dataobj)
        inside = np.asarray(mask.dataobj) == 1
        assert changed.sum() > 1000
        assert not changed[~inside].any()
        told = json.loads((root.parent / f"out/sub-01/anat/sub-01_{contrast}.json").read_text("utf-8"))["efface"]
        assert "session_face_covered" in {check["name"] for check in told["verdict"]["checks"]}


def test_it_is_a_valid_dataset(done):
    if not VALIDATOR.exists():
        pytest.skip("bids-validator-deno is not installed")
    out = done[0].parent / "out"
    said = subprocess.run([VALIDATOR, str(out), "--json"], capture_output=True, text=True, check=False)
    issues = json.loads(said.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []
