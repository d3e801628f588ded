"""What a study compares: scans, methods, pipelines and options, as values that were checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ORIGINAL = "original"
"""The version of every scan that nothing was taken from."""
NETWORK = "network"
"""The built-in pipeline: the network that finds the brain."""
ATTACKS = ("detection", "surface", "recognition")
"""Face detectors on renders; the surface of the head; a face recogniser on renders."""


@dataclass(frozen=True)
class ScanEntry:
    """One scan and whom it is of."""

    name: str
    """Unique; file names are made of it."""
    path: Path
    """The original image."""
    participant: str
    """Who it is; scans of one participant are compared with one another."""
    session: str = ""
    """When it was taken; two sessions in one contrast make a rescan."""
    contrast: str = ""
    """Such as ``T1w``."""
    cohort: str = ""
    """Outcomes are counted by it."""
    age: float | None = None
    """Years."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Every other column, such as sex, site, scanner, diagnosis, race, location."""
    reference_mask: Path | None = None
    """A face mask that people drew or mended."""

    def as_row(self) -> dict[str, Any]:
        """Return the columns of a table of scans; no path."""
        own = {name: getattr(self, name) for name in ("participant", "session", "contrast", "cohort", "age")}
        return {"scan": self.name, **own, **self.facts}


@dataclass(frozen=True)
class MethodEntry:
    """One way to treat a scan, or where the results of one lie."""

    name: str
    """Unique; what tables and figures call it."""
    method: str = ""
    """Key in `efface.methods.TABLE`; empty for results that were made elsewhere."""
    fill: str = ""
    """What is written; by default what the method's class says."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Of the method."""
    results: str = ""
    """Path of each result, with ``{scan}``, ``{participant}``, ``{session}`` and ``{contrast}``."""
    yardstick: bool = False
    """Another version of the same image that has its face, such as another converter's."""


@dataclass(frozen=True)
class PipelineEntry:
    """One downstream pipeline, or where its results lie."""

    name: str
    """Unique; `NETWORK` is the built-in one."""
    command: str = ""
    """Program and arguments, with ``{input}``, ``{output}`` and, if it writes one, ``{measures}``."""
    results: str = ""
    """Path of a label map made elsewhere, with ``{version}`` and what `MethodEntry.results` knows."""
    measures: tuple[str, ...] = ()
    """Paths of tables or FreeSurfer ``.stats`` files made elsewhere, in the same way."""
    labels: str = "freesurfer"
    """A label table that is shipped, or a path."""
    timeout_s: float = 4 * 3600.0
    """After this a command counts as failed."""


@dataclass(frozen=True)
class MapEntry:
    """Maps in a common space, to be compared voxel by voxel."""

    name: str
    """What they show."""
    path: str
    """Path of each map, with ``{version}`` and what `MethodEntry.results` knows."""
    mask: str = ""
    """Path of a mask; by default every voxel that is finite and not 0 somewhere."""


@dataclass(frozen=True)
class Options:
    """How to run."""

    workers: int = 2
    """Processes."""
    seed: int = 0
    """Of permutations."""
    attacks: tuple[str, ...] = ATTACKS
    """Of `ATTACKS`."""
    attack_contrasts: tuple[str, ...] = ()
    """Contrasts that are attacked; all, if none is named."""
    rescan: bool = True
    """Whether to compare sessions of one participant."""
    permutations: int = 1000
    """Of voxel-wise tests."""
    show_originals: bool = False
    """Whether figures may show faces; the report is then private."""
    keep_images: bool = True
    """Whether defaced images are kept, for raters and other programs."""
    ratings: Path | None = None
    """What raters answered (TSV)."""
    groups: tuple[str, ...] = ("sex", "race", "diagnosis", "location", "site", "scanner")
    """Columns between whose groups coverage is compared."""
    brain_tolerance_ml: float = 0.1
    """Changed brain tissue up to this is put down to the network's borders."""
    untouched_below: float = 0.5
    """A face of which less than this is covered counts as left untouched."""


@dataclass(frozen=True)
class StudyConfig:
    """A study."""

    title: str
    """Heading of the report."""
    scans: tuple[ScanEntry, ...]
    """Every scan."""
    methods: tuple[MethodEntry, ...]
    """Every method."""
    pipelines: tuple[PipelineEntry, ...]
    """Every downstream pipeline."""
    maps: tuple[MapEntry, ...] = ()
    """Maps for voxel-wise tests."""
    options: Options = Options()
    """How to run."""
    synthetic: bool = False
    """Whether nobody is in it."""

    @property
    def sha256(self) -> str:
        """Of everything above; paths included."""
        return fingerprint(asdict(self))


def fingerprint(values: Any) -> str:
    """Return a sha256 of JSON values; paths and others count as their text."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def path_of(template: str, scan: ScanEntry, version: str = "") -> Path:
    """Fill in a path's template."""
    return Path(template.format_map(_names(scan) | {"version": version}))


def _names(scan: ScanEntry) -> dict[str, str]:
    return {
        "scan": scan.name,
        "participant": scan.participant,
        "session": scan.session,
        "contrast": scan.contrast,
    }
