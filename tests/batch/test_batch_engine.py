"""Many jobs: one line each in a log, and a run that was killed goes on."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fake_work import copy_job, jobs_for, sidecar_job

import efface.io.atomic as atomic
from efface.batch import Image, Job, Status, Where, exit_status, run_batch
from efface.batch.locks import LockedError, locked
from efface.batch.records import numbers
from efface.batch.runlog import RunLog
from efface.errors import OutputError, UsageError
from efface.verdict import Verdict, at_most

HERE = Where(1)


def run(source, work=copy_job, **options):
    out = source.parent / "out"
    return run_batch(jobs_for(source, out, work, **options), out, source.parent / "logs", HERE)


def lines(source):
    log = source.parent / "logs" / "folder.jsonl"
    return log.read_text("utf-8").splitlines() if log.exists() else []


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
    assert statuses(run(source))["scan0.nii"] == "error", "trying twice makes it no one's but theirs"
    assert (out / "scan0.nii").read_bytes() == b"mine"


@pytest.mark.parametrize("data", [b"face", b"broken"])
def test_a_file_of_somebody_else_is_told_of_where_nothing_is_written(source, data):
    out = source.parent / "out"
    out.mkdir()
    (out / "scan0.nii").write_bytes(b"mine")
    (source / "scan0.nii").write_bytes(data)
    for overwrite in (False, True):
        record = run(source, overwrite=overwrite)[0]
        assert record.status is Status.ERROR, "whoever reads 'refused' believes that nothing lies there"
        assert "nobody verified" in record.message
        assert (out / "scan0.nii").read_bytes() == b"mine"


@pytest.mark.parametrize("data", [b"face", b"broken"])
def test_what_other_options_made_does_not_outlive_a_refusal(source, data):
    run(source)
    (source / "scan0.nii").write_bytes(data)
    assert statuses(run(source, fill="noise"))["scan0.nii"] == "error"
    assert statuses(run(source, fill="noise", overwrite=True))["scan0.nii"] in ("refused", "unreadable")
    assert not (source.parent / "out" / "scan0.nii").exists()


@pytest.mark.parametrize("data", [b"face", b"broken"])
def test_an_error_in_between_does_not_hide_what_was_written(source, data):
    run(source)
    (source / "scan0.nii").write_bytes(b"bug")
    assert statuses(run(source))["scan0.nii"] == "error"
    (source / "scan0.nii").write_bytes(data)
    assert statuses(run(source))["scan0.nii"] in ("refused", "unreadable")
    assert not (source.parent / "out" / "scan0.nii").exists()


def test_an_output_that_is_led_elsewhere_is_refused_before_anything_is_done(source):
    out = source.parent / "out"
    out.mkdir()
    (source / "sub").mkdir()
    (source / "sub" / "scan.nii").write_bytes(b"original")
    (out / "sub").symlink_to(source / "sub")
    jobs = [Job((Image(source / "sub/scan.nii", out / "sub/scan.nii", "sub/scan.nii", "sub/scan.nii"),), {}, "folder",
                copy_job, overwrite=True)]  # fmt: skip
    with pytest.raises(UsageError, match="link"):
        run_batch(jobs, out, source.parent / "logs", HERE)
    assert (source / "sub" / "scan.nii").read_bytes() == b"original"


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_files_beside_a_scan_are_made_again_too(source, damage):
    run(source, sidecar_job)
    sidecar = source.parent / "out" / "scan1.json"
    whole = sidecar.read_bytes()
    sidecar.unlink() if damage == "gone" else sidecar.write_bytes(b"{")
    assert statuses(run(source, sidecar_job))["scan1.nii"] == "verified"
    assert sidecar.read_bytes() == whole
    assert len(lines(source)) == 5


def test_a_number_that_is_none_does_not_end_the_run(source):
    verdict = Verdict((at_most("depth", float("nan"), 1.0, "mm", "It is deep."),))
    assert numbers(verdict)[0]["value"] is None
    assert numbers(verdict)[0]["passed"] is False


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
    (out / ".efface-4567.part").mkdir()  # of a DICOM series
    (out / ".efface-4567.part" / "1.dcm").write_bytes(b"half")
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


@pytest.mark.parametrize(
    "owner",
    ['{"host": "elsewhere", "pid": 1, "began": "x"}', '{"host": "HOST", "pid": 999999999, "space": "pid:[1]"}'],
    ids=["machine", "container"],
)
def test_the_lock_of_another_machine_or_container_is_respected(source, owner):
    import socket

    out = source.parent / "out"
    out.mkdir()
    (out / ".efface-folder.lock").write_text(owner.replace("HOST", socket.gethostname()))
    with pytest.raises(LockedError, match="another run"):
        run(source)


def test_a_scan_that_never_comes_is_given_up_and_the_others_go_on(source):
    (source / "scan1.nii").unlink()
    os.mkfifo(source / "scan1.nii")
    out = source.parent / "out"
    began = time.monotonic()
    records = run_batch(jobs_for(source, out), out, source.parent / "logs", Where(1, time_limit_min=0.02))
    assert time.monotonic() - began < 20
    assert statuses(records) == {
        "scan0.nii": "verified", "scan1.nii": "error", "scan2.nii": "verified", "scan3.nii": "verified"
    }  # fmt: skip
    (stalled,) = [record for record in records if record.status is Status.ERROR]
    assert "--time-limit" in stalled.message
    (source / "scan1.nii").write_bytes(b"woken up too late")  # the given-up job reads it now
    time.sleep(0.3)
    assert not (out / "scan1.nii").exists()
    (source / "scan1.nii").unlink()
    (source / "scan1.nii").write_bytes(b"the share is back")
    assert set(statuses(run(source)).values()) == {"verified"}


def test_an_output_that_does_not_answer_ends_the_run(source, monkeypatch):
    out = source.parent / "out"
    stalled, woken = threading.Event(), threading.Event()

    def stall(files, overwrite):
        stalled.set()
        woken.wait(30)

    monkeypatch.setattr("efface.batch.writing.write_all", stall)
    monkeypatch.setattr("efface.batch.time_limits.MOMENT_S", 0.1)
    with pytest.raises(OutputError, match="does not answer"):
        run_batch(jobs_for(source, out), out, source.parent / "logs", Where(1, time_limit_min=0.02))
    assert stalled.is_set()
    assert lines(source) == []
    woken.set()


@pytest.mark.parametrize("shift_s", [-10 * 365 * 86400, 86400])
def test_a_clock_that_jumps_during_a_run_changes_nothing(source, monkeypatch, shift_s):
    real = time.time
    jumps = iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: real() + shift_s * next(jumps))
    assert set(statuses(run(source)).values()) == {"verified"}
    assert all(json.loads(line)["seconds"] < 60 for line in lines(source))
    os.utime(source / "scan0.nii", (real() + 10**9,) * 2)  # a file from the future is done again, once
    assert set(statuses(run(source)).values()) == {"verified"}
    run(source)
    assert len(lines(source)) == 5


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
