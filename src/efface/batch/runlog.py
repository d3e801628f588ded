"""The log of a scope: one JSON line for each scan, only ever appended to, and what it says of earlier runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from efface.batch.jobs import Image, Job
from efface.batch.records import Record, Status
from efface.errors import OutputError
from efface.io.atomic import PART
from efface.io.folders import remove


@dataclass(frozen=True)
class Past:
    """What is known of one output."""

    records: tuple[Record, ...]
    """All of them, the oldest first; at least one."""


@dataclass(frozen=True)
class RunLog:
    """One file; its lock is held while it is written."""

    path: Path
    """A ``.jsonl`` file; made with its folder when needed."""

    def last(self) -> dict[str, Record]:
        """Return the last record of every output; a line that was cut short counts as none."""
        return {record.output: record for record in self._records()}

    def past(self) -> dict[str, Past]:
        """Return what is known of every output."""
        told: dict[str, list[Record]] = {}
        for record in self._records():
            told.setdefault(record.output, []).append(record)
        return {output: Past(tuple(records)) for output, records in told.items()}

    def _records(self) -> list[Record]:
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            message = f"{self.path}: the log cannot be read ({error.strerror}); check its permissions"
            raise OutputError(message) from error
        parsed = (Record.parse(line) for line in lines if line)
        return [record for record in parsed if record is not None]

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


def still_to_do(job: Job, past: Mapping[str, Past]) -> tuple[Job | None, list[Record]]:
    """Compare a job with what earlier runs made of it.

    Returns
    -------
    job : the same, allowed to replace what it wrote itself; None if nothing is left to do
    records : of what was done before
    """
    earlier = [past[image.name].records[-1] for image in job.images if image.name in past]
    known = [record for record in earlier if record.job == job.digest]
    if len(known) == len(job.images) and all(map(_stands, job.images, known)):
        return None, known
    ours = (image.name for image in job.images if image.name in past and _wrote(job, image, past[image.name]))
    return replace(job, ours=frozenset(ours)), []


def _wrote(job: Job, image: Image, past: Past) -> bool:
    """Whether what lies there is this job's own, or, if all may be replaced, that of any job.

    A record that nothing came of proves nothing: the file may be somebody else's.
    """
    wrote = next((record for record in reversed(past.records) if record.sha256), None)
    if wrote is not None and wrote.job == job.digest:
        return True
    there = _sum(image.output)
    made = [record for record in past.records if job.overwrite or record.job == job.digest]
    return there is not None and any(there in (record.sha256, record.kept) for record in made)


def _stands(image: Image, record: Record) -> bool:
    """Whether a record still says what is there; errors are always tried again."""
    if record.status is Status.ERROR:
        return False
    size, changed = stamp(image.source)
    if (size, changed) != (record.source_size, record.source_mtime_ns):
        return False
    if record.status is not Status.VERIFIED:
        return True
    beside = {image.output.with_name(name): digest for name, digest in record.beside.items()}
    return all(_sum(path) == digest for path, digest in {image.output: record.sha256, **beside}.items())


def stamp(path: Path) -> tuple[int | None, int | None]:
    """Return a file's size and when it was changed; nothing if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None, None
    return found.st_size, found.st_mtime_ns


def _sum(path: Path) -> str | None:
    """Return a file's checksum; None where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


def remove_parts(jobs: Iterable[Job]) -> None:
    """Remove temporary files that a killed run left where these jobs write; their lock is held."""
    for folder in {image.output.parent for job in jobs for image in job.images}:
        for path in folder.glob(PART) if folder.is_dir() else ():
            remove(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
