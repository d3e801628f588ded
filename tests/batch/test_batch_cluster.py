"""Jobs on worker processes: the same bytes, pinned threads, and one that kills its worker harms no other."""

import os

import pytest

pytest.importorskip("distributed")

from fake_work import copy_job, jobs_for

import efface.batch.cluster as cluster
from efface.batch import Where, run_batch
from efface.batch.records import Status
from efface.batch.telling import guarded
from efface.errors import DefaceError, UsageError
from efface.threads import cores


def tell_threads(job):
    return guarded(job, lambda job, tell: [tell(i, Status.VERIFIED, os.environ["OMP_NUM_THREADS"]) for i in job.images])


def test_a_poisoned_scan_is_isolated(source, monkeypatch):
    monkeypatch.setattr(cluster, "WAIT_S", 0.2)
    (source / "scan1.nii").write_bytes(b"poison")
    out = source.parent / "out"
    jobs = [*jobs_for(source, out), *jobs_for(source, out, tell_threads)[:1]]
    told = []
    records = run_batch(jobs, out, source.parent / "logs", Where(2), told.append)
    poisoned = [record for record in records if record.status is not Status.VERIFIED]
    assert [(record.output, record.status) for record in poisoned] == [("scan1.nii", Status.ERROR)]
    assert "died twice" in poisoned[0].message
    assert sorted(path.name for path in out.iterdir()) == ["scan0.nii", "scan2.nii", "scan3.nii"]
    assert [record.message for record in records if record.message.isdigit()] == [str(max(1, cores() // 2))]
    assert told[-1].counts == {"verified": 4, "error": 1}


def test_a_scan_that_never_comes_ends_its_worker_and_no_other(source):
    (source / "scan1.nii").unlink()
    os.mkfifo(source / "scan1.nii")
    out = source.parent / "out"
    records = run_batch(jobs_for(source, out), out, source.parent / "logs", Where(2, time_limit_min=0.05))
    assert {record.output: record.status.value for record in records} == {
        "scan0.nii": "verified", "scan1.nii": "error", "scan2.nii": "verified", "scan3.nii": "verified"
    }  # fmt: skip
    assert "--time-limit" in records[1].message


def test_a_scheduler_that_is_not_there(source, monkeypatch):
    import dask

    out = source.parent / "out"
    with dask.config.set({"distributed.comm.timeouts.connect": "0.5s"}), pytest.raises(DefaceError, match="address"):
        run_batch(jobs_for(source, out, copy_job), out, source.parent / "logs", Where(scheduler="tcp://127.0.0.1:9"))


@pytest.mark.parametrize("queue", ["slurm", "pbs", "sge"])
def test_a_queues_worker_has_one_thread_and_its_memory(queue, tmp_path):
    pytest.importorskip("dask_jobqueue")
    with cluster.queue_cluster(Where(2, queue=queue, memory="3 GB", walltime="01:30:00"), tmp_path) as made:
        script = made.job_script()
    assert "export OMP_NUM_THREADS=1" in script
    assert "--nthreads 1" in script
    assert "01:30:00" in script
    assert str(tmp_path / "workers") in script


@pytest.mark.parametrize(
    "wrong",
    [
        {"workers": 0},
        {"time_limit_min": 0.0},
        {"time_limit_min": float("nan")},
        {"queue": "lsf"},
        {"scheduler": "tcp://a:1", "workers": 2},
        {"scheduler": "tcp://a:1", "queue": "slurm"},
    ],
)
def test_places_that_make_no_sense(wrong):
    with pytest.raises(UsageError):
        Where(**wrong)


def test_without_dask_one_worker_still_works(monkeypatch):
    monkeypatch.setattr("efface.batch.where.find_spec", lambda name: None)
    assert Where().in_process(100)
    with pytest.raises(UsageError, match=r"efface\[dask\]"):
        Where(2)
