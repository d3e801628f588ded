"""What is being done, on stderr while it is a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from efface.cli.logs import LOG

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


def _logged(step: str) -> None:
    LOG.info("%s", WORDS.get(step, step))
