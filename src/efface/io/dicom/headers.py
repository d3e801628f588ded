"""What the header of one file says that tells which series it is of, and whether that may be a head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import (
    UID,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MediaStorageDirectoryStorage,
    MRImageStorage,
)

from efface.errors import UnreadableImageError
from efface.io.dicom.inflating import check_inflated
from efface.io.dicom.series import BROKEN, leniently, why

MR_IMAGES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
"""SOP classes that may be a head MRI. Secondary captures, screenshots and reports are others."""
TAGS: Any = ["SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID", "SeriesNumber", "SeriesDescription", "ImageType",
             "ImageOrientationPatient"]  # fmt: skip
SCOUT = ("LOCALIZER", "SCOUT", "SURVEY")
"""Values of Image Type that say so."""


@dataclass(frozen=True)
class Header:
    """Plain values of one file's header."""

    series: str
    """Series Instance UID."""
    study: str
    """Study Instance UID."""
    number: str
    """Series Number."""
    description: str
    """Series Description, without what a terminal would act on; may name a person."""
    no_head: str | None
    """Why it cannot be part of a head MRI."""
    axes: tuple[float, ...]
    """Image Orientation of a single-frame image: six direction cosines, or none."""


def read_header(path: Path) -> Header | None:
    """Read the header of a DICOM file.

    Returns
    -------
    header : None of the index of a disc (DICOMDIR)

    Raises
    ------
    UnreadableImageError
        It is truncated or broken, or names no series.
    """
    try:
        with leniently():
            check_inflated(path)
            dataset = dcmread(path, stop_before_pixels=True, specific_tags=TAGS)
            listing = dataset.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage
            header = None if listing else _values(dataset)
    except BROKEN as error:
        message = f"{path}: the DICOM header cannot be read ({why(error)}); copy or export the series again"
        raise UnreadableImageError(message) from error
    if header is not None and not header.series:
        message = f"{path}: the DICOM header names no series; it may be truncated, copy or export the series again"
        raise UnreadableImageError(message)
    return header


def _values(dataset: FileDataset) -> Header:
    axes = dataset.get("ImageOrientationPatient")
    listed = [] if axes is None or isinstance(axes, str) or not hasattr(axes, "__len__") else list(axes)
    return Header(
        series=_text(dataset, "SeriesInstanceUID"),
        study=_text(dataset, "StudyInstanceUID"),
        number=_text(dataset, "SeriesNumber"),
        description=_text(dataset, "SeriesDescription"),
        no_head=_no_head(dataset),
        axes=tuple(float(value) for value in listed) if len(listed) == 6 else (),
    )


def _text(dataset: FileDataset, name: str) -> str:
    value = dataset.get(name)
    shown = "".join(letter if letter.isprintable() else " " for letter in str("" if value is None else value))
    return " ".join(shown.split())


def _no_head(dataset: FileDataset) -> str | None:
    sop_class = _text(dataset, "SOPClassUID")
    if sop_class not in MR_IMAGES:
        return f"{UID(sop_class).name or 'no SOP class'}, not an MR image"
    image_type = dataset.get("ImageType") or ()
    kinds = {str(value).upper() for value in ([image_type] if isinstance(image_type, str) else image_type)}
    return "a scout" if kinds.intersection(SCOUT) else None
