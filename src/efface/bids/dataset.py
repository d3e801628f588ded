"""What is in a dataset, and what becomes of each file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from efface.auditing.walking import IMAGES, OTHERS, SURFACES
from efface.batch.trees import files_below
from efface.bids.ignoring import read_ignored
from efface.bids.names import TEXT, Name, read_name
from efface.errors import InputError, UsageError
from efface.io.documents import parsed

DESCRIPTION = "dataset_description.json"
ANATOMY = "anat"
NEVER = {
    "sourcedata": "sourcedata may hold originals",
    "derivatives": "derivatives may show the face: surfaces, renders, masks; deface or make them anew",
    "code": "code is not checked",
    "stimuli": "stimuli are not checked",
}
"""Folders of which nothing is shared, and why."""
UNKNOWN_IMAGE = "an image that the standard does not know; it may show the face"
MASK = "defacemask"
PHOTO = "photo"


class Fate(str, Enum):
    """What becomes of a file."""

    DEFACE = "defaced"
    LOOK = "copied if it shows no face"
    CARRY = "copied"
    LEAVE = "left out"


@dataclass(frozen=True)
class Entry:
    """One file of a dataset."""

    path: Path
    """Where it is."""
    name: str
    """Below the dataset, with ``/``."""
    fate: Fate
    """What becomes of it."""
    known: Name | None = None
    """What the standard says of it."""
    reason: str = ""
    """Why it is left out."""


@dataclass(frozen=True)
class Dataset:
    """A dataset, or some participants of it."""

    root: Path
    """Its folder."""
    entries: tuple[Entry, ...]
    """Every file of the participants that were asked for, and of the dataset as a whole."""
    description: dict[str, Any]
    """Of ``dataset_description.json``."""
    participants: tuple[str, ...]
    """Labels of the participants that were asked for, without ``sub-``."""
    others: frozenset[str] = frozenset()
    """Labels of the participants that were not."""
    suffixes: frozenset[str] = frozenset()
    """Suffixes of all its data, those of other participants too."""

    def of(self, *fates: Fate) -> list[Entry]:
        """Return the files of some fates."""
        return [entry for entry in self.entries if entry.fate in fates]


def read_dataset(
    root: Path, participants: Sequence[str] = (), also: Sequence[str] = (), carry: Sequence[str] = ()
) -> Dataset:
    """Find every file of a dataset and decide what becomes of it; no image is read.

    Parameters
    ----------
    root : the dataset's folder
    participants : labels, with or without ``sub-``; all if empty
    also : datatypes besides ``anat`` whose images are defaced
    carry : datatypes whose files are copied as they are

    Raises
    ------
    InputError
        It is no BIDS dataset.
    UsageError
        There is no such participant, or a datatype is given twice.
    """
    if both := sorted(set(also) & set(carry)):
        message = f"{', '.join(both)}: either defaced or copied as they are, not both"
        raise UsageError(message)
    if ANATOMY in carry:
        message = "anatomical images show the face; they are never copied as they are"
        raise UsageError(message)
    description = _description(root)
    ignored = read_ignored(root)
    entries = []
    for found in files_below(root):
        known = read_name(found.name)
        if found.refused:
            entries.append(Entry(found.path, found.name, Fate.LEAVE, None, found.refused))
        elif ignored(found.name):
            entries.append(Entry(found.path, found.name, Fate.LEAVE, None, "named in .bidsignore"))
        else:
            fate, reason = _fate(found.name, known, also, carry)
            entries.append(Entry(found.path, found.name, fate, known, reason))
    if (root / ".bidsignore").is_file():
        entries.append(Entry(root / ".bidsignore", ".bidsignore", Fate.CARRY, Name(".bidsignore", {}, None, None, "")))
    return _of_participants(Dataset(root, tuple(entries), description, ()), participants)


def _fate(name: str, known: Name | None, also: Sequence[str], carry: Sequence[str]) -> tuple[Fate, str]:
    top = name.split("/", 1)[0]
    if top in NEVER:
        return Fate.LEAVE, NEVER[top]
    if known is None:
        image = name.lower().endswith((*IMAGES, *SURFACES, *OTHERS))
        return Fate.LEAVE, UNKNOWN_IMAGE if image else "not known to the standard"
    if known.suffix == PHOTO:
        return Fate.LEAVE, "a photograph"
    if known.suffix == MASK:
        return Fate.LEAVE, "a mask of another tool; its edge may be the face's"
    if known.is_image and (known.datatype == ANATOMY or known.datatype in also):
        return Fate.DEFACE, ""
    if known.datatype in carry:
        return Fate.CARRY, ""
    if known.is_image:
        return Fate.LOOK, ""
    if known.extension in TEXT:
        return Fate.CARRY, ""
    return Fate.LEAVE, f"efface cannot look at it; --carry-modalities {known.datatype} copies it as it is"


def _description(root: Path) -> dict[str, Any]:
    try:
        found = parsed((root / DESCRIPTION).read_bytes())
    except (OSError, ValueError) as error:
        why = f"{root}: no BIDS dataset, {DESCRIPTION} is missing or no JSON ({error})"
        message = f"{why}; use efface deface FOLDER OUT_FOLDER for other folders"
        raise InputError(message) from error
    if not isinstance(found, dict):
        message = f"{root}: no BIDS dataset, {DESCRIPTION} holds no object; mend it"
        raise InputError(message)
    return found


def _of_participants(dataset: Dataset, asked: Sequence[str]) -> Dataset:
    """Keep the files of some participants, and those of the whole dataset."""
    there = sorted({e.known.subject for e in dataset.entries if e.known is not None and e.known.subject})
    labels = {label.removeprefix("sub-") for label in asked}
    if unknown := sorted(labels - set(there)):
        message = f"no participant {', '.join(unknown)} in {dataset.root}; there are {', '.join(there) or 'none'}"
        raise UsageError(message)
    chosen = tuple(label for label in there if not labels or label in labels)
    kept = tuple(
        entry for entry in dataset.entries if not labels or _subject(entry) is None or _subject(entry) in labels
    )
    suffixes = frozenset(str(e.known.suffix) for e in dataset.entries if e.known is not None and e.known.is_data)
    return Dataset(dataset.root, kept, dataset.description, chosen, frozenset(there).difference(chosen), suffixes)


def _subject(entry: Entry) -> str | None:
    """Return whose file it is, by its folder where the standard does not know it."""
    if entry.known is not None:
        return entry.known.subject
    top = entry.name.split("/", 1)[0]
    return top.removeprefix("sub-") if top.startswith("sub-") else None
