"""Jobs on Dask workers: processes of this machine, of a scheduler, or of a cluster's queue.

A worker does one job at a time, with its share of the cores as threads, so that workers do not take each other's cores
and one that dies takes one job with it. That job waits a while and is tried once more; then it is recorded as an error
and the others go on. A job that takes too long ends its worker and is not tried again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dask
from distributed import Client, Future, LocalCluster, wait
from distributed.scheduler import KilledWorker

from efface.batch.jobs import Job
from efface.batch.records import Record
from efface.batch.telling import lost
from efface.batch.time_limits import LARGE, ended_in_time, too_long
from efface.batch.where import Where
from efface.errors import DefaceError
from efface.threads import VARIABLES

DEATHS = 2
"""A job on which so many workers died is set aside."""
WAIT_S = 2.0
"""Before a job is tried again; twice as long each time."""
POLL_S = 2.0
"""How often it is looked whether workers came or went."""
HERE = "127.0.0.1:0"
"""Where Dask's own web page would be: nowhere but on this machine, at any port, beside other runs."""
MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(LARGE),
    "MALLOC_TRIM_THRESHOLD_": str(2 * LARGE),
}
"""glibc otherwise keeps what each thread freed, in an arena of its own."""
CONFIG = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    "distributed.admin.log-format": "%(message)s",
}
"""A worker that uses too much memory is ended, not paused: nothing of a job can be put on the disk meanwhile."""


@dataclass(frozen=True)
class _Try:
    job: Job
    deaths: int = 0
    not_before: float = 0.0
    began: float = 0.0


def on_cluster(jobs: Sequence[Job], where: Where, logs: Path) -> Generator[tuple[Job, list[Record]], None, None]:
    """Do jobs on workers, as many at a time as there are workers.

    Parameters
    ----------
    jobs : what to do
    where : on which workers
    logs : folder for what a queue's workers say

    Returns
    -------
    done : each job and its records, as it ends

    Raises
    ------
    DefaceError
        There is no such scheduler, or it went away.
    """
    with _client(where, len(jobs), logs) as client:
        waiting = deque(_Try(job) for job in jobs)
        running: dict[Future, _Try] = {}
        while waiting or running:
            _submit(client, waiting, running, where.time_limit_min)
            for future in _ended(running):
                tried = running.pop(future)
                records = _records(future, tried.job)
                if records is None and time.monotonic() - tried.began >= where.time_limit_min * 60:
                    yield tried.job, lost(tried.job, too_long(where.time_limit_min))
                elif records is None and tried.deaths + 1 < DEATHS:
                    deaths = tried.deaths + 1
                    waiting.append(_Try(tried.job, deaths, time.monotonic() + WAIT_S * 2 ** (deaths - 1)))
                else:
                    yield tried.job, lost(tried.job, _died(where)) if records is None else records
            _check_alive(client)


def _submit(client: Client, waiting: deque[_Try], running: dict[Future, _Try], minutes: float) -> None:
    """Give every free worker a job whose time has come."""
    free = max(1, sum(client.nthreads().values())) - len(running)
    for _ in range(len(waiting)):
        if free <= 0:
            return
        tried = waiting.popleft()
        if tried.not_before > time.monotonic():
            waiting.append(tried)
            continue
        future = client.submit(ended_in_time, tried.job, minutes * 60, pure=False)
        running[future] = replace(tried, began=time.monotonic())
        free -= 1


def _ended(running: dict[Future, _Try]) -> list[Future]:
    """Wait a moment for jobs to end."""
    if not running:
        time.sleep(WAIT_S / 10)
        return []
    try:
        return list(wait(list(running), timeout=POLL_S, return_when="FIRST_COMPLETED").done)
    except TimeoutError:
        return []


def _records(future: Future, job: Job) -> list[Record] | None:
    """Return what a worker said; None if it died."""
    if future.status == "finished":
        return list(future.result())
    error = future.exception() if future.status == "error" else None
    if error is None or isinstance(error, KilledWorker):
        return None
    return lost(job, f"the worker could not do it ({type(error).__name__}: {error}); is the same efface there?")


def _died(where: Where) -> str:
    limit = "" if where.scheduler else f", most likely for lack of memory (limit {where.memory}; --memory)"
    return f"its worker died twice{limit}; look at the file, or run it again with more"


def _check_alive(client: Client) -> None:
    if client.status not in ("running", "connecting"):
        message = "the Dask scheduler went away; what was done is recorded, run it again to go on"
        raise DefaceError(message)


@contextmanager
def _client(where: Where, jobs: int, logs: Path) -> Iterator[Client]:
    """Start workers, or find a scheduler that has some; both end with the run."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # a worker's death is said in the log of the run
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(CONFIG))
        stack.enter_context(dask.config.set({"distributed.nanny.pre-spawn-environ": environment(where.threads(jobs))}))
        try:
            cluster = where.scheduler or stack.enter_context(_cluster(where, jobs, logs))
            client = stack.enter_context(Client(cluster))
        except (OSError, TimeoutError, ValueError) as error:
            message = f"no workers could be started or reached ({error}); check the address, --memory and the queue"
            raise DefaceError(message) from error
        yield client


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a worker: threads of all libraries, and memory."""
    return {**dict.fromkeys(VARIABLES, str(threads)), **MEMORY}


def _cluster(where: Where, jobs: int, logs: Path) -> Any:
    """Return workers that live as long as the run."""
    workers = where.processes(jobs)
    if where.queue is None:
        return LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, memory_limit=where.memory, dashboard_address=None,
            silence_logs=logging.CRITICAL, scheduler_kwargs={"dashboard_address": HERE},
        )  # fmt: skip
    cluster = queue_cluster(where, logs)
    cluster.scale(jobs=workers)
    return cluster


def queue_cluster(where: Where, logs: Path) -> Any:
    """Return a cluster whose workers are jobs of a batch system, one core each; none is started yet."""
    import dask_jobqueue

    kind = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "sge": "SGECluster"}[str(where.queue)]
    return getattr(dask_jobqueue, kind)(
        cores=1, processes=1, memory=where.memory, walltime=where.walltime, log_directory=str(logs / "workers"),
        job_script_prologue=[f"export {name}={value}" for name, value in environment(1).items()],
        scheduler_options={"dashboard_address": HERE},
    )  # fmt: skip
