"""Everything of a dataset that is no image: copied where it belongs to an image that was written.

Done after every run, from what lies in the output then; doing it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from efface.batch.trees import check_unlinked, files_below
from efface.batch.writing import make_folder
from efface.bids.dataset import DESCRIPTION, Dataset, Entry, Fate
from efface.bids.layouts import Layout, Wish
from efface.bids.names import Name, read_name
from efface.errors import InputError
from efface.io.atomic import write_whole
from efface.io.codec import without_name
from efface.provenance import json_bytes
from efface.version import __version__

ORPHAN = "nothing that it belongs to was written"
RAW = "part of the raw dataset, which the derivative refers to"
FOLDED = "its fields are in the sidecar of each image"
LISTS = {"participants": "participant_id", "sessions": "session_id", "scans": "filename"}
"""Tables that list what is there, and the column that does."""
PERSON = "participant_id"
"""Whatever table has this column has rows of people, too, such as those in ``phenotype``."""
FREE = ("recording", "desc")
"""Entities by which a file may differ from the image it belongs to."""


@dataclass(frozen=True)
class Present:
    """Images and other data of a dataset, by participant."""

    names: Mapping[str, Sequence[Name]]
    """Participant's label -> data."""

    @classmethod
    def of(cls, names: Iterable[Name | None]) -> Present:
        """Sort names; what is no data is passed over."""
        found: dict[str, list[Name]] = {}
        for name in names:
            if name is not None and name.is_data:
                found.setdefault(name.subject or "", []).append(name)
        return cls(found)

    def near(self, known: Name) -> Sequence[Name]:
        """Return the data that a file may belong to."""
        if known.subject is not None:
            return self.names.get(known.subject, ())
        return [image for images in self.names.values() for image in images]


def finish(dataset: Dataset, wish: Wish) -> dict[str, str]:
    """Copy what belongs to the images that were written, and describe the dataset.

    Returns
    -------
    left : files that were not copied -> why
    """
    folders = {(wish.output / entry.name).parent for entry in dataset.of(Fate.CARRY)}
    check_unlinked(wish.output, folders)
    make_folder(wish.output)
    if wish.layout is Layout.RAW:
        _copy_data(dataset, wish)
    present = data_in(wish.output)
    before = Present.of(entry.known for entry in dataset.entries)
    defaced = Present.of(entry.known for entry in dataset.of(Fate.DEFACE))
    _put(wish.output / DESCRIPTION, json_bytes(description(dataset.description, wish)))
    left: dict[str, str] = {}
    for entry in dataset.of(Fate.CARRY):
        if entry.name == DESCRIPTION or entry.known is None or entry.known.is_data:
            continue
        if wish.layout is Layout.RAW:
            reason = _reason_not_to(entry.known, dataset, before, defaced, present)
        else:
            reason = RAW if entry.known.suffix else ""
        data = without_name(_read(entry)) if not reason else b""
        if not reason and entry.known.extension == ".tsv":
            data, reason = _rows_there(data, entry.known, present)
        if not reason:
            _put(wish.output / entry.name, data)
            continue
        left[entry.name] = reason
        if reason not in (RAW, FOLDED):  # an earlier run may have copied it
            (wish.output / entry.name).unlink(missing_ok=True)
    return left


def _copy_data(dataset: Dataset, wish: Wish) -> None:
    """Copy data that a person said may be copied without a look."""
    for entry in dataset.of(Fate.CARRY):
        if entry.known is not None and entry.known.is_data:
            _put(wish.output / entry.name, without_name(_read(entry)))


def data_in(output: Path) -> Present:
    """Return the images and other data that lie in the new dataset."""
    found = (found.name for found in files_below(output) if not found.refused)
    return Present.of(read_name(name.replace("_desc-defaced_", "_")) for name in found)


def description(found: dict[str, Any], wish: Wish) -> dict[str, Any]:
    """Return the new dataset's description: as it was, and who made this of what."""
    by = {"Name": "efface", "Version": __version__, "Description": "Faces removed from head images; each was verified."}
    said = found.get("GeneratedBy")
    listed = said if isinstance(said, list) else []
    earlier = [each for each in listed if isinstance(each, dict) and each.get("Name") != "efface"]
    new = {**found, "GeneratedBy": [*earlier, by]}
    new.setdefault("DatasetType", "raw")  # without it, GeneratedBy makes a validator take it for a derivative
    if wish.layout is Layout.DERIVATIVES:
        new |= {"Name": f"{found.get('Name', 'dataset')}, defaced", "DatasetType": "derivative"}
    if doi := found.get("DatasetDOI"):
        new["SourceDatasets"] = [{"DOI": doi}]
        del new["DatasetDOI"]  # it is the DOI of the dataset this was made from
    return new


def _reason_not_to(known: Name, dataset: Dataset, before: Present, defaced: Present, present: Present) -> str:
    """Say why a file is not copied; nothing if it is."""
    if known.suffix is None:
        return ""
    if known.suffix in LISTS:
        return "" if any(known.entities.items() <= image.entities.items() for image in present.near(known)) else ORPHAN
    if known.suffix in dataset.suffixes:
        if not any(known.applies_to(image) for image in present.near(known)):
            return ORPHAN
        beside = [image for image in defaced.near(known) if image.folder == known.folder]
        return FOLDED if any(known.applies_to(image) for image in beside) else ""
    beside = [image for image in before.near(known) if image.folder == known.folder]
    return "" if not beside or any(_accompanies(known, image) for image in present.near(known)) else ORPHAN


def _accompanies(known: Name, image: Name) -> bool:
    own = {key: value for key, value in known.entities.items() if key not in FREE}
    return image.folder == known.folder and own.items() <= image.entities.items()


def _read(entry: Entry) -> bytes:
    try:
        return entry.path.read_bytes()
    except OSError as error:
        message = f"{entry.name}: cannot be read ({error.strerror}); check its permissions"
        raise InputError(message) from error


def _rows_there(data: bytes, known: Name, present: Present) -> tuple[bytes, str]:
    """Return a table without the rows of what is not there, or why it cannot be told which rows these are."""
    column = LISTS.get(known.suffix or PurePosixPath(known.path).stem)
    lines = data.decode("utf-8", "surrogateescape").splitlines()
    header = [name.strip() for name in lines[0].lstrip("\ufeff").split("\t")] if lines else []
    if column is None and PERSON not in header:
        return data, ""
    if (column or PERSON) not in header:
        return b"", f"a table without the column {column}, so nobody knows of whom its rows are"
    near = present.near(known)
    there = {
        "session_id": {f"ses-{image.session}" for image in near},
        "filename": {PurePosixPath(image.path).relative_to(known.folder).as_posix() for image in near
                     if image.folder.is_relative_to(known.folder)},
    }.get(column or PERSON, {each for label in present.names for each in (label, f"sub-{label}")})  # fmt: skip
    place = header.index(column or PERSON)
    rows = [line for line in lines[1:] if [*line.split("\t"), *[""] * len(header)][place].strip() in there]
    return ("\n".join([lines[0], *rows]) + "\n").encode("utf-8", "surrogateescape"), ""


def _put(path: Path, data: bytes) -> None:
    """Write a file unless it holds these bytes."""
    make_folder(path.parent)
    if not (path.is_file() and path.read_bytes() == data):
        write_whole(path, data, overwrite=True)
