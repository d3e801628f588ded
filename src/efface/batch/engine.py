"""Many jobs: what is left of them is done, and every scan gets one line in a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from efface.batch.jobs import Job
from efface.batch.locks import locked
from efface.batch.one_by_one import one_by_one
from efface.batch.records import Record
from efface.batch.runlog import RunLog, remove_parts, still_to_do
from efface.batch.trees import check_unlinked
from efface.batch.where import Where
from efface.batch.writing import make_folder

Done = Generator[tuple[Job, list[Record]], None, None]


@dataclass(frozen=True)
class Tally:
    """How a run stands; what a progress function is told."""

    scans: int
    """All scans of the run."""
    before: int
    """How many of them earlier runs had done."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Status -> scans that came to it so far, in this run."""

    @property
    def done(self) -> int:
        """How many scans this run has done."""
        return sum(self.counts.values())


Progress = Callable[[Tally], None]


def silent(tally: Tally) -> None:
    """Report no progress."""


def run_batch(jobs: Sequence[Job], output: Path, logs: Path, where: Where, progress: Progress = silent) -> list[Record]:
    """Do all jobs that are not done yet.

    A scan is done if its log says so, the source did not change since, and the output holds the bytes that were
    recorded. Whatever was killed on the way is done again, and gives the same bytes.

    Parameters
    ----------
    jobs : what to do; no two of them write one file
    output : folder that all outputs lie below; holds the locks
    logs : folder of the logs, one for each scope, ``SCOPE.jsonl``
    where : where they run
    progress : told at the start, and after each job

    Returns
    -------
    records : of every scan, of earlier runs too, by output

    Raises
    ------
    UsageError
        A link in the output leads elsewhere.
    LockedError
        Another run writes there.
    OutputError
        A folder or a log cannot be written.
    """
    check_unlinked(output, (path.parent for job in jobs for path in job.written))
    make_folder(output)
    make_folder(logs)
    scopes = sorted({job.scope for job in jobs})
    with locked(output, scopes):
        remove_parts(jobs)
        books = {scope: RunLog(logs / f"{scope}.jsonl") for scope in scopes}
        known = {scope: book.past() for scope, book in books.items()}
        todo, records = [], []
        for job in jobs:
            left, done = still_to_do(job, known[job.scope])
            records += done
            todo += [left] if left else []
        before, scans = len(records), sum(len(job.images) for job in jobs)
        counts: Counter[str] = Counter()
        progress(Tally(scans, before))
        with closing(_done(todo, logs, where)) as ended:
            for job, made in ended:
                books[job.scope].append(made)
                records += made
                counts.update(record.status.value for record in made)
                progress(Tally(scans, before, dict(counts)))
    return sorted(records, key=lambda record: record.output)


def _done(jobs: Sequence[Job], logs: Path, where: Where) -> Done:
    if where.in_process(len(jobs)):
        return one_by_one(jobs, logs, where.time_limit_min)
    from efface.batch.cluster import on_cluster  # Dask takes a second to load

    done: Done = on_cluster(jobs, where, logs)
    return done
