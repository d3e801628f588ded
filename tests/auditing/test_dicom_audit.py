"""An audit of DICOM folders: each series is one scan, and what is no MR image is not passed over."""

from dataclasses import replace

import numpy as np
import pytest
from making_dicom import NAME, Making, write_capture, write_series

from efface import phantom
from efface.auditing import Kind, audit
from efface.io import read_scan, write_scan
from efface.pipeline import deface_scan


@pytest.fixture(scope="module")
def disc(tmp_path_factory):
    """What an archive exports: a head, a copy of it, its defaced copy, a slab, a screenshot and a damaged file."""
    folder = tmp_path_factory.mktemp("disc")
    image = phantom.head("T1w", spacing_mm=(3.0, 3.0, 3.0), orientation="LPS", seed=23, dtype=np.uint16)
    voxels = np.asanyarray(image.dataobj)
    write_series(folder / "faced", voxels, image.affine)
    head = read_scan(folder / "faced")
    write_scan(deface_scan(head).scan, folder / "safe")
    write_capture(folder / "faced")
    write_series(folder / "copy", voxels[::2, ::2, ::2], image.affine @ np.diag([2.0, 2, 2, 1]))
    slab = Making(series="1.2.3.4.77", number=3)
    write_series(folder / "small", voxels[20:36, 20:36, 20:30], image.affine, replace(slab, slope=2.0, inter=0.0))
    whole = next((folder / "small").iterdir()).read_bytes()
    (folder / "broken").mkdir()
    (folder / "broken" / "IM0001").write_bytes(whole[:150])
    return folder


@pytest.fixture(scope="module")
def findings(disc):
    return {one.path.relative_to(disc).as_posix() + (": " + one.reason).split(",")[0]: one for one in audit([disc])}


def test_every_series_is_judged_alone(findings):
    assert {name: one.kind for name, one in findings.items() if name[:4] not in ("brok", "copy")} == {
        "faced: series 5 (t1 sag)": Kind.FACE,
        "faced: series 99 (t1 sag)": Kind.UNSURE,
        "safe: series 5 (t1 sag)": Kind.DEFACED,
        "small: series 3 (t1 sag)": Kind.NO_HEAD,
    }


def test_a_copy_of_the_same_uids_is_judged_alone(findings):
    assert "the same image" not in findings["copy: series 5 (t1 sag)"].reason


def test_a_damaged_file_is_named(findings):
    (broken,) = (one for name, one in findings.items() if "broken" in name)
    assert broken.kind is Kind.UNREADABLE
    assert broken.path.name == "IM0001"


def test_a_screenshot_is_not_passed_over(findings):
    assert "Secondary Capture" in findings["faced: series 99 (t1 sag)"].reason


def test_icons_and_names_are_noted(findings):
    face, safe = (findings[f"{name}: series 5 (t1 sag)"] for name in ("faced", "safe"))
    assert "icon" in " ".join(face.notes)
    assert "icon" not in " ".join(safe.notes)
    assert "PatientName" in " ".join(face.notes)
    assert NAME not in " ".join(face.notes)
