"""``efface deface FOLDER OUT_FOLDER``: every scan below a folder, keeping relative paths."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efface.cli import answers, progress
from efface.cli.stopping import stopped_politely
from efface.errors import UsageError
from efface.printable import printable

if TYPE_CHECKING:
    from efface.batch import Record, Where
    from efface.batch.folders import Folder


@dataclass(frozen=True)
class Asked:
    """Options that a folder takes apart from those of one scan."""

    of_one_scan: Mapping[str, Any]
    """Options that a folder does not take -> what was given."""
    spread: Mapping[str, Any]
    """Of `efface.batch.Where`: workers, scheduler, queue, memory and time."""
    work_dir: Path | None
    """Where logs go."""

    @property
    def where(self) -> Where:
        """Where the jobs run."""
        from efface.batch import Where

        return Where(**self.spread)


def refuse_options_of_folders(given: Mapping[str, Any], source: Path) -> None:
    """Raise `UsageError` where one scan was given with an option that only a folder takes."""
    for name, value in given.items():
        if value is not None:
            message = f"--{name} is for a folder of NIfTI or MGZ scans, which {source} is not; leave it out"
            raise UsageError(message)


def run(
    source: Path,
    output: Path,
    reports: Mapping[str, Path | None],
    choices: dict[str, Any],
    asked: Asked,
    *,
    as_json: bool,
    dry_run: bool,
    overwrite: bool,
) -> int:
    """Do a folder, or only say what would be done; return the gravest exit status."""
    from efface.batch import exit_status, run_batch
    from efface.batch.folders import read_folder

    for name, value in asked.of_one_scan.items():
        if value:
            message = f"{name} is for one scan; {source} is a folder, leave it out"
            raise UsageError(message)
    where = asked.where
    found = read_folder(source, output, choices, asked.work_dir, (reports["report"], reports["private_report"]),
                        overwrite=overwrite)  # fmt: skip
    if dry_run:
        _say_found(found, as_json=as_json)
        return 0
    with stopped_politely(), progress.tallied() as show:
        records = run_batch(found.jobs, output, found.logs, where, show)
    status = exit_status(records)
    if as_json:
        answers.say_json(status, None, counts=counted(records), scans=[as_dict(record) for record in records],
                         not_followed=dict(found.refused), log=found.logs)  # fmt: skip
        return status
    say_records(records)
    _say_refused(found)
    answers.say(f"log in {found.logs}; do not share it")
    return status


def say_records(records: Sequence[Record]) -> None:
    """Say what did not go well, then the counts."""
    for record in records:
        if record.status.value != "verified":
            answers.say(printable(f"{record.status.value}: {record.source}: {record.message}"))
    answers.say(", ".join(f"{number} {status}" for status, number in counted(records).items()))


def counted(records: Sequence[Record]) -> dict[str, int]:
    """Return how many scans came to what."""
    return dict(Counter(record.status.value for record in records))


def as_dict(record: Record) -> dict[str, Any]:
    """Return a record's JSON values."""
    from dataclasses import asdict

    return asdict(record)


def _say_found(found: Folder, *, as_json: bool) -> None:
    names = [image.source_name for job in found.jobs for image in job.images]
    if as_json:
        answers.say_json(0, None, dry_run=True, scans=names, not_followed=dict(found.refused))
        return
    for name in names:
        answers.say(printable(name))
    _say_refused(found)
    answers.say(f"{len(names)} scans; dry run: nothing was written")


def _say_refused(found: Folder) -> None:
    for name, reason in found.refused:
        sys.stderr.write(f"efface: warning: {printable(name)}: {reason}\n")
