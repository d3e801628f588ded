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
from contextlib import suppress
from pathlib import Path
from typing import Any

from efface.errors import ProgramError, UsageError

LOG, TEMPORARY = "program.log", "temporary"
"""In the folder where a program runs: what it says, and its own temporary files."""
STOPPING_S = 30.0
"""How long it may take to stop what a program had others do."""
TAIL_LINES = 8
"""Of what a program said, so many lines are in the message of an error."""
PLACEHOLDER = re.compile(r"\{(\w+)\}")
NOTHING = (None, "", ())
"""Values of what is not given."""


def find_program(*names: str) -> str | None:
    """Return the whole path of the first program that is here: on the PATH, or beside the Python that runs."""
    beside = str(Path(sys.executable).parent)
    found = (shutil.which(name) or shutil.which(name, path=beside) for name in names)
    return next((str(Path(path).absolute()) for path in found if path), None)


def check_words(name: str, text: str) -> None:
    """Raise `UsageError` unless a parameter's text can be parted into words as a shell does."""
    try:
        shlex.split(text)
    except ValueError as error:
        message = f"{name} = {text}: {error}; mend the quotes"
        raise UsageError(message) from error


def command_words(parts: Sequence[str], given: Mapping[str, Any]) -> list[str]:
    """Return the words of a command line.

    Parameters
    ----------
    parts : the program, then pieces such as ``"--cost {cost}"``; one of these that names a value which is not given
        (None or empty) is left out
    given : what stands for the names: a tuple as a word of its own becomes several words, ``options`` is parted as a
        shell parts it

    Examples
    --------
    >>> command_words(["prog {in}", "-n {nudge}", "-c {cost}", "{options}"],
    ...               {"in": "a b.nii", "nudge": (1.0, 2.5), "cost": None, "options": "-v -x 'y z'"})
    ['prog', 'a b.nii', '-n', '1', '2.5', '-v', '-x', 'y z']
    """
    program, *pieces = parts
    kept = [piece for piece in pieces if not any(given.get(name, 0) in NOTHING for name in PLACEHOLDER.findall(piece))]
    return [filled for part in (program, *kept) for word in shlex.split(part) for filled in _filled(word, given)]


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


def run_program(words: Sequence[str], folder: Path, timeout_s: float, stop: Sequence[str] = ()) -> str:
    """Run a program to its end in a folder; nothing that it started goes on.

    Parameters
    ----------
    words : the command line
    folder : where it runs, and where its log and its temporary files are kept
    timeout_s : after so many seconds it is stopped
    stop : the command line that ends what the program had others do, if it is stopped

    Returns
    -------
    log : what it said

    Raises
    ------
    ProgramError
        It cannot be started, failed, or took too long; the message ends with the last lines that it said.
    """
    process = _started(words, folder)
    try:
        status = process.wait(timeout_s)
    except subprocess.TimeoutExpired as error:
        message = f"{Path(words[0]).name} was stopped after {timeout_s:g} s; give it more with --param timeout_s=N"
        raise ProgramError(message + _tail(said_in(folder))) from error
    finally:
        _stop(process, stop)
    if status != 0:
        message = f"{Path(words[0]).name} failed with status {status}"
        raise ProgramError(message + _tail(said_in(folder)))
    return said_in(folder)


def said_in(folder: Path) -> str:
    """Return what the program that ran in a folder said; the folder's own name is left out."""
    return folder.joinpath(LOG).read_text("utf-8", "replace").replace(f"{folder}{os.sep}", "").strip()


def _started(words: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a program, in a session of its own so that all of it can be stopped."""
    temporary = folder / TEMPORARY
    temporary.mkdir(exist_ok=True)
    places = dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(temporary))
    with folder.joinpath(LOG).open("wb") as log:
        try:
            return subprocess.Popen(
                words, cwd=folder, env=os.environ | places, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            message = f"{words[0]} cannot be started: {error.strerror}; is it installed and on the PATH?"
            raise ProgramError(message) from error


def _tail(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()][-TAIL_LINES:]
    return f"; it said: {' | '.join(lines)}" if lines else "; it said nothing"


def _stop(process: subprocess.Popen[bytes], stop: Sequence[str]) -> None:
    """Stop a program that still runs, and whatever it started."""
    if process.poll() is None and stop:
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(stop, stdin=subprocess.DEVNULL, capture_output=True, timeout=STOPPING_S, check=False)
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):  # nothing of its group runs any more; macOS says the latter
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
