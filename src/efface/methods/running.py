"""Run another program in a folder of its own, with a time-out, and keep what it says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from efface.errors import ProgramError

LOG = "program.log"
TAIL_LINES = 8
"""Of what a program said, so many lines are in the message of an error."""
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def find_program(*names: str) -> str | None:
    """Return the path of the first program that is here: on the PATH, or beside the Python that runs."""
    beside = str(Path(sys.executable).parent)
    found = (shutil.which(name) or shutil.which(name, path=beside) for name in names)
    return next((path for path in found if path), None)


def command_words(parts: Sequence[str], given: Mapping[str, Any]) -> list[str]:
    """Return the words of a command line.

    Parameters
    ----------
    parts : pieces such as ``"--cost {cost}"``; one that names a value which is not given (None or empty) is left out
    given : what stands for the names: a tuple as a word of its own becomes several words, ``options`` is parted as a
        shell parts it

    Examples
    --------
    >>> command_words(["prog {in}", "-n {nudge}", "-c {cost}", "{options}"],
    ...               {"in": "a b.nii", "nudge": (1.0, 2.5), "cost": None, "options": "-v -x 'y z'"})
    ['prog', 'a b.nii', '-n', '1', '2.5', '-v', '-x', 'y z']
    """
    words: list[str] = []
    for part in parts:
        names = [name for name in PLACEHOLDER.findall(part) if name in given]
        if any(given[name] is None or given[name] in ("", ()) for name in names):
            continue
        for word in shlex.split(part):
            words += _filled(word, given)
    return words


def _filled(word: str, given: Mapping[str, Any]) -> list[str]:
    whole = PLACEHOLDER.fullmatch(word)
    value = given.get(whole[1]) if whole else None
    if whole and whole[1] == "options" and isinstance(value, str):
        return shlex.split(value)
    if isinstance(value, tuple):
        return [_text(each) for each in value]
    return [PLACEHOLDER.sub(lambda match: _text(given.get(match[1], match[0])), word)]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def run_program(words: Sequence[str], folder: Path, timeout_s: float) -> str:
    """Run a program to its end in a folder.

    Parameters
    ----------
    words : the command line
    folder : where it runs, and where its log is kept
    timeout_s : after so many seconds it is stopped, with all that it started

    Returns
    -------
    log : what it said

    Raises
    ------
    ProgramError
        It cannot be started, failed, or took too long; the message ends with the last lines that it said.
    """
    with folder.joinpath(LOG).open("wb") as log:
        try:
            process = subprocess.Popen(
                words, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            message = f"{words[0]} cannot be started: {error.strerror}; is it installed and on the PATH?"
            raise ProgramError(message) from error
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            message = f"{Path(words[0]).name} was stopped after {timeout_s:g} s; give it more with --param timeout_s=N"
            raise ProgramError(message + _tail(said_in(folder))) from error
        finally:
            _stop(process)
    if status != 0:
        message = f"{Path(words[0]).name} failed with status {status}"
        raise ProgramError(message + _tail(said_in(folder)))
    return said_in(folder)


def said_in(folder: Path) -> str:
    """Return what the program that ran in a folder said; the folder's own name is left out."""
    return folder.joinpath(LOG).read_text("utf-8", "replace").replace(f"{folder}{os.sep}", "").strip()


def _tail(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()][-TAIL_LINES:]
    return f"; it said: {' | '.join(lines)}" if lines else "; it said nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a program that still runs, and what it started."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
