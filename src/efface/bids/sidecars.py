"""JSON sidecars: what applies to an image, with its values inherited from above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from efface.bids.dataset import Dataset, Entry, Fate
from efface.bids.names import Name
from efface.io.documents import parsed

IDENTIFYING = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientSize", "PatientWeight",
    "OtherPatientIDs", "PatientAddress", "PatientComments", "AccessionNumber", "StudyID", "StudyDate", "SeriesDate",
    "AcquisitionDate", "ContentDate",
    "AcquisitionDateTime", "SeriesInstanceUID", "StudyInstanceUID", "ReferringPhysicianName", "PerformingPhysicianName",
    "OperatorsName", "InstitutionAddress", "DeviceSerialNumber",
)  # fmt: skip
"""Fields that converters write and that may lead to a person; named by ``--dry-run``, never removed."""


Sidecars = Mapping[PurePosixPath, Sequence[Entry]]
"""JSON files of a dataset by the folder they lie in."""


def applicable(image: Name, sidecars: Sidecars, *, beside: bool) -> list[Entry]:
    """Return the sidecars that say something of an image, the least specific first.

    Parameters
    ----------
    image : its name
    sidecars : JSON files of the dataset
    beside : take those of its own folder only
    """
    folders = [image.folder] if beside else [*reversed(image.folder.parents), image.folder]
    found = [
        [e for e in sidecars.get(folder, ()) if e.known is not None and e.known.applies_to(image)] for folder in folders
    ]
    return [entry for level in found for entry in sorted(level, key=lambda e: len(e.known.entities) if e.known else 0)]


def fields_of(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the fields of some sidecars; later ones win. One that is no JSON object says nothing."""
    fields: dict[str, Any] = {}
    for entry in entries:
        fields |= read_fields(entry.path)
    return fields


def read_fields(path: Path) -> dict[str, Any]:
    """Return a sidecar's fields; none if it is no JSON object."""
    try:
        found = parsed(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def sidecars_of(dataset: Dataset) -> dict[PurePosixPath, list[Entry]]:
    """Return all JSON files that may be sidecars, by folder."""
    found: dict[PurePosixPath, list[Entry]] = {}
    for entry in dataset.of(Fate.CARRY):
        if entry.known is not None and entry.known.extension == ".json" and entry.known.suffix:
            found.setdefault(entry.known.folder, []).append(entry)
    return found


def identifying(dataset: Dataset) -> dict[str, list[str]]:
    """Return the fields of each sidecar that may lead to a person."""
    entries = [entry for level in sidecars_of(dataset).values() for entry in level]
    found = {e.name: naming(read_fields(e.path)) for e in entries}
    return {name: keys for name, keys in found.items() if keys}


def naming(fields: Mapping[str, Any]) -> list[str]:
    """Return the names of fields that may lead to a person, those within others too, as some converters nest them."""
    found: list[str] = []
    todo: list[Any] = [fields]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            found += [key for key in value if key in IDENTIFYING and key not in found]
            todo += value.values()
        elif isinstance(value, list):
            todo += value
    return found
