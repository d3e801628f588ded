"""Which DICOM files lie below a folder, and which of them are one series."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from efface.errors import UnreadableImageError, UnsupportedImageError
from efface.io.dicom.headers import Header, read_header
from efface.io.sniff import is_dicom

SAME_DIRECTION = 0.01
"""Direction cosines of parallel images differ by less."""


@dataclass(frozen=True)
class Found:
    """One series below a folder, by its headers alone."""

    uid: str
    """Series Instance UID."""
    study: str
    """Study Instance UID."""
    number: str
    """Series Number, as text."""
    description: str
    """Series Description; may name a person."""
    no_head: str | None
    """Why it cannot be a head MRI, such as a secondary capture; None where it can."""
    paths: tuple[Path, ...]
    """Its files, sorted."""

    def __str__(self) -> str:
        described = f" ({self.description})" if self.description else ""
        images = "1 file" if len(self.paths) == 1 else f"{len(self.paths)} files"
        return f"series {self.number or self.uid}{described}, {images}"


def dicom_files(folder: Path) -> list[Path]:
    """Return all DICOM files below a folder, sorted; told by their beginning, not by their names.

    Raises
    ------
    UnreadableImageError
        The folder, or one below it, cannot be listed.
    """
    return sorted(path for path in _files(folder) if is_dicom(path))


def _files(folder: Path) -> Iterator[Path]:
    for place, _, files in os.walk(folder, onerror=_unlistable):
        yield from (Path(place) / name for name in files)


def _unlistable(error: OSError) -> None:
    message = f"{error.filename}: the folder cannot be listed ({error.strerror}); check its permissions"
    raise UnreadableImageError(message) from error


def find_series(paths: Sequence[Path]) -> tuple[list[Found], dict[Path, UnreadableImageError]]:
    """Sort DICOM files into series.

    Parameters
    ----------
    paths : DICOM files

    Returns
    -------
    found : one for each series, in order of study and number; an index of a disc (DICOMDIR) is none
    broken : files whose headers cannot be read, and why
    """
    members: dict[str, list[tuple[Path, Header]]] = {}
    broken: dict[Path, UnreadableImageError] = {}
    for path in paths:
        try:
            header = read_header(path)
        except UnreadableImageError as error:
            broken[path] = error
            continue
        if header is not None:
            members.setdefault(header.series, []).append((path, header))
    found = [_found([path for path, _ in each], [header for _, header in each]) for each in members.values()]
    return sorted(found, key=lambda one: (one.study, len(one.number), one.number, one.uid)), broken


def _found(paths: Sequence[Path], headers: Sequence[Header]) -> Found:
    first = headers[0]
    reasons = [header.no_head for header in headers if header.no_head is not None]
    if not reasons and _directions(headers) > 1:
        reasons = ["images in several directions, as of a scout"]
    reason = reasons[0] if reasons else None
    return Found(first.series, first.study, first.number, first.description, reason, tuple(paths))


def _directions(headers: Sequence[Header]) -> int:
    """Return in how many directions a series' images lie."""
    found: list[tuple[float, ...]] = []
    for axes in (header.axes for header in headers if header.axes):
        if not any(all(abs(a - b) < SAME_DIRECTION for a, b in zip(axes, other, strict=True)) for other in found):
            found.append(axes)
    return len(found)


def one_series(folder: Path) -> Found:
    """Return the one series below a folder.

    Raises
    ------
    UnreadableImageError
        No DICOM file lies there, or a header cannot be read.
    UnsupportedImageError
        Several series, or one that is no MR image.
    """
    found, broken = find_series(dicom_files(folder))
    for error in broken.values():
        raise error
    if not found:
        message = f"{folder}: a folder without a DICOM image; give a scan (.nii, .nii.gz, .mgz) or a DICOM series"
        raise UnreadableImageError(message)
    if len(found) > 1:
        listed = "; ".join(map(str, found[:6])) + ("; ..." if len(found) > 6 else "")
        message = f"{folder}: {len(found)} series ({listed}); give a folder with one of them"
        raise UnsupportedImageError(message)
    if found[0].no_head is not None:
        message = f"{folder}: {found[0].no_head}; give a series of MR images"
        raise UnsupportedImageError(message)
    return found[0]
