"""What is being done, on stderr while it is a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from efface.cli.logs import LOG

if TYPE_CHECKING:
    from efface.batch import Tally

WORDS = {
    "sample": "making the synthetic sample",
    "read": "reading",
    "locate": "finding head, brain and face",
    "plan": "planning what to remove",
    "apply": "removing the face",
    "verify": "verifying",
    "write": "writing",
    "draw": "drawing the picture",
}


@contextlib.contextmanager
def shown() -> Iterator[Callable[[str], None]]:
    """Show a spinner; gives the function that is told the name of each step as it begins."""
    if not sys.stderr.isatty():
        yield _logged
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:

        def show(step: str) -> None:
            status.update(WORDS.get(step, step))
            _logged(step)

        yield show


@contextlib.contextmanager
def counted() -> Iterator[Callable[[int, int, Path], None]]:
    """Show a bar; gives the function that is told how many files are done, of how many, and which is next."""
    if not sys.stderr.isatty():
        yield lambda done, of, path: LOG.info("%d of %d: %s", done + 1, of, path)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking for scans", total=None)
        yield lambda done, of, path: bar.update(task, completed=done, total=of, description=path.name)


@contextlib.contextmanager
def tallied() -> Iterator[Callable[[Tally], None]]:
    """Show a bar with rate and time left; gives the function that is told how a run of many scans stands."""
    if not sys.stderr.isatty():
        yield lambda tally: LOG.info("%d of %d scans done", tally.before + tally.done, tally.scans)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=600) as bar:
        task, start = bar.add_task("starting"), monotonic()

        def show(tally: Tally) -> None:
            if tally.before and not tally.done:
                bar.reset(task)  # what earlier runs did says nothing of this one's rate
            words = f"{_hourly(tally.done, monotonic() - start)} {_counted(tally)}"
            bar.update(task, total=tally.scans, completed=tally.before + tally.done, description=words)

        yield show


def _hourly(scans: int, seconds: float) -> str:
    return f"{3600 * scans / seconds:.0f} scans/h" if scans else "starting"


def _counted(tally: Tally) -> str:
    return ", ".join(f"{number} {status}" for status, number in tally.counts.items())


@contextlib.contextmanager
def units() -> Iterator[Callable[[int, int, str], None]]:
    """Show a bar; gives the function that is told how many units are done, of how many, and which came last."""
    if not sys.stderr.isatty():
        yield lambda done, of, name: LOG.info("%d of %d units%s", done, of, f": {name}" if name else "")
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking for what is left to do", total=None)
        yield lambda done, of, name: bar.update(task, completed=done, total=of, description=name)


def _logged(step: str) -> None:
    LOG.info("%s", WORDS.get(step, step))
