"""``efface deface FOLDER OUT_FOLDER``: a real head among files that are none."""

import json
import os
import shutil
import signal

import pytest

from efface.cli.stopping import stopped_politely
from efface.io import read_scan


@pytest.fixture(scope="module")
def folder(phantom_file, ball_file, tmp_path_factory):
    root = tmp_path_factory.mktemp("folder") / "scans"
    (root / "p1" / "day 1").mkdir(parents=True)
    shutil.copy(phantom_file, root / "p1" / "day 1" / "T1w.nii.gz")
    shutil.copy(ball_file, root / "ball.nii.gz")
    whole = phantom_file.read_bytes()
    (root / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (root / "notes.txt").write_text("no scan")
    (root / "away.nii.gz").symlink_to(phantom_file)
    return root


@pytest.fixture(scope="module")
def done(efface, folder):
    return efface("deface", folder, folder.parent / "out", "--workers", "1", "--json")


def test_good_scans_are_written_and_bad_ones_are_not(done, folder, phantom_file):
    assert done.status == 4
    assert done.document["counts"] == {"refused": 1, "unreadable": 1, "verified": 1}
    out = folder.parent / "out"
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert written == ["p1/day 1/T1w.json", "p1/day 1/T1w.nii.gz"]
    assert json.loads((out / "p1/day 1/T1w.json").read_text("utf-8"))["efface"]["verified"] is True
    assert read_scan(out / "p1/day 1/T1w.nii.gz").grid.shape == read_scan(phantom_file).grid.shape
    assert list(done.document["not_followed"]) == ["away.nii.gz"]


def test_the_same_bytes_as_one_scan_by_itself(efface, done, folder, phantom_file, tmp_path):
    efface("deface", phantom_file, tmp_path / "alone.nii.gz")
    assert (folder.parent / "out" / "p1/day 1/T1w.nii.gz").read_bytes() == (tmp_path / "alone.nii.gz").read_bytes()


def test_the_log_holds_every_number_and_no_path(done, folder):
    lines = (folder.parent / "out_efface" / "folder.jsonl").read_text("utf-8").splitlines()
    records = {record["source"]: record for record in map(json.loads, lines)}
    assert set(records) == {"ball.nii.gz", "cut.nii.gz", "p1/day 1/T1w.nii.gz"}
    good = records["p1/day 1/T1w.nii.gz"]
    assert {"name", "passed", "value", "threshold", "unit"} == set(good["checks"][0])
    assert good["peak_mb"] > 50
    assert str(folder.parent) not in "".join(lines)
    assert "truncated" in records["cut.nii.gz"]["message"]


def test_a_second_run_does_nothing_again(efface, done, folder):
    said = efface("deface", folder, folder.parent / "out", "--workers", "1")
    assert said.status == 4
    assert "refused: ball.nii.gz: " in said.out
    assert "away.nii.gz" in said.err
    assert len((folder.parent / "out_efface" / "folder.jsonl").read_text("utf-8").splitlines()) == 3


def test_dry_run_lists_scans(efface, folder, tmp_path):
    said = efface("deface", folder, tmp_path / "out", "--dry-run")
    assert said.status == 0
    assert "p1/day 1/T1w.nii.gz\n" in said.out
    assert "3 scans" in said.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (["IN/out"], "elsewhere"),
        (["IN"], "elsewhere"),
        (["OUT", "--mask", "m.nii.gz"], "--mask"),
        (["OUT", "--also", "a.nii", "b.nii"], "--also"),
        (["OUT", "--write-failed"], "--write-failed"),
        (["OUT", "--workers", "0"], "--workers"),
        (["OUT", "--method", "magic"], "template-mask"),
        (["OUT", "--work-dir", "OUT/logs"], "shared"),
    ],
)
def test_bad_calls_end_with_2(efface, folder, tmp_path, told, word):
    known = {"IN": str(folder), "OUT": str(tmp_path / "out")}
    said = efface("deface", folder, *[each.replace("IN", known["IN"]).replace("OUT", known["OUT"]) for each in told])
    assert said.status == 2
    assert word in said.line
    assert not (tmp_path / "out").exists()


def test_options_of_folders_with_one_scan(efface, phantom_file, tmp_path):
    said = efface("deface", phantom_file, tmp_path / "out.nii.gz", "--workers", "2")
    assert said.status == 2
    assert "--workers" in said.line


def test_a_folder_without_scans_is_unreadable(efface, tmp_path):
    (tmp_path / "in").mkdir()
    said = efface("deface", tmp_path / "in", tmp_path / "out")
    assert said.status == 4
    assert "dcm2niix" in said.line


def test_a_name_that_a_terminal_would_obey_is_escaped(efface, folder, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(folder / "ball.nii.gz", tmp_path / "in")
    (tmp_path / "in" / "\x1b[2J.nii.gz").symlink_to("/nowhere")
    said = efface("deface", tmp_path / "in", tmp_path / "out", "--dry-run")
    assert "\x1b" not in said.err + said.out


def test_a_batch_systems_signal_stops_a_run_as_ctrl_c_does():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stopped_politely():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
