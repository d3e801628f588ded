"""Errors become one line on stderr and an exit status."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from efface.cli import answers, logs
from efface.errors import DefaceError, SessionError
from efface.printable import printable

if TYPE_CHECKING:
    from efface.verdict import Verdict

INTERRUPTED = 130
"""128 + SIGINT, as shells do."""


@dataclass(frozen=True)
class Failure:
    """Why a command did not end well."""

    message: str
    """What is wrong and what to try, in one line."""
    exit_status: int
    """What the process ends with."""
    verdict: Verdict | None = None
    """The checks, if it was verification that refused."""
    images: tuple[dict[str, Any], ...] = ()
    """Of a session: which of its images, counted from 1, were refused, and why."""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Say what an error means to the person who typed the command."""
        if isinstance(error, SessionError):
            return cls(_one_line(str(error)), error.exit_status, None, _images(error))
        if isinstance(error, DefaceError):
            return cls(_one_line(str(error)), error.exit_status, getattr(error, "verdict", None))
        if hasattr(error, "format_message"):  # the command line could not be parsed; older typers raise click's errors
            return cls(f"{_one_line(error.format_message())} See: {_help_command(error)}", 2)
        if isinstance(error, (KeyboardInterrupt, typer.Abort)):
            return cls("interrupted; no output was left half-written", INTERRUPTED)
        if isinstance(error, MemoryError):
            return cls("not enough memory for this scan; close other programs or use a larger machine", 1)
        return cls(_unexpected(error), 1)

    def report(self, *, as_json: bool) -> int:
        """Tell it on stderr, and on stdout too if one JSON document is due there; return the exit status."""
        if logs.verbose() and self.exit_status in (1, INTERRUPTED):
            traceback.print_exc()
        sys.stderr.write(f"efface: error: {printable(self.message)}\n")
        if as_json:
            more = {"images": self.images} if self.images else {}
            answers.say_json(self.exit_status, self.verdict, error=self.message, **more)
        return self.exit_status


def _images(error: SessionError) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"image": place + 1, "error": _one_line(str(each)), "verdict": each.verdict and each.verdict.as_dict()}
        for place, each in error.refusals.items()
    )


def _one_line(message: str) -> str:
    return " ".join(message.split())


def _help_command(error: BaseException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'efface'} --help"


def _unexpected(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return _one_line(f"{error.filename}: {error.strerror}; -v shows where it happened")
    return _one_line(f"unexpected {type(error).__name__}: {error}; -v shows where it happened, please report it")
