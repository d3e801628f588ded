"""Ratings as they come in: appended to an SQLite file, never changed; what was confirmed is on the disk."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock
from typing import Any

from efface.errors import OutputError, UsageError

NAME = "ratings.sqlite"
TABLES = """
CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, rater TEXT NOT NULL,
    form TEXT NOT NULL, rating_id TEXT NOT NULL, body TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS event_is_never_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'ratings are never changed'); END;
CREATE TRIGGER IF NOT EXISTS event_is_never_removed BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'ratings are never removed'); END;
"""


@dataclass(frozen=True)
class Event:
    """Something that happened."""

    kind: str
    """``seed``, ``photographs``, ``order``, ``rating``, ``undo`` or ``debriefing``."""
    rater: str
    """Who."""
    form: str
    """On which form."""
    rating_id: str
    """Of what was shown."""
    body: Any
    """JSON values."""


class Store:
    """An append-only file of events; one process may use it from several threads, and several processes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        try:
            self._connection = _opened(self.path)
        except sqlite3.Error as error:
            message = f"{self.path}: ratings cannot be kept here ({error}); check the folder's permissions"
            raise OutputError(message) from error
        self._lock = Lock()
        self._read: list[Event] = []
        self._last = 0

    def append(self, kind: str, rater: str, form: str, rating_id: str, body: Any) -> None:
        """Write one event; when this returns, it survives a crash.

        Raises
        ------
        OutputError
            The disk is full, or the file cannot be written.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        row = (now, kind, rater, form, rating_id, json.dumps(body))
        insert = "INSERT INTO event (at, kind, rater, form, rating_id, body) VALUES (?, ?, ?, ?, ?, ?)"
        try:
            with self._lock:
                self._connection.execute(insert, row)
        except sqlite3.Error as error:
            message = f"{self.path}: the rating could not be written ({error}); free some space and try again"
            raise OutputError(message) from error

    def events(self) -> list[Event]:
        """Return all that happened, in order; what was read before is not read again, for it never changes."""
        select = "SELECT number, kind, rater, form, rating_id, body FROM event WHERE number > ? ORDER BY number"
        with self._lock, closing(self._connection.cursor()) as cursor:
            for number, kind, rater, form, rating_id, body in cursor.execute(select, (self._last,)):
                self._read.append(Event(kind, rater, form, rating_id, json.loads(body)))
                self._last = number
            return list(self._read)

    def seed(self, given: str | None = None) -> str:
        """Return the seed of all orders; drawn, or as given, when it is first asked for.

        Raises
        ------
        UsageError
            Another one is in use already.
        """
        kept = [str(event.body) for event in self.events() if event.kind == "seed"]
        if kept and given not in (None, kept[0]):
            message = f"seed {given}: ratings in {self.path} were begun with {kept[0]}; leave --seed out"
            raise UsageError(message)
        if kept:
            return kept[0]
        seed = given or secrets.token_hex(8)
        self.append("seed", "", "", "", seed)
        return seed

    def photographs(self, people: list[str], forms: Collection[str]) -> None:
        """Keep who is on which photograph, as answers name photographs by their numbers.

        Parameters
        ----------
        people : in the order of the photographs
        forms : names of the forms that show them

        Raises
        ------
        UsageError
            They were others, or in another order, when the first of these forms' ratings was given.
        """
        events = self.events()
        kept = [event.body for event in events if event.kind == "photographs"][-1:]
        if kept == [people]:
            return
        if kept and any(event.kind == "rating" and event.form in forms for event in events):
            message = (
                f"photographs.tsv lists {', '.join(people) or 'nobody'}; when rating began, {', '.join(kept[0])}, "
                "and answers name photographs by number. Put the lines back, or begin anew in another folder"
            )
            raise UsageError(message)
        self.append("photographs", "", "", "", people)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _opened(path: Path) -> sqlite3.Connection:
    """Open a file of events, and make it if needed; every append is on the disk when it returns."""
    connection = sqlite3.connect(path, check_same_thread=False, timeout=30, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.executescript(TABLES)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@dataclass(frozen=True)
class Rating:
    """One rating that stands."""

    rating_id: str
    """Of what was shown."""
    rater: str
    """Who."""
    form: str
    """On which form."""
    scan: str
    """Which scan was shown."""
    method: str
    """Defaced by what."""
    cohort: str
    """Of which group."""
    repeat: int
    """0, or 1 where it was shown again."""
    answers: Mapping[str, str]
    """Question -> answer; empty where the scan was skipped."""


def standing(events: Iterable[Event]) -> list[Rating]:
    """Return the ratings that stand, the latest last: what was undone is gone, what was rated again counts once."""
    kept: dict[tuple[str, str, str], Rating] = {}
    for event in events:
        key = (event.rater, event.form, event.rating_id)
        if event.kind in ("rating", "undo"):
            kept.pop(key, None)
        if event.kind == "rating":
            kept[key] = Rating(event.rating_id, event.rater, event.form, **event.body)
    return list(kept.values())


def debriefings(events: Iterable[Event]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the answers to the questions at the end, by rater and form."""
    return {(event.rater, event.form): event.body for event in events if event.kind == "debriefing"}
