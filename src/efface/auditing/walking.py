"""Find everything under some paths that may show a head."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from efface.errors import UnreadableImageError

if TYPE_CHECKING:
    from efface.io.dicom.folders import Found

IMAGES = (".nii", ".nii.gz", ".mgz", ".mgh", ".mgh.gz")
SURFACES = (".gii", ".gii.gz", ".seghead", ".surf", ".obj", ".stl", ".ply")
"""GIFTI, FreeSurfer's skin of the head, and what efface does not read."""
OTHERS = (
    *(".hdr", ".img", ".img.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".mnc"),
    *(".head", ".brik", ".brik.gz", ".par", ".rec"),
)
"""Formats that efface does not read; they may hold a head all the same."""
DICOM = (".dcm", ".dicom", ".ima")
PREAMBLE = 132
"""A DICOM file without an extension is known by the letters at the end of its first so many bytes."""


class Sort(Enum):
    """How a file is looked at."""

    IMAGE = "image"
    SURFACE = "surface"
    OTHER = "other"
    DICOM = "dicom"
    CLOSED = "closed"
    """A folder that cannot be listed."""


@dataclass(frozen=True)
class Candidate:
    """Something that may show a head."""

    path: Path
    """A file; for DICOM the folder that holds the files."""
    sort: Sort
    """How it is looked at."""
    series: Found | None = None
    """Of DICOM, the series, once files were sorted into series."""


def candidates(paths: Sequence[Path]) -> list[Candidate]:
    """Find what may show a head, in order of their names; no file twice.

    Raises
    ------
    UnreadableImageError
        A path does not exist.
    """
    found: dict[Path, Candidate] = {}
    for path in paths:
        if not path.exists():
            message = f"{path}: no such file or folder; check the path"
            raise UnreadableImageError(message)
        for each in _below(path) if path.is_dir() else [_named(path)]:
            found.setdefault(each.path.resolve(), each)
    return list(found.values())


def _below(folder: Path) -> Iterator[Candidate]:
    """Find what may show a head below a folder; linked folders are looked into too, none of them twice."""
    closed: list[OSError] = []
    seen = {folder.resolve()}
    for place, folders, files in os.walk(folder, onerror=closed.append, followlinks=True):
        folders[:] = [name for name in sorted(folders) if _is_new((Path(place) / name).resolve(), seen)]
        sorts = {name: sort_of(Path(place) / name) for name in sorted(files)}
        if Sort.DICOM in sorts.values():
            yield Candidate(Path(place), Sort.DICOM)
        for name, sort in sorts.items():
            if sort is not None and sort is not Sort.DICOM:
                yield Candidate(Path(place) / name, sort)
    for error in closed:
        yield Candidate(Path(error.filename), Sort.CLOSED)


def _is_new(folder: Path, seen: set[Path]) -> bool:
    """Whether a folder was not looked into yet; from now on it was."""
    new = folder not in seen
    seen.add(folder)
    return new


def _named(path: Path) -> Candidate:
    """Return a file that was named by the user: an image, whatever it is called."""
    return Candidate(path, sort_of(path) or Sort.IMAGE)


def sort_of(path: Path) -> Sort | None:
    """Return how a file is looked at; None if it holds no head by its name and beginning."""
    name = path.name.lower()
    for sort, endings in ((Sort.IMAGE, IMAGES), (Sort.SURFACE, SURFACES), (Sort.OTHER, OTHERS), (Sort.DICOM, DICOM)):
        if name.endswith(endings):
            return sort
    return Sort.DICOM if not path.suffix.strip(".").isalpha() and _begins_as_dicom(path) else None


def _begins_as_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(PREAMBLE)[-4:] == b"DICM"
    except OSError:
        return False
