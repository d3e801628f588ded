"""``efface audit``: one line a file, the gravest first; the exit status says whether anything must be looked at."""

import json

import pytest

from efface import phantom
from efface.io import read_scan, write_scan
from efface.pipeline import deface_scan


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    scan = read_scan(phantom.head("T1w", spacing_mm=(3.0, 3.0, 3.0), seed=23))
    for name in ("faced", "safe"):
        (folder / name).mkdir()
    write_scan(scan, folder / "faced" / "sub-01_T1w.nii.gz")
    write_scan(deface_scan(scan).scan, folder / "safe" / "sub-01_T1w.nii.gz")
    return folder


def test_a_face_ends_with_3(efface, folder):
    result = efface("audit", folder)
    assert result.status == 3
    lines = result.out.splitlines()
    assert lines[0].startswith("face visible")
    assert "faced/sub-01_T1w.nii.gz" in lines[0]
    assert lines[-1] == "1 face visible, 1 defaced"


def test_nothing_but_safe_scans_ends_with_0(efface, folder):
    result = efface("audit", folder / "safe", "--json")
    document = json.loads(result.out)
    assert (result.status, document["exit_status"], document["counts"]) == (0, 0, {"defaced": 1})
    assert document["findings"][0]["shares"]["nose"] < 0.5


def test_what_cannot_be_read_ends_with_4(efface, folder, tmp_path):
    (tmp_path / "broken.nii").write_bytes(b"x")
    assert efface("audit", tmp_path).status == 4
    result = efface("audit", tmp_path / "missing")
    assert result.status == 4
    assert "no such file" in result.err


def test_the_table_is_written_once(efface, folder, tmp_path):
    table = tmp_path / "audit.tsv"
    assert efface("audit", folder / "safe", "--tsv", table).status == 0
    rows = [line.split("\t") for line in table.read_text("utf-8").splitlines()]
    assert rows[0] == ["kind", "features", "path", "reason", "notes"]
    assert rows[1][0] == "defaced"
    assert efface("audit", folder / "safe", "--tsv", table).status == 2


def test_an_empty_folder_is_said_to_be_empty(efface, tmp_path):
    result = efface("audit", tmp_path)
    assert result.status == 0
    assert "no scans were found" in result.out


def test_pages_to_share_and_private_ones_lie_apart(efface, folder, tmp_path):
    shared, private = tmp_path / "shared", tmp_path / "private"
    result = efface("audit", folder / "faced", "--report", shared, "--private-report", private)
    assert result.status == 3
    assert [path.name for path in (*shared.iterdir(), *private.iterdir())] == ["audit.html", "audit_private.html"]
    page = (shared / "audit.html").read_text("utf-8")
    assert "A face shows in 1 of 1 file" in page
    assert "data:image/" not in page
    assert str(folder) not in page
    assert (private / "audit_private.html").read_text("utf-8").count("data:image/jpeg") == 1
    assert f"private report in {private}: it shows the face, do not share it" in result.out


def test_pages_that_are_there_are_kept(efface, folder, tmp_path):
    (tmp_path / "audit.html").write_text("mine")
    result = efface("audit", folder, "--report", tmp_path)
    assert result.status == 2
    assert "--overwrite" in result.line
    assert (tmp_path / "audit.html").read_text() == "mine"
    assert efface("audit", folder, "--report", tmp_path, "--private-report", tmp_path, "--overwrite").status == 2
