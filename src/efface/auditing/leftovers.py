"""What else gives a person away: originals beside their defaced copies, and names in compressed files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from efface.io import header_warnings
from efface.scan import Scan

ORIGINAL = re.compile(
    r"no[_-]?(deid|deface)|(?<!de)(?<!re)faced(?!e)|orig(inal)?s?(?![a-z])|before[_-]?defac\w*|with[_-]?face", re.I
)
"""How tools and people name what was there before: ``_no_deid``, ``_faced``, ``_orig`` ..."""
NAMED = 0x08
"""Flag in a gzip header: a file name follows."""
FIXED, LONGEST = 10, 256
"""Bytes of a gzip header before the name, and how much of the name is read."""


def leftover(path: Path, names: Sequence[str]) -> str | None:
    """Say whether a file looks like the original of a defaced copy in the same folder.

    Parameters
    ----------
    path : the file
    names : all file names of its folder
    """
    found = ORIGINAL.search(path.name)
    if found is None:
        return None
    start = re.sub(r"[._-]+$", "", path.name[: found.start()])
    copies = [name for name in names if name != path.name and start and name.startswith(start)]
    beside = f" beside {copies[0]}" if copies else ""
    return f"its name says that it is an original{beside}; originals do not belong into what is shared"


def stored_name(path: Path) -> str | None:
    """Say whether a gzip header carries the name of the file that was compressed, where it is another."""
    try:
        with path.open("rb") as file:
            head = file.read(FIXED + LONGEST)
    except OSError:  # a link to nowhere, or no permission: the finding says so
        return None
    if head[:2] != b"\x1f\x8b" or len(head) < FIXED or not head[3] & NAMED:
        return None
    name = head[FIXED:].split(b"\0", 1)[0].decode("latin-1")
    if path.name in (name, f"{name}.gz"):
        return None
    return "the gzip header carries another file name, which may name the person; compress it again with gzip -n"


def notes_on(path: Path, names: Sequence[str], scan: Scan | None) -> tuple[str, ...]:
    """Return everything to look at besides the face.

    Parameters
    ----------
    path : the file
    names : all file names of its folder
    scan : what was read from it, if it could be read
    """
    notes = (leftover(path, names), stored_name(path), *(header_warnings(scan) if scan else ()))
    return tuple(note for note in notes if note)
