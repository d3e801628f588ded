"""The log of a scope: one JSON line for each scan, only ever appended to, and what it says of earlier runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from efface.batch.jobs import Image, Job
from efface.batch.records import Record, Status
from efface.errors import OutputError
from efface.io.atomic import PART


@dataclass(frozen=True)
class RunLog:
    """One file; its lock is held while it is written."""

    path: Path
    """A ``.jsonl`` file; made with its folder when needed."""

    def last(self) -> dict[str, Record]:
        """Return the last record of every output; a line that was cut short counts as none."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        except OSError as error:
            message = f"{self.path}: the log cannot be read ({error.strerror}); check its permissions"
            raise OutputError(message) from error
        records = (Record.parse(line) for line in lines if line)
        return {record.output: record for record in records if record is not None}

    def append(self, records: Iterable[Record]) -> None:
        """Append records; they are on the disk when this returns."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                if file.tell() and not _ends_a_line(file.fileno(), file.tell()):
                    file.write(b"\n")
                file.write(b"".join(record.line() for record in records))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            message = f"{self.path}: the log cannot be written ({error.strerror}); free some space, then run it again"
            raise OutputError(message) from error


def _ends_a_line(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, 1, size - 1) == b"\n"


def still_to_do(job: Job, last: dict[str, Record]) -> tuple[Job | None, list[Record]]:
    """Compare a job with what earlier runs made of it.

    Returns
    -------
    job : the same, allowed to replace what it wrote itself; None if nothing is left to do
    records : of what was done before
    """
    earlier = [last.get(image.name) for image in job.images]
    known = [record for record in earlier if record is not None and record.job == job.digest]
    if len(known) == len(earlier) and all(map(_stands, job.images, known)):
        return None, known
    return replace(job, ours=frozenset(record.output for record in known)), []


def _stands(image: Image, record: Record) -> bool:
    """Whether a record still says what is there; errors are always tried again."""
    if record.status is Status.ERROR:
        return False
    size, changed = stamp(image.source)
    if (size, changed) != (record.source_size, record.source_mtime_ns):
        return False
    return record.status is not Status.VERIFIED or _is(image.output, record)


def stamp(path: Path) -> tuple[int | None, int | None]:
    """Return a file's size and when it was changed; nothing if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None, None
    return found.st_size, found.st_mtime_ns


def _is(path: Path, record: Record) -> bool:
    """Whether a file holds the bytes that were recorded."""
    try:
        if path.stat().st_size != record.size:
            return False
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError:
        return False
    return digest.hexdigest() == record.sha256


def remove_parts(jobs: Iterable[Job]) -> None:
    """Remove temporary files that a killed run left where these jobs write; their lock is held."""
    for folder in {image.output.parent for job in jobs for image in job.images}:
        for path in folder.glob(PART) if folder.is_dir() else ():
            path.unlink(missing_ok=True)
