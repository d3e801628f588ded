"""One record for each image of a job, whatever happens: one scan must not end the run of all others."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from efface.batch.jobs import Image, Job
from efface.batch.records import Record, Status
from efface.batch.runlog import stamp
from efface.errors import DefaceError

NO_MEMORY = "not enough memory for this scan; give each worker more (--memory), or start fewer (--workers)"


@dataclass
class Tell:
    """Collects one record for each image of a job."""

    job: Job
    start: float
    stamps: dict[str, tuple[int | None, int | None]]
    records: dict[str, Record]

    def __call__(self, image: Image, status: Status, message: str, **facts: Any) -> None:
        """Record what came of an image; paths in the message become relative."""
        size, changed = self.stamps[image.name]
        self.records[image.name] = Record(
            source=image.source_name,
            output=image.name,
            status=status,
            message=_relative(message, image),
            job=self.job.digest,
            source_size=size,
            source_mtime_ns=changed,
            seconds=round(time.monotonic() - self.start, 3),
            peak_mb=_peak_mb(),
            time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            facts=self.job.facts,
            **facts,
        )


def guarded(job: Job, work: Callable[[Job, Tell], None]) -> list[Record]:
    """Do some work on a job; whatever it raises is the outcome of every image that has none yet."""
    tell = Tell(job, time.monotonic(), {image.name: stamp(image.source) for image in job.images}, {})
    failure = "nothing was said of this scan; please report it"
    try:
        work(job, tell)
    except MemoryError:
        failure = NO_MEMORY
    except DefaceError as error:
        failure = str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is: it is this scan's outcome, and the others go on
        failure = f"unexpected {type(error).__name__}: {error}; please report it"
    return finished(job, tell, failure)


def finished(job: Job, tell: Tell, failure: str) -> list[Record]:
    """Return one record for each image, in order; an error for those that have none."""
    for image in job.images:
        if image.name not in tell.records:
            tell(image, Status.ERROR, failure)
    return [tell.records[image.name] for image in job.images]


def lost(job: Job, message: str) -> list[Record]:
    """Return the records of a job whose worker said nothing."""
    tell = Tell(job, time.monotonic(), {image.name: stamp(image.source) for image in job.images}, {})
    return finished(job, tell, message)


def _relative(message: str, image: Image) -> str:
    """Take from a message, on one line, where the folders lie: that may name people."""
    for path, name in ((image.source, image.source_name), (image.output, image.name)):
        root = str(path)[: -len(str(Path(name)))]
        message = message.replace(root, "") if len(root) > 1 else message
    with suppress(RuntimeError):  # some have no home
        message = message.replace(f"{Path.home()}{os.sep}", f"~{os.sep}")
    return " ".join(message.removeprefix(f"{image.source_name}: ").split())


def _peak_mb() -> float | None:
    """Return the most memory this process has held so far; None where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        return _peak_mb_without_proc()
    peak = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return None if peak is None else round(int(peak) * 1024 / 1e6, 1)


def _peak_mb_without_proc() -> float | None:
    """Return what getrusage says; on Linux that would count the process that started this one, too."""
    try:
        import resource
    except ImportError:
        return None
    return round(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6, 1
    )
