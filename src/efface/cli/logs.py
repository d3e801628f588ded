"""The library's log, shown on stderr: warnings always, everything with ``-v``."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from time import time

from efface.printable import printable

LOG = logging.getLogger("efface")


class _Stderr(logging.Handler):
    """Writes to whatever stderr is at that moment, so that a spinner can move out of the way."""

    def __init__(self) -> None:
        super().__init__()
        self.start = time()

    def emit(self, record: logging.LogRecord) -> None:
        warning = record.levelno >= logging.WARNING
        kind = record.levelname.lower() if warning else f"{record.created - self.start:.1f} s"
        sys.stderr.write(f"efface: {kind}: {printable(record.getMessage())}\n")


@contextlib.contextmanager
def to_stderr() -> Iterator[None]:
    """Show the log while a command runs."""
    handler, level = _Stderr(), LOG.level
    LOG.addHandler(handler)
    LOG.setLevel(logging.WARNING)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(level)


def be_verbose(asked: bool) -> bool:
    """Show everything from now on, if asked."""
    if asked:
        LOG.setLevel(logging.DEBUG)
    return asked


def verbose() -> bool:
    """Whether everything is shown."""
    return LOG.level == logging.DEBUG
