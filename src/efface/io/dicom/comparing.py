"""Which attributes differ between two series of the same images."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag

from efface.io.dicom.attributes import MAY_CHANGE, image_type_items, remove_copies
from efface.io.dicom.series import BROKEN, Series, SeriesFile, leniently
from efface.io.dicom.uids import NewUIDs, replace_uids, replacements

GEOMETRY_AND_PIXELS = frozenset(
    (
        *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
        *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated"),
        *("BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept", "PixelPaddingValue"),
        *("Modality", "SOPClassUID"),
    )
)
"""What must be as it was even where headers were cleaned of the person."""
BLANK = "0"
"""What stands for every UID of the series itself."""


def series_differences(one: Series, two: Series) -> tuple[str, ...]:
    """Name the attributes that differ, besides those that every defaced copy changes.

    Where the second series says that the person's identity was removed, only what describes pixels and their place
    is compared.

    Returns
    -------
    names : keywords, or tags of private elements, sorted; ``"files"`` where images are missing, ``"a broken element"``
        where the headers cannot be compared
    """
    try:
        with leniently():
            cleaned = str(two.first.get("PatientIdentityRemoved", "")) == "YES"
            return tuple(sorted(set(_differing(one, two, cleaned=cleaned))))
    except BROKEN:
        return ("a broken element",)


def _differing(one: Series, two: Series, *, cleaned: bool) -> Iterator[str]:
    changes = [dict.fromkeys(replacements(series, NewUIDs("")), BLANK) for series in (one, two)]
    for first, second in zip_longest(_in_order(one), _in_order(two)):
        if first is None or second is None:
            yield "files"
            return
        before, after = (_without(file.dataset, known) for file, known in zip((first, second), changes, strict=True))
        for tag in sorted({*before.keys(), *after.keys()}):
            name = keyword_for_tag(tag) or str(tag)
            judged = name in GEOMETRY_AND_PIXELS if cleaned else name not in MAY_CHANGE
            if judged and not _same(before, after, tag):
                yield name


def _in_order(series: Series) -> list[SeriesFile]:
    """Return the files as their images lie, since cleaned ones have other names."""
    return sorted(series.files, key=lambda file: file.frames[0][::-1])


def _without(dataset: FileDataset, known: dict[str, str]) -> Dataset:
    """Return a copy in which what every defaced copy changes within sequences is blank."""
    copied = copy.deepcopy(dataset)
    replace_uids(copied, known)
    remove_copies(copied)
    for item in image_type_items(copied):
        for name in ("ImageType", "FrameType"):
            item.pop(name, None)
    return copied


def _same(one: Dataset, two: Dataset, tag: BaseTag) -> bool:
    if tag not in one or tag not in two:
        return False
    first: Any = one.get_item(tag)
    second: Any = two.get_item(tag)
    if isinstance(first, RawDataElement) and isinstance(second, RawDataElement) and first.value == second.value:
        return True
    try:
        return bool(one[tag].value == two[tag].value)
    except BROKEN:
        return False
