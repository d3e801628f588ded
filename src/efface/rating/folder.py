"""What is rated: a folder with a table of defaced scans, and perhaps one of photographs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from efface.errors import UnreadableImageError, UsageError
from efface.rating.recognition import NONE

TABLE, PHOTOGRAPHS = "scans.tsv", "photographs.tsv"
ORIGINAL = "original"
"""Called a method where originals are rated themselves."""


@dataclass(frozen=True)
class Item:
    """One version of one scan."""

    scan: str
    """Which scan it is."""
    method: str
    """What defaced it; raters do not see it."""
    cohort: str
    """The group that it belongs to; empty if there is one only."""
    path: Path
    """What is shown."""
    original: Path | None
    """The scan before, if the table names it."""
    person: str
    """Whose scan it is; the scan's own name if the table does not say."""


@dataclass(frozen=True)
class Photograph:
    """A picture of somebody."""

    person: str
    """As in the table of scans."""
    path: Path
    """PNG or JPEG."""


@dataclass(frozen=True)
class Folder:
    """All that raters are shown."""

    path: Path
    """Where the tables lie, and the ratings go."""
    items: tuple[Item, ...]
    """In the table's order."""
    photographs: tuple[Photograph, ...]
    """In the table's order; numbered from 1."""

    def originals(self) -> tuple[Item, ...]:
        """Return every original once, as something to be rated."""
        first = {item.original: item for item in reversed(self.items) if item.original is not None}
        return tuple(
            Item(item.scan, ORIGINAL, item.cohort, path, None, item.person) for path, item in reversed(first.items())
        )

    def right_answers(self) -> dict[str, str]:
        """Return for each person what a rater who knows them answers in the recognition task."""
        return right_answers([photo.person for photo in self.photographs], (item.person for item in self.items))


def right_answers(photographed: Sequence[str], people: Iterable[str]) -> dict[str, str]:
    """Return for each person the answer of a rater who knows them.

    Parameters
    ----------
    photographed : whose photographs there are, in the order in which they are numbered
    people : whose heads are shown
    """
    numbered = {person: f"photograph {n}" for n, person in enumerate(photographed, start=1)}
    return {person: numbered.get(person, NONE) for person in people}


def read_folder(path: Path) -> Folder:
    """Read the tables of a folder; paths in them start at the folder.

    Raises
    ------
    UsageError
        A column is missing, or a row is there twice.
    UnreadableImageError
        The folder, a table or an image is not there.
    """
    table = path / TABLE
    rows = _rows(table, ("scan", "method", "defaced"))
    items = tuple(_item(row, path) for row in rows if row["defaced"])  # nothing to see where a method did not run
    if not items:
        message = f"{table}: names no defaced scan; give a row for each, with columns scan, method, cohort and defaced"
        raise UsageError(message)
    names = [(item.scan, item.method) for item in items]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        message = f"{table}: {twice[0][0]} by {twice[0][1]} is there twice; a scan and a method make a row's name"
        raise UsageError(message)
    return Folder(path, items, read_photographs(path))


def read_photographs(path: Path) -> tuple[Photograph, ...]:
    """Read a folder's table of photographs, in its order; empty where there is none.

    Raises
    ------
    UsageError
        A column is missing, or two photographs are of one person: only one of them could be the right answer.
    UnreadableImageError
        A photograph is not there.
    """
    table = path / PHOTOGRAPHS
    if not table.is_file():
        return ()
    found = tuple(Photograph(row["person"], _there(path / row["file"])) for row in _rows(table, ("person", "file")))
    people = [photograph.person for photograph in found]
    twice = sorted({person for person in people if people.count(person) > 1})
    if twice:
        message = f"{table}: {twice[0]} is there twice; give one photograph of each person"
        raise UsageError(message)
    return found


def _item(row: dict[str, str], folder: Path) -> Item:
    original = row.get("original")
    return Item(
        scan=row["scan"],
        method=row["method"],
        cohort=row.get("cohort", ""),
        path=_there(folder / row["defaced"]),
        original=_there(folder / original) if original else None,
        person=row.get("person") or row.get("participant") or row["scan"],
    )


def _rows(table: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        text = table.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{table}: cannot be read ({error}); it is a table separated by tabs, see docs/rate.md"
        raise UnreadableImageError(message) from error
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE, restval=""))
    missing = [name for name in needed if rows and name not in rows[0]]
    if missing:
        message = f"{table}: no column {', '.join(missing)}; separate columns by tabs"
        raise UsageError(message)
    return [{key: _known(value) for key, value in row.items() if isinstance(value, str)} for row in rows]


def _known(value: str) -> str:
    return "" if value.strip().lower() in ("n/a", "na", "nan") else value.strip()


def _there(path: Path) -> Path:
    if not path.is_file():
        message = f"{path}: no such file; paths in {TABLE} and {PHOTOGRAPHS} start at their folder"
        raise UnreadableImageError(message)
    return path
