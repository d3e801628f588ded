"""Which scans a study looks at: a table (TSV), or a BIDS dataset."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from efface.errors import UnreadableImageError, UsageError
from efface.study.config import ScanEntry

OWN = ("scan", "path", "participant", "session", "contrast", "cohort", "age", "reference_mask")
"""Columns with a meaning of their own; all others are kept as facts."""
MISSING = {"", "n/a", "na", "nan"}
SUFFIXES = ("T1w", "T2w", "FLAIR", "PDw")
"""BIDS suffixes that are looked at unless the file names others."""
ENTITIES = re.compile(r"(?:^|_)(sub|ses|ce|acq|run)-([A-Za-z0-9]+)")


def scans_of(given: Any, folder: Path) -> tuple[ScanEntry, ...]:
    """Return the scans that ``[scans]`` of a study's file names.

    Parameters
    ----------
    given : ``table = "scans.tsv"``, or ``bids = "dataset"`` and perhaps ``suffixes = ["T1w"]``
    folder : where relative paths start

    Raises
    ------
    UsageError
        Neither or both, an unknown key, no scan, a name or a value that cannot be used.
    UnreadableImageError
        The table, the dataset or an image is not there.
    """
    _check(given)
    if "table" in given:
        scans = tuple(_of_table(folder / given["table"]))
    else:
        scans = tuple(_of_bids(folder / given["bids"], tuple(given.get("suffixes", SUFFIXES))))
    if not scans:
        message = f"[scans]: no scan was found in {given.get('table') or given.get('bids')}"
        raise UsageError(message)
    names = [scan.name for scan in scans]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"[scans]: {', '.join(twice[:3])} is the name of several scans; add a column scan with unique names"
        raise UsageError(message)
    for scan in scans:
        for path in (scan.path, scan.reference_mask):
            if path is not None and not path.is_file():
                message = f"{path}: no such file; check the paths of [scans], which start at the table's folder"
                raise UnreadableImageError(message)
    return scans


def _check(given: Any) -> None:
    """Raise `UsageError` unless ``[scans]`` names a table or a dataset in the right types."""
    types = {"table": str, "bids": str, "suffixes": list}
    good = isinstance(given, Mapping) and ("table" in given) != ("bids" in given)
    if not good or not all(name in types and isinstance(value, types[name]) for name, value in given.items()):
        message = '[scans]: give either table = "scans.tsv" or bids = "dataset" (and perhaps suffixes = ["T1w"])'
        raise UsageError(message)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a table with a heading, separated by tabs; missing values are left out.

    Raises
    ------
    UnreadableImageError
        It is not there or no text.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read ({error}); give a table of text separated by tabs"
        raise UnreadableImageError(message) from error
    try:
        rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    except csv.Error as error:
        message = f"{path}: cannot be read as a table ({error}); give one of text separated by tabs"
        raise UnreadableImageError(message) from error
    return [
        {key: value.strip() for key, value in row.items() if key and value and value.strip().lower() not in MISSING}
        for row in rows
    ]


def _of_table(path: Path) -> Iterator[ScanEntry]:
    for number, row in enumerate(read_rows(path), start=2):
        if "path" not in row or "participant" not in row:
            message = f"{path}, line {number}: columns path and participant are needed; separate columns by tabs"
            raise UsageError(message)
        mask = row.get("reference_mask")
        yield ScanEntry(
            name=_safe(row.get("scan") or _stem(row["path"])),
            path=path.parent / row["path"],
            participant=row["participant"],
            session=row.get("session", ""),
            contrast=row.get("contrast", ""),
            cohort=row.get("cohort", ""),
            age=_age(row.get("age"), f"{path}, line {number}"),
            facts={key: value for key, value in row.items() if key not in OWN},
            reference_mask=path.parent / mask if mask else None,
        )


def _of_bids(dataset: Path, suffixes: tuple[str, ...]) -> Iterator[ScanEntry]:
    if not dataset.is_dir():
        message = f"{dataset}: no such folder; give a BIDS dataset"
        raise UnreadableImageError(message)
    table = dataset / "participants.tsv"
    people = {row.get("participant_id", ""): row for row in read_rows(table)} if table.is_file() else {}
    for path in sorted((*dataset.glob("sub-*/anat/*.nii*"), *dataset.glob("sub-*/ses-*/anat/*.nii*"))):
        stem = _stem(path.name)
        suffix = stem.rpartition("_")[2]
        if suffix not in suffixes:
            continue
        entities = dict(ENTITIES.findall(stem))
        person = people.get(f"sub-{entities.get('sub', '')}", {})
        parts = [entities.get("ses", ""), f"run-{entities['run']}" if "run" in entities else ""]
        yield ScanEntry(
            name=stem,
            path=path,
            participant=f"sub-{entities.get('sub', '')}",
            session="_".join(part for part in parts if part),
            contrast=f"{suffix}-ce" if "ce" in entities else suffix,
            cohort=person.get("cohort", person.get("group", "")),
            age=_age(person.get("age"), str(table)),
            facts={key: value for key, value in person.items() if key not in (*OWN, "participant_id")},
        )


def _age(text: str | None, where: str) -> float | None:
    if text is None:
        return None
    try:
        return 90.0 if text.endswith("+") else float(text)
    except ValueError as error:
        message = f"{where}: age {text!r} is not a number of years; write a number or n/a"
        raise UsageError(message) from error


def _stem(name: str) -> str:
    stem = Path(name).name
    return re.sub(r"\.(nii(\.gz)?|mg[hz](\.gz)?)$", "", stem, flags=re.IGNORECASE)


def _safe(name: str) -> str:
    """Return a name that can be a file's everywhere."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", name).lstrip(".") or "scan"
