"""Where jobs run: in this process, in processes of this machine, on a Dask scheduler, or on a cluster's queue."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from efface.errors import UsageError
from efface.threads import cores

QUEUES = ("slurm", "pbs", "sge")
MEMORY = "2 GiB"
"""For each worker; a head of 1 mm needs less than half."""
TIME_LIMIT_MIN = 60.0
"""For each job; a session of a few heads takes a minute, some of the original programs half an hour."""
NEEDS = "it needs Dask; install efface[dask], or leave the option out"


@dataclass(frozen=True)
class Where:
    """Where jobs run."""

    workers: int | None = None
    """Processes; by default one for each core, or this process alone where Dask is not installed."""
    scheduler: str | None = None
    """Address of a Dask scheduler, such as ``tcp://node:8786``."""
    queue: str | None = None
    """One of `QUEUES`: workers are jobs of that batch system."""
    memory: str = MEMORY
    """What each worker may use before it is stopped, such as ``"2 GiB"``; not with ``scheduler``."""
    walltime: str = "04:00:00"
    """With ``queue``: how long each worker may live."""
    time_limit_min: float = TIME_LIMIT_MIN
    """A job that takes longer is ended, and the others go on: a share that stalls must not hold up everything."""

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            message = f"--workers {self.workers} does nothing; give 1 or more"
            raise UsageError(message)
        if not self.time_limit_min > 0:
            message = f"--time-limit {self.time_limit_min:g} does nothing; give minutes above 0"
            raise UsageError(message)
        if self.scheduler and (self.queue or self.workers):
            message = "--scheduler brings its own workers; leave out --workers and --queue"
            raise UsageError(message)
        if self.queue and self.queue not in QUEUES:
            message = f"--queue {self.queue} is unknown; use one of {', '.join(QUEUES)}"
            raise UsageError(message)
        if self._asks_for_dask and find_spec("distributed") is None:
            option = "--scheduler" if self.scheduler else "--queue" if self.queue else f"--workers {self.workers}"
            message = f"{option}: {NEEDS}"
            raise UsageError(message)
        if self.queue and find_spec("dask_jobqueue") is None:
            message = f"--queue {self.queue}: {NEEDS}"
            raise UsageError(message)

    @property
    def _asks_for_dask(self) -> bool:
        return bool(self.scheduler or self.queue or (self.workers or 1) > 1)

    def in_process(self, jobs: int) -> bool:
        """Whether so many jobs are done here, one after another."""
        return not (self.scheduler or self.queue) and self.processes(jobs) == 1

    def processes(self, jobs: int) -> int:
        """Return how many workers are started for so many jobs."""
        asked = self.workers or (cores() if find_spec("distributed") else 1)
        return max(1, min(asked, jobs))

    def threads(self, jobs: int) -> int:
        """Return how many threads each of the workers gets that are started here: together no more than cores."""
        return 1 if self.queue else max(1, cores() // self.processes(jobs))
