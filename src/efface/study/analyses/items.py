"""What an analysis gives: tables, figures, and what could not be computed, with the reason."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from efface.errors import DefaceError

LOG = logging.getLogger("efface")

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing


@dataclass(frozen=True, eq=False)
class Table:
    """A table of the report; also written as TSV."""

    key: str
    """Short; the file's name."""
    title: str
    """What it shows."""
    frame: pd.DataFrame = field(repr=False)
    """Rows and columns."""
    note: str = ""
    """How to read it, in a sentence or two."""


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure of the report; also written as PNG and SVG."""

    key: str
    """Short; the files' name."""
    title: str
    """What it shows."""
    drawing: Drawing = field(repr=False)
    """The figure."""
    note: str = ""
    """How to read it."""


@dataclass(frozen=True)
class NotRun:
    """What a paper shows and this run cannot."""

    key: str
    """Short."""
    title: str
    """What it would show."""
    reason: str
    """Why not, and what to do about it."""


Item = Table | Figure | NotRun


@dataclass(frozen=True, eq=False)
class Section:
    """All that reproduces one paper."""

    title: str
    """Heading."""
    citation: str
    """The paper."""
    items: tuple[Item, ...]
    """In the paper's order."""


def tried(key: str, title: str, make: Callable[[], Iterator[Item]]) -> list[Item]:
    """Return what an analysis gives; where its data cannot give it, say why.

    Measuring takes hours: one analysis that fails on data that nobody thought of must not take the report with it.
    """
    found: list[Item] = []
    try:
        found.extend(make())  # keeps what came before an error
    except DefaceError as error:
        return [*found, _rest(key, title, str(error), found)]
    except Exception as error:  # as above; it is on the page, a warning, and with -v a traceback
        LOG.warning("%s: %s: %s", title, type(error).__name__, error)
        LOG.debug("where it happened", exc_info=True)
        reason = f"the analysis failed ({type(error).__name__}: {error}); please report it"
        return [*found, _rest(key, title, reason, found)]
    return found or [NotRun(key, title, "nothing was measured that it needs")]


def _rest(key: str, title: str, reason: str, found: list[Item]) -> NotRun:
    return NotRun(f"{key}-rest", f"{title}: the rest", reason) if found else NotRun(key, title, reason)
