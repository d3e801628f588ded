"""``efface bids BIDS_DIR OUT_DIR participant|group``: a dataset in, a dataset out."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from efface.cli import answers, options, progress
from efface.cli.folder import as_dict, counted, say_records
from efface.cli.logs import LOG
from efface.cli.stopping import stopped_politely
from efface.errors import UsageError
from efface.printable import printable

if TYPE_CHECKING:
    from efface.bids.dataset import Dataset
    from efface.bids.forecast import Forecast
    from efface.bids.layouts import Wish
    from efface.bids.overview import Overview


class Level(str, Enum):
    """What a BIDS app is asked to do."""

    participant = "participant"
    group = "group"


class LayoutKind(str, Enum):
    """How the output looks; the same as `efface.bids.layouts.Layout`."""

    raw = "raw"
    derivatives = "derivatives"


def _several(help_: str, *names: str, metavar: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=help_, show_default=False)


BidsDir = Annotated[Path, typer.Argument(metavar="BIDS_DIR", help="The dataset; never written to.", show_default=False)]
OutDir = Annotated[
    Path, typer.Argument(metavar="OUT_DIR", help="The new dataset; nothing unverified gets there.", show_default=False)
]
LevelAsked = Annotated[
    Level,
    typer.Argument(help="participant: deface. group: report by risk, and the review queue.", show_default=False),
]
Labels = Annotated[
    list[str] | None,
    _several("Only these participants.", "--participant-label", "--participant_label", metavar="LABEL ..."),
]
AlsoModalities = Annotated[
    list[str] | None,
    _several("Deface images of these datatypes, too, such as pet or func.", "--also-modalities", metavar="TYPE ..."),
]
CarryModalities = Annotated[
    list[str] | None,
    _several("Copy files of these datatypes without a look: you know them.", "--carry-modalities", metavar="TYPE ..."),
]
LayoutAsked = Annotated[
    LayoutKind,
    typer.Option(help="raw: the same names; derivatives: desc-defaced, images only."),
]
Masks = Annotated[bool, typer.Option("--masks", help="Also write face masks (*_defacemask.nii.gz).")]
Accept = Annotated[list[str] | None, _several("Group: share these refused images.", "--accept", metavar="IMAGE ...")]
Reject = Annotated[list[str] | None, _several("Group: never share these.", "--reject", metavar="IMAGE ...")]
By = Annotated[str, typer.Option(metavar="NAME", help="Group: who decides.", show_default=False)]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Group: why.", show_default=False)]


def run(
    bids_dir: BidsDir,
    out_dir: OutDir,
    level: LevelAsked,
    participant_label: Labels = None,
    method: options.Method = options.DEFAULT_METHOD,
    fill: options.FillWith = None,
    extent: options.Extent = None,
    keep: options.Keep = None,
    clearance_mm: options.ClearanceMm = None,
    layout: LayoutAsked = LayoutKind.raw,
    masks: Masks = False,
    also_modalities: AlsoModalities = None,
    carry_modalities: CarryModalities = None,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    queue: options.BatchSystem = None,
    memory: options.Memory = options.DEFAULT_MEMORY,
    time_limit: options.TimeLimit = options.DEFAULT_TIME_LIMIT,
    work_dir: options.WorkDir = None,
    accept: Accept = None,
    reject: Reject = None,
    by: By = "",
    reason: Reason = "",
    as_json: options.AsJson = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
) -> int:
    """Deface a BIDS dataset into a new one; what is refused waits for a person, outside of it.

    Every anatomical image is defaced, the images of a session together. Other images are copied if they show no face,
    and what belongs to them with them.

    \b
    efface bids raw/ shared/ participant --dry-run
    efface bids raw/ shared/ participant --participant-label 01 02 --workers 4
    efface bids raw/ shared/ group
    efface bids raw/ shared/ group --accept sub-01/anat/sub-01_T1w.nii.gz --by "A. Person" --reason "no face in view"
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    from efface.batch import Where
    from efface.batch.trees import check_apart, work_folder
    from efface.bids.dataset import read_dataset
    from efface.bids.layouts import Layout, Wish
    from efface.cli.deface_choices import choices as chosen

    asked = {
        "extent": extent and extent.value,
        "keep": tuple(part.value for part in keep) if keep else None,
        "clearance_mm": clearance_mm,
    }
    choices = chosen(method, fill and fill.value, asked, ())
    where = Where(workers, scheduler, queue and queue.value, memory, time_limit_min=time_limit)
    check_apart(bids_dir, out_dir)
    work = work_folder(out_dir, work_dir)
    check_apart(bids_dir, work)
    wish = Wish(out_dir, work, choices, Layout(layout.value), masks,
                overwrite)  # fmt: skip
    decisions = {"--accept": accept, "--reject": reject, "--by": by, "--reason": reason}
    _check_level(level, decisions, dry_run=dry_run)
    dataset = read_dataset(bids_dir, participant_label or (), also_modalities or (), carry_modalities or ())
    if level is Level.group:
        _warn_of_ages(dataset)
        return _group(dataset, wish, accept or [], reject or [], by, reason, as_json=as_json)
    if dry_run:
        from efface.bids.forecast import foresee

        _say_forecast(foresee(dataset, wish, where), as_json=as_json)
        return 0
    _warn_of_ages(dataset)
    return _participants(dataset, wish, where, as_json=as_json)


def _warn_of_ages(dataset: Dataset) -> None:
    from efface.bids.forecast import over_89

    if old := over_89(dataset):
        LOG.warning("%s: older than 89; such ages are copied as they are, give them as one group before sharing",
                    printable(", ".join(old)))  # fmt: skip


def _check_level(level: Level, decisions: dict[str, Any], *, dry_run: bool) -> None:
    if level is Level.group and dry_run:
        message = "--dry-run is for participant; group only reads logs"
        raise UsageError(message)
    given = [name for name, value in decisions.items() if value]
    if level is Level.participant and given:
        message = f"{given[0]} decides about what was refused; give it with group"
        raise UsageError(message)


def _participants(dataset: Dataset, wish: Wish, where: Any, *, as_json: bool) -> int:
    from efface.batch import exit_status
    from efface.bids.running import run_participants

    with stopped_politely(), progress.tallied() as show:
        outcome = run_participants(dataset, wish, where, show)
    status = exit_status(outcome.records)
    if as_json:
        scans = [as_dict(record) for record in outcome.records]
        answers.say_json(status, None, counts=counted(outcome.records), scans=scans, left_out=outcome.left_out)
        return status
    say_records(outcome.records)
    answers.say(f"{len(outcome.left_out)} other files were left out; efface bids ... group lists them, and why")
    answers.say(f"logs, and pictures of what was refused, in {wish.work}; do not share it")
    return status


def _group(
    dataset: Dataset, wish: Wish, accept: list[str], reject: list[str], by: str, reason: str, *, as_json: bool
) -> int:
    from efface.bids.overview import look_over, records_in, write_overview
    from efface.bids.review import Verb, decide

    for names, verb in ((accept, Verb.ACCEPT), (reject, Verb.REJECT)):
        if names:
            decide(names, verb, by, reason, records_in(wish.work, dataset), wish.output, wish.work)
    overview = look_over(dataset, wish)
    paths = write_overview(overview, str(dataset.description.get("Name", "dataset")), wish.work)
    if as_json:
        rows = [row.as_dict() for row in overview.rows]
        answers.say_json(overview.exit_status, None, counts=overview.counts(), images=rows,
                         left_out=dict(overview.left_out))  # fmt: skip
    else:
        _say_overview(overview, paths)
    return overview.exit_status


def _say_overview(overview: Overview, paths: list[Path]) -> None:
    from efface.bids.overview import STRAY

    for row in overview.rows:
        if row.status in ("error", "refused", "unreadable"):
            answers.say(printable(f"{row.status}: {row.record.output}: {row.record.message}"))
    for name, reason in overview.left_out.items():
        if reason == STRAY:
            answers.say(printable(f"unverified: {name}: {reason}"))
    answers.say(
        ", ".join(f"{number} {status}" for status, number in overview.counts().items()) or "no images were done"
    )
    answers.say(f"wrote {', '.join(map(str, paths))}; do not share them")


def _say_forecast(forecast: Forecast, *, as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

        answers.say_json(0, None, dry_run=True, **asdict(forecast))
        return
    for name in forecast.scans:
        answers.say(f"deface   {printable(name)}")
    for name in forecast.looked_at:
        answers.say(f"look at  {printable(name)}")
    for name, reason in forecast.left_out.items():
        answers.say(f"leave    {printable(name)}: {reason}")
    for name in forecast.over_89:
        answers.say(f"warning  {printable(name)} is older than 89; give such ages as one group before sharing")
    for name, keys in forecast.identifying.items():
        answers.say(f"warning  {printable(name)} has fields that may lead to a person: {', '.join(keys)}")
    answers.say(
        f"{len(forecast.scans)} scans, {len(forecast.looked_at)} to look at, {len(forecast.left_out)} files left out; "
        f"about {forecast.minutes:.0f} min, {forecast.needed_gb:.2f} GB of {forecast.free_gb:.0f} GB free"
    )
    answers.say("dry run: nothing was written")
