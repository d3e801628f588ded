"""Many jobs: one line each in a log, and a run that was killed goes on."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_work import copy_job, jobs_for

import efface.io.atomic as atomic
from efface.batch import Status, Where, exit_status, run_batch
from efface.batch.locks import LockedError, locked
from efface.batch.runlog import RunLog
from efface.errors import OutputError

HERE = Where(1)


def run(source, work=copy_job, **options):
    out = source.parent / "out"
    return run_batch(jobs_for(source, out, work, **options), out, source.parent / "logs", HERE)


def lines(source):
    return (source.parent / "logs" / "folder.jsonl").read_text("utf-8").splitlines()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def statuses(records):
    return {record.output: record.status.value for record in records}


def test_every_scan_gets_one_line_with_its_checksum(source):
    records = run(source)
    written = contents(source.parent / "out")
    assert set(statuses(records).values()) == {"verified"}
    told = [json.loads(line) for line in lines(source)]
    assert [each["output"] for each in told] == sorted(written)
    for each in told:
        assert each["sha256"] == hashlib.sha256(written[each["output"]]).hexdigest()
        assert each["size"] == len(written[each["output"]])
        assert str(source.parent) not in json.dumps(each)


@pytest.mark.parametrize(
    ("data", "status", "word"),
    [
        (b"bug", "error", "RuntimeError: first second"),
        (b"hungry", "error", "--memory"),
        (b"broken", "unreadable", "truncated"),
        (b"face", "refused", "the face shows"),
    ],
)
def test_one_bad_scan_does_not_end_the_others(source, data, status, word):
    (source / "scan1.nii").write_bytes(data)
    records = run(source)
    assert statuses(records)["scan1.nii"] == status
    assert sorted(statuses(records).values()) == sorted(["verified"] * 3 + [status])
    assert sorted(contents(source.parent / "out")) == ["scan0.nii", "scan2.nii", "scan3.nii"]
    (bad,) = [record for record in records if record.output == "scan1.nii"]
    assert word in bad.message
    assert "\n" not in bad.message
    assert str(source) not in bad.message


@pytest.mark.parametrize(
    ("there", "status"),
    [
        ([], 0),
        (["verified"], 0),
        (["verified", "refused"], 3),
        (["refused", "unreadable"], 4),
        (["refused", "unreadable", "error"], 1),
    ],
)
def test_the_gravest_exit_status_wins(source, there, status):
    (one, *_) = run(source)
    assert exit_status([type(one)(**{**vars(one), "status": Status(each)}) for each in there]) == status


def test_done_work_is_not_done_again(source):
    first = run(source)
    began = {path: path.stat().st_mtime_ns for path in (source.parent / "out").iterdir()}
    assert run(source) == first
    assert len(lines(source)) == 4
    assert {path: path.stat().st_mtime_ns for path in (source.parent / "out").iterdir()} == began


def test_a_clock_that_was_turned_back_changes_nothing(source, monkeypatch):
    first = run(source)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert run(source) == first


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_output_is_made_again(source, damage):
    run(source)
    path = source.parent / "out" / "scan2.nii"
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:3] if damage == "cut" else b"X" + whole[1:])
    assert statuses(run(source))["scan2.nii"] == "verified"
    assert path.read_bytes() == whole
    assert len(lines(source)) == 5


def test_a_changed_source_and_an_error_are_tried_again_and_a_refusal_is_not(source):
    for name, data in {"scan0.nii": b"bug", "scan1.nii": b"broken", "scan2.nii": b"face"}.items():
        (source / name).write_bytes(data)
    run(source)
    (source / "scan1.nii").write_bytes(b"mended")
    records = run(source)
    assert len(lines(source)) == 6
    assert statuses(records) == {
        "scan0.nii": "error", "scan1.nii": "verified", "scan2.nii": "refused", "scan3.nii": "verified"
    }  # fmt: skip


def test_what_was_written_and_not_recorded_is_accepted_if_it_is_the_same(source):
    run(source)
    log = source.parent / "logs" / "folder.jsonl"
    log.write_bytes(log.read_bytes()[:-20])  # killed while the last line was written
    assert set(statuses(run(source)).values()) == {"verified"}
    assert len(lines(source)) == 5
    assert RunLog(log).last()["scan3.nii"].status is Status.VERIFIED


def test_a_file_of_somebody_else_is_not_replaced(source):
    out = source.parent / "out"
    out.mkdir()
    (out / "scan0.nii").write_bytes(b"mine")
    records = run(source)
    assert statuses(records)["scan0.nii"] == "error"
    assert "--overwrite" in records[0].message
    assert (out / "scan0.nii").read_bytes() == b"mine"


def test_other_options_are_another_job(source):
    run(source)
    records = run(source, fill="noise")
    assert len(lines(source)) == 8
    assert set(statuses(records).values()) == {"verified"}, "the same bytes"


def test_a_full_disk_is_an_error_and_the_next_run_mends_it(source, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    jobs = jobs_for(source, source.parent / "out")
    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", full)
        (record,) = copy_job(jobs[0])
    assert record.status is Status.ERROR
    assert "No space left" in record.message
    assert list((source.parent / "out").iterdir()) == []
    assert set(statuses(run(source)).values()) == {"verified"}


def test_an_output_folder_that_cannot_be_made(source):
    (source.parent / "out").write_bytes(b"a file")
    with pytest.raises(OutputError, match="cannot be made"):
        run(source)


def test_a_log_that_cannot_be_written_ends_the_run(source, monkeypatch):
    (source.parent / "logs" / "folder.jsonl").mkdir(parents=True)
    with pytest.raises(OutputError, match="log"):
        run(source)


def test_leftovers_of_a_killed_run_are_removed(source):
    out = source.parent / "out"
    out.mkdir()
    (out / ".efface-0123.part").write_bytes(b"half")
    run(source)
    assert sorted(contents(out)) == [f"scan{number}.nii" for number in range(4)]


def test_two_runs_on_one_output(source):
    out = source.parent / "out"
    out.mkdir()
    with locked(out, ["folder"]), pytest.raises(LockedError, match=f"process {os.getpid()}"):
        run(source)
    assert set(statuses(run(source)).values()) == {"verified"}
    assert not list(out.glob(".*"))


@pytest.mark.parametrize(
    "owner",
    [
        '{"host": "HOST", "pid": 999999999, "began": "x"}',
        '{"host": "HOST", "pid": 1, "began": "before the boot"}',
        "half",
    ],
    ids=["gone", "another process since", "damaged"],
)
def test_a_dead_runs_lock_is_taken_over(source, owner):
    import socket

    out = source.parent / "out"
    out.mkdir()
    (out / ".efface-folder.lock").write_text(owner.replace("HOST", socket.gethostname()))
    assert set(statuses(run(source)).values()) == {"verified"}


def test_another_machines_lock_is_respected(source):
    out = source.parent / "out"
    out.mkdir()
    (out / ".efface-folder.lock").write_text('{"host": "elsewhere", "pid": 1, "began": "x"}')
    with pytest.raises(LockedError, match="elsewhere"):
        run(source)


def start(folder, workers):
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("fake_work.py"), folder, str(workers)], start_new_session=True
    )


def test_killed_and_resumed_the_bytes_are_the_same(source, tmp_path):
    folder = source.parent
    process = start(folder, 1)
    log = folder / "logs" / "folder.jsonl"
    until = time.monotonic() + 60
    while (not log.exists() or log.read_bytes().count(b"\n") < 2) and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = log.read_bytes().count(b"\n")
    assert 2 <= done < 4
    assert (folder / "out" / ".efface-folder.lock").exists()
    assert start(folder, 1).wait() == 0
    assert log.read_bytes().count(b"\n") == 4
    assert contents(folder / "out") == {path.name: path.read_bytes()[::-1] for path in source.iterdir()}


def test_a_scan_that_kills_the_process_is_set_aside_at_the_third_run(source):
    (source / "scan1.nii").write_bytes(b"poison")
    for _ in range(2):
        assert start(source.parent, 1).wait() == -signal.SIGKILL
    assert start(source.parent, 1).wait() == 0
    last = RunLog(source.parent / "logs" / "folder.jsonl").last()
    assert last["scan1.nii"].status is Status.ERROR
    assert "killed twice" in last["scan1.nii"].message
    assert {name for name, record in last.items() if record.status is Status.VERIFIED} == {
        "scan0.nii", "scan2.nii", "scan3.nii"
    }  # fmt: skip
