"""What a run would do, need and leave out; no image is read."""

from __future__ import annotations

import csv
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
    path = dataset.root / "participants.tsv"
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    old = [str(row.get("participant_id")) for row in rows if _age(row.get("age")) > OLDEST]
    return tuple(name for name in old if name.removeprefix("sub-") in dataset.participants)


def _age(value: str | None) -> float:
    try:
        return float((value or "").strip().rstrip("+") or "nan")
    except ValueError:
        return float("nan")


def _seconds(work: Path) -> float:
    """Return how long a scan took in earlier runs, else what is usual."""
    records = [each for path in sorted(logs_in(work).glob("*.jsonl")) for each in RunLog(path).last().values()]
    took = [each.seconds for each in records if each.status is Status.VERIFIED]
    return median(took) if took else SECONDS


def _nearest(path: Path) -> Path:
    """Return the nearest folder that is there."""
    return next(each for each in (path.resolve(), *path.resolve().parents) if each.is_dir())
