"""The participant level: deface what shows a head, then copy what belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from efface.batch import Record, Tally, Where, run_batch
from efface.batch.engine import silent
from efface.bids.dataset import Dataset, Fate
from efface.bids.finishing import finish
from efface.bids.layouts import Wish, jobs_of
from efface.errors import InputError


@dataclass(frozen=True)
class Outcome:
    """What came of some participants."""

    records: tuple[Record, ...]
    """Of every image."""
    left_out: dict[str, str]
    """Files that are not in the new dataset -> why; images that were refused are in ``records``."""


def run_participants(dataset: Dataset, wish: Wish, where: Where, progress: Callable[[Tally], None] = silent) -> Outcome:
    """Deface a dataset's participants and bring the new dataset up to date.

    Raises
    ------
    InputError
        There is no image.
    DefaceError
        The run as a whole cannot go on; what came of single scans is in their records.
    """
    jobs = jobs_of(dataset, wish)
    if not jobs:
        message = (
            f"{dataset.root}: holds no anatomical image that the BIDS standard knows; --dry-run says what there is"
        )
        raise InputError(message)
    records = run_batch(jobs, wish.output, logs_in(wish.work), where, progress)
    left = {entry.name: entry.reason for entry in dataset.of(Fate.LEAVE)}
    return Outcome(tuple(records), left | finish(dataset, wish))


def logs_in(work: Path) -> Path:
    """Return the folder of the logs, one for each participant."""
    return work / "logs"
