"""All records as tidy tables: one row per number, each with the scan's columns; in Parquet and TSV."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efface.study.config import ORIGINAL, StudyConfig
from efface.study.ratings import read_ratings
from efface.study.rescan import rescans_of
from efface.study.runner import ready_methods, rescan_path
from efface.study.units import FAILED, read_record, unit_path, write_record
from efface.version import __version__

if TYPE_CHECKING:
    import pandas as pd

UNIT_COLUMNS = (
    "status", "reason", "seconds", "verified", "outcome", "two_criteria", "strict", "face_covered", "visible",
    "partial", "brain_voxels_changed", "brain_tissue_ml", "brain_clearance_mm", "registration_mm", "voxels_mm",
)  # fmt: skip
"""What is known of a whole unit."""
LISTS: Mapping[str, tuple[str, ...]] = {
    "checks": ("name", "passed", "value", "threshold", "unit"),
    "coverage": ("feature", "covered"),
    "dice": ("pipeline", "kind", "structure", "dice"),
    "overlap": ("pipeline", "tissue", "overlap"),
    "measures": ("pipeline", "measure", "value", "unit"),
    "detection": ("detector", "outcome", "view", "confidence", "seen_above", "reason"),
}
"""Tables with several rows for a unit, and their own columns."""


@dataclass(frozen=True, eq=False)
class StudyTables:
    """Everything that a study measured."""

    config: StudyConfig
    """The study."""
    folder: Path
    """Where it lies."""
    frames: Mapping[str, pd.DataFrame] = field(repr=False)
    """Table by name: ``scans``, ``units``, the names of `LISTS`, and ``reference``, ``rescan``, ``problems``,
    ``ratings``."""
    missing_methods: Mapping[str, str] = field(default_factory=dict)
    """Methods that cannot be used here, and why."""

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return a table."""
        return self.frames[name]

    @property
    def methods(self) -> list[str]:
        """Names of methods that deface, in the order of the study's file."""
        used = set(self["units"]["method"])
        return [each.name for each in self.config.methods if not each.yardstick and each.name in used]

    @property
    def yardsticks(self) -> list[str]:
        """Names of other versions of the same image, which keep their face."""
        used = set(self["units"]["method"])
        return [each.name for each in self.config.methods if each.yardstick and each.name in used]


def gather(config: StudyConfig, out: Path) -> StudyTables:
    """Return the tables of everything that was measured so far."""
    import pandas as pd

    methods, missing = ready_methods(config)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("units", *LISTS, "reference", "problems", "rescan")}
    for scan in config.scans:
        for version in (ORIGINAL, *(method.name for method in methods)):
            record = read_record(unit_path(out, scan.name, version))
            if record is not None:
                _add(rows, {**scan.as_row(), "method": version}, record)
    for pair in rescans_of(config):
        record = read_record(rescan_path(out, pair)) or {"status": FAILED, "reason": "not measured yet"}
        common = {**pair.first.as_row(), "pair": pair.name}
        if record["status"] == FAILED:
            rows["problems"].append({**common, "method": "rescan", "problem": record["reason"]})
        failed = dict(record.get("problems") or {})
        rows["problems"] += [
            {**common, "method": "rescan", "problem": f"{name}: {why}"} for name, why in failed.items()
        ]
        rows["rescan"] += [{**common, **row} for row in record.get("dice", ())]
    keys = list(config.scans[0].as_row()) if config.scans else ["scan"]
    columns = _columns(keys)
    frames = {name: pd.DataFrame(found, columns=_wider(columns[name], found)) for name, found in rows.items()}
    frames["scans"] = pd.DataFrame([scan.as_row() for scan in config.scans])
    frames["ratings"] = read_ratings(config.options.ratings)
    return StudyTables(config, out, frames, missing)


def _add(rows: dict[str, list[dict[str, Any]]], common: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    parameters = json.dumps(record.get("parameters", {}), sort_keys=True)
    unit = {name: record.get(name) for name in UNIT_COLUMNS}
    rows["units"].append({**common, **unit, "parameters": parameters})
    for name in LISTS:
        rows[name] += [{**common, **{key: row.get(key) for key in LISTS[name]}} for row in record.get(name) or ()]
    if record.get("reference"):
        rows["reference"].append({**common, **record["reference"]})
    problems = dict(record.get("problems") or {})
    if record["status"] == FAILED:
        problems["unit"] = record["reason"]
    rows["problems"] += [{**common, "problem": f"{name}: {why}"} for name, why in problems.items()]


def _columns(keys: list[str]) -> dict[str, list[str]]:
    common = [*keys, "method"]
    return {
        "units": [*common, *UNIT_COLUMNS, "parameters"],
        **{name: [*common, *columns] for name, columns in LISTS.items()},
        "reference": [*common, "dice", "sensitivity", "hd95_mm"],
        "problems": [*common, "problem"],
        "rescan": [*keys, "pair", "version", *LISTS["dice"]],
    }


def _wider(columns: list[str], rows: list[dict[str, Any]]) -> list[str]:
    """Return columns and, after them, those that only some rows have."""
    return list(dict.fromkeys([*columns, *(key for row in rows for key in row)]))


def write_tables(tables: StudyTables) -> list[Path]:
    """Write every table as Parquet and TSV, and where they come from as JSON; return their paths."""
    folder = tables.folder / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    provenance = {
        "efface": __version__,
        "config_sha256": tables.config.sha256,
        "written": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    paths = []
    for name, frame in tables.frames.items():
        marked = frame.assign(efface=__version__, config_sha256=tables.config.sha256)
        paths += [folder / f"{name}.parquet", folder / f"{name}.tsv"]
        _texts(marked).to_parquet(paths[-2], index=False)
        marked.to_csv(paths[-1], sep="\t", index=False, na_rep="n/a", lineterminator="\n")
    write_record(
        folder / "provenance.json", {**provenance, "tables": {name: len(f) for name, f in tables.frames.items()}}
    )
    return paths


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose columns of mixed values are text, as Parquet wants one type a column."""
    mixed = [name for name in frame.columns if len(set(frame[name].dropna().map(type))) > 1]
    return frame.assign(
        **{name: frame[name].map(lambda value: None if value is None else str(value)) for name in mixed}
    )
