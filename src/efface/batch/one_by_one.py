"""Jobs in this process, one after another. A scan that kills the process twice is recorded, not tried a third time."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from pathlib import Path

from efface.batch.jobs import Job
from efface.batch.records import Record
from efface.batch.telling import lost
from efface.batch.time_limits import give_back_memory, within
from efface.io.atomic import write_whole

DEATHS = 2
"""A scan on which the process ended so often is set aside."""
ENDED_TWICE = (
    "the process was killed twice while it was on this scan, perhaps for lack of memory; "
    "look at the file, or run it again on a larger machine"
)


def one_by_one(jobs: Sequence[Job], logs: Path, minutes: float) -> Generator[tuple[Job, list[Record]], None, None]:
    """Do each job; what is being done is noted beside the log, so that the next run knows what killed this one.

    Parameters
    ----------
    jobs : what to do
    logs : folder of the notes
    minutes : a job that takes longer is given up

    Returns
    -------
    done : each job and its records, as it ends
    """
    give_back_memory()
    for job in jobs:
        note = logs / f"{job.scope}.running"
        deaths = _deaths(note, job)
        if deaths >= DEATHS:
            note.unlink(missing_ok=True)
            yield job, lost(job, ENDED_TWICE)
            continue
        write_whole(note, json.dumps({"job": job.digest, "deaths": deaths + 1}).encode(), overwrite=True)
        try:
            records = within(job, minutes)
        except KeyboardInterrupt:  # asked for by a person, not the scan's fault
            note.unlink(missing_ok=True)
            raise
        note.unlink(missing_ok=True)
        give_back_memory()
        yield job, records


def _deaths(note: Path, job: Job) -> int:
    """Return how often the process ended while it was on this job."""
    try:
        found = json.loads(note.read_bytes())
        return int(found["deaths"]) if found["job"] == job.digest else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0
