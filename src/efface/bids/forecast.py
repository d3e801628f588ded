"""What a run would do, need and leave out; no image is read."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from efface.batch import Where
from efface.batch.records import Status
from efface.batch.runlog import RunLog
from efface.bids.dataset import Dataset, Fate
from efface.bids.layouts import Wish
from efface.bids.running import logs_in
from efface.bids.sidecars import identifying
from efface.threads import cores

SECONDS = 4.0
"""For a head of 1 mm on one core, where no log of this output says it better; see `benchmarks/dataset.py`."""
OLDEST = 89.0
"""HIPAA counts any age above as identifying."""
GROUP = ("89+", "90+", ">89", ">=90")
AGED = re.compile(r"(?i)(?:.*[^a-z])?(?:patient_?)?age(?:[^a-z].*)?$")
"""Names of columns that hold ages."""
YEARS = re.compile(r"(?i)(?P<age>\d+(?:\.\d+)?)\+?(?:\s*-\s*(?P<to>\d+))?\s*(?P<unit>[ym]?)")


@dataclass(frozen=True)
class Forecast:
    """What a run would do."""

    scans: tuple[str, ...]
    """Images that would be defaced."""
    looked_at: tuple[str, ...]
    """Images that would be copied if they show no face."""
    left_out: dict[str, str]
    """Files that would not be copied -> why."""
    minutes: float
    """About how long it would take."""
    needed_gb: float
    """About how much would be written."""
    free_gb: float
    """How much is free there."""
    over_89: tuple[str, ...]
    """Participants whose age is above 89."""
    identifying: dict[str, list[str]]
    """Sidecar -> fields that may lead to a person."""

    def counts(self) -> dict[str, int]:
        """Return how many files are left out for which reason."""
        return dict(Counter(self.left_out.values()))


def foresee(dataset: Dataset, wish: Wish, where: Where) -> Forecast:
    """Say what a run would do."""
    scans, looked = dataset.of(Fate.DEFACE), dataset.of(Fate.LOOK)
    written = [entry for entry in dataset.entries if entry.fate is not Fate.LEAVE]
    workers = where.workers or cores()
    return Forecast(
        scans=tuple(entry.name for entry in scans),
        looked_at=tuple(entry.name for entry in looked),
        left_out={entry.name: entry.reason for entry in dataset.of(Fate.LEAVE)},
        minutes=round((len(scans) + len(looked)) * _seconds(wish.work) / workers / 60, 1),
        needed_gb=round(sum(entry.path.stat().st_size for entry in written) / 1e9, 3),
        free_gb=round(shutil.disk_usage(_nearest(wish.output)).free / 1e9, 1),
        over_89=over_89(dataset),
        identifying=identifying(dataset),
    )


def over_89(dataset: Dataset) -> tuple[str, ...]:
    """Return the participants whose age in ``participants.tsv`` is above 89."""
    old: set[str] = set()
    for entry in dataset.of(Fate.CARRY):
        if entry.name.endswith(".tsv") and entry.known is not None:
            label = entry.known.subject
            old |= {label or name for name, age in _ages(entry.path) if age > OLDEST and (label or name)}
    return tuple(f"sub-{label}" for label in dataset.participants if label in old)


def _ages(path: Path) -> list[tuple[str, float]]:
    """Return the participant's label and every age of each row of a table."""
    try:
        lines = path.read_text("utf-8-sig", "replace").splitlines()
    except OSError:
        return []
    header = [name.strip() for name in lines[0].split("\t")] if lines else []
    aged = [place for place, name in enumerate(header) if AGED.match(name)]
    who = header.index("participant_id") if "participant_id" in header else -1
    found = []
    for line in lines[1:] if aged else ():
        cells = [*line.split("\t"), *[""] * len(header)]
        label = cells[who].strip().removeprefix("sub-") if who >= 0 else ""
        found += [(label, _years(cells[place].strip())) for place in aged]
    return found


def _years(value: str) -> float:
    """Return the greatest age that a cell says, in years; ``89+`` and ``90+`` are the group that such ages form."""
    if value in GROUP:
        return OLDEST
    found = YEARS.match(value)
    if not found:
        return float("nan")
    number = float(found["to"] or found["age"])
    return number / 12 if found["unit"].upper() == "M" else number


def _seconds(work: Path) -> float:
    """Return how long a scan took in earlier runs, else what is usual."""
    records = [each for path in sorted(logs_in(work).glob("*.jsonl")) for each in RunLog(path).last().values()]
    took = [each.seconds for each in records if each.status is Status.VERIFIED]
    return median(took) if took else SECONDS


def _nearest(path: Path) -> Path:
    """Return the nearest folder that is there."""
    return next(each for each in (path.resolve(), *path.resolve().parents) if each.is_dir())
