"""New UIDs, the same each time: no clock and no chance is in them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from efface.io.dicom.series import Series

NAMESPACE = uuid.UUID("f9b1f0a6-6f3c-5c0e-9d3b-6a1b0f3a7c11")
"""Of efface; any UUID would do, but always the same."""
OF_SERIES = ("SeriesInstanceUID", "SOPInstanceUIDOfConcatenationSource", "ConcatenationUID")
"""Besides the instances' own UIDs, what must be new in a copy with other pixels."""
STANDARD = "1.2.840.10008."
"""Root of the UIDs that DICOM itself gives."""
KINDS = ("ClassUID", "SyntaxUID", "SchemeUID")
"""Ends of the names of attributes that say what kind of thing it is."""


@dataclass(frozen=True)
class NewUIDs:
    """UID -> what stands in its place, for one way of making the copy."""

    recipe: str
    """Whatever decides what the copy holds: two different copies of one series must not share UIDs."""

    def __call__(self, uid: str) -> str:
        """Return the new UID: 2.25 and a name-based UUID (PS3.5, B.2)."""
        return f"2.25.{uuid.uuid5(NAMESPACE, f'{self.recipe} {uid}').int}"


def replacements(series: Series, new: NewUIDs) -> dict[str, str]:
    """Return what stands in place of the UIDs of a series and its instances."""
    old = {str(file.dataset.get("SOPInstanceUID", "")) for file in series.files}
    old |= {str(file.dataset.get(name, "")) for file in series.files for name in OF_SERIES}
    return {uid: new(uid) for uid in sorted(old - {""})}


def replace_uids(dataset: Dataset, changes: Mapping[str, str]) -> None:
    """Replace UIDs wherever a dataset holds them, references within sequences included; other elements stay raw."""
    for element in _uid_elements(dataset):
        _replace(element, changes.get)


def all_uids(dataset: Dataset) -> set[str]:
    """Return every UID that a dataset holds anywhere."""
    found: set[str] = set()
    for element in _uid_elements(dataset):
        values = element.value if isinstance(element.value, MultiValue) else [element.value]
        found |= {str(value) for value in values if value}
    return found


def instance_uids(dataset: Dataset) -> set[str]:
    """Return the UIDs of a dataset that are of somebody's images, and not of the standard or of a kind of image."""
    found: set[str] = set()
    for element in _uid_elements(dataset):
        if not element.keyword.endswith(KINDS):
            values = element.value if isinstance(element.value, MultiValue) else [element.value]
            found |= {str(value) for value in values if value and not str(value).startswith(STANDARD)}
    return found


def _uid_elements(dataset: Dataset) -> Iterator[DataElement]:
    for tag in list(dataset.keys()):
        raw = dataset.get_item(tag)
        known = raw is not None and (raw.VR or _known_vr(tag))
        if known == "SQ":
            for item in dataset[tag].value or ():
                yield from _uid_elements(item)
        elif known == "UI":
            yield dataset[tag]


def _known_vr(tag: int) -> str:
    """Return the kind of an element where the file does not say it (implicit VR)."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


def _replace(element: DataElement, change: Callable[[str], str | None]) -> None:
    if isinstance(element.value, MultiValue):
        new = [change(str(value)) or value for value in element.value]
        if new != list(element.value):
            element.value = new
    elif (only := change(str(element.value))) is not None:
        element.value = only
