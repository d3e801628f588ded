"""Which DICOM files lie below a folder, and which of them are one series."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.uid import (
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MediaStorageDirectoryStorage,
    MRImageStorage,
)

from efface.errors import UnreadableImageError, UnsupportedImageError
from efface.io.dicom.series import BROKEN, leniently, why
from efface.io.sniff import is_dicom

MR_IMAGES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
"""SOP classes that may be a head MRI. Secondary captures, screenshots and reports are others."""
TAGS: Any = [
    "SOPClassUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "Modality",
    "ImageType",
    "ImageOrientationPatient",
]
SAME_DIRECTION = 0.01
"""Direction cosines of parallel images differ by less."""
SCOUT = ("LOCALIZER", "SCOUT", "SURVEY")
"""Values of Image Type that say so."""


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
    sorted_by: dict[str, list[tuple[Path, Any]]] = {}
    broken: dict[Path, UnreadableImageError] = {}
    for path in paths:
        try:
            header = _header(path)
        except UnreadableImageError as error:
            broken[path] = error
            continue
        if header.file_meta.get("MediaStorageSOPClassUID") != MediaStorageDirectoryStorage:
            sorted_by.setdefault(str(header.SeriesInstanceUID), []).append((path, header))
    found = [_found(uid, members) for uid, members in sorted_by.items()]
    return sorted(found, key=lambda one: (one.study, len(one.number), one.number, one.uid)), broken


def _header(path: Path) -> Any:
    try:
        with leniently():
            header = dcmread(path, stop_before_pixels=True, specific_tags=TAGS)
            for name in TAGS:
                header.get(name)  # broken values are met here, not later
    except BROKEN as error:
        message = f"{path}: the DICOM header cannot be read ({why(error)}); copy or export the series again"
        raise UnreadableImageError(message) from error
    listed = header.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage
    if not listed and not header.get("SeriesInstanceUID"):
        message = f"{path}: the DICOM header names no series; it may be truncated, copy or export the series again"
        raise UnreadableImageError(message)
    return header


def _found(uid: str, members: Sequence[tuple[Path, Any]]) -> Found:
    first = members[0][1]
    reasons = [reason for _, header in members if (reason := _no_head(header)) is not None]
    if not reasons and _directions([header for _, header in members]) > 1:
        reasons = ["images in several directions, as of a scout"]
    return Found(
        uid=uid,
        study=str(first.get("StudyInstanceUID", "")),
        number=str(first.get("SeriesNumber", "") or ""),
        description=str(first.get("SeriesDescription", "") or ""),
        no_head=reasons[0] if reasons else None,
        paths=tuple(path for path, _ in members),
    )


def _no_head(header: Any) -> str | None:
    """Return why a file cannot be part of a head MRI."""
    sop_class = header.get("SOPClassUID")
    if sop_class not in MR_IMAGES:
        return f"{getattr(sop_class, 'name', None) or 'no SOP class'}, not an MR image"
    image_type = header.get("ImageType") or ()
    kinds = {str(value).upper() for value in ([image_type] if isinstance(image_type, str) else image_type)}
    if kinds.intersection(SCOUT):
        return "a scout"
    return None


def _directions(headers: Sequence[Any]) -> int:
    """Return in how many directions a series' images lie."""
    found: list[Any] = []
    for header in headers:
        axes = header.get("ImageOrientationPatient")
        if axes is None or isinstance(axes, str) or len(axes) != 6:
            continue
        numbers = [float(value or 0) for value in axes]
        if not any(all(abs(a - b) < SAME_DIRECTION for a, b in zip(numbers, other, strict=True)) for other in found):
            found.append(numbers)
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
