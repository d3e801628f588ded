"""Jobs that do not end: a share that stalls, a program in a circle. They are given up, and the others go on."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakSet

from efface.batch.jobs import Job
from efface.batch.records import Record
from efface.batch.telling import lost
from efface.errors import OutputError

MOMENT_S = 60.0
"""How long one scan's files may take to be written after the time was over."""
LARGE = 2**23
"""Bytes from which a block goes back to the system when it is freed. glibc lets this grow to 32 MB, which holds 150 MB
more for each worker; the 64 KB that are often set cost a quarter more CPU time, as every array is asked for anew."""
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Of glibc's mallopt."""
_WRITING = threading.Lock()
_GIVEN_UP: WeakSet[threading.Thread] = WeakSet()


def too_long(minutes: float) -> str:
    """Return what is said of a job that was given up."""
    return f"not done after {minutes:g} minutes, so given up: does the disk or share answer? --time-limit gives it more"


def within(job: Job, minutes: float) -> list[Record]:
    """Do a job in this process; after some minutes go on without it.

    A thread cannot be ended. One that was given up may wake up again, but cannot write any more.

    Raises
    ------
    OutputError
        The output itself does not answer, so there is no use in going on.
    """
    done: queue.SimpleQueue[list[Record]] = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: done.put(list(job.work(job))), daemon=True, name="efface-job")
    thread.start()
    try:
        return done.get(timeout=minutes * 60)
    except queue.Empty:
        _give_up(thread)
    except BaseException:  # the run is ended: what goes on beside its end must not write, either
        _give_up(thread)
        raise
    return done.get() if not done.empty() else lost(job, too_long(minutes))


def _give_up(thread: threading.Thread) -> None:
    if not _WRITING.acquire(timeout=MOMENT_S):
        message = "the output does not answer; see to the disk or share, then run it again to go on"
        raise OutputError(message)
    _GIVEN_UP.add(thread)
    _WRITING.release()


@contextmanager
def allowed_to_write(path: Path) -> Iterator[None]:
    """Hold back the time limit while files are written; refuse it to a job that was given up.

    Raises
    ------
    OutputError
        The job's records say already that nothing came of it.
    """
    with _WRITING:
        if threading.current_thread() in _GIVEN_UP:
            message = f"{path}: not written, its time was over"
            raise OutputError(message)
        yield


def ended_in_time(job: Job, seconds: float) -> list[Record]:
    """Do a job in a worker process; end the process after some seconds, whatever it waits for."""
    with Path(os.devnull).open("wb") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)  # needs no turn of Python's own
        try:
            return list(job.work(job))
        finally:
            faulthandler.cancel_dump_traceback_later()
            give_back_memory()


def give_back_memory() -> None:
    """Let the C library return what a job freed, and from now on large blocks at once."""
    with suppress(OSError, AttributeError):  # another system, another C library
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(MMAP_THRESHOLD, LARGE)
        library.mallopt(TRIM_THRESHOLD, 2 * LARGE)
        library.malloc_trim(0)
