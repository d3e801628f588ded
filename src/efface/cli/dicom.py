"""``efface deface FOLDER OUT_FOLDER`` where the folder holds several DICOM series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efface.cli import answers, progress
from efface.cli.logs import LOG
from efface.errors import UsageError

if TYPE_CHECKING:
    from efface.dicom_folder import Outcome


def holds_series(folder: Path) -> bool:
    """Whether a folder holds a DICOM file; files are told by their content."""
    from efface.io.sniff import holds_dicom

    return holds_dicom(folder)


def holds_several_series(folder: Path) -> bool:
    """Whether a folder holds DICOM files of more than one series."""
    if not folder.is_dir() or not holds_series(folder):
        return False
    from efface.io.dicom import require

    require(folder)
    from efface.io.dicom.folders import dicom_files, find_series

    return len(find_series(dicom_files(folder))[0]) > 1


def run(
    source: Path,
    output: Path,
    choices: dict[str, Any],
    unfit: Mapping[str, object],
    *,
    clean_headers: bool,
    as_json: bool,
    dry_run: bool,
    overwrite: bool,
) -> int:
    """Deface every series that may be a head, say one line for each, and return the exit status.

    Raises
    ------
    UsageError
        An option that makes sense for one series only.
    """
    for name, given in unfit.items():
        if given:
            message = (
                f"{name} is for one series, {source} holds several; leave it out, or give the folder of one series"
            )
            raise UsageError(message)
    if dry_run:
        return _say_dry(source, output, as_json=as_json, overwrite=overwrite)
    from efface.dicom_folder import deface_dicom_folder

    with progress.shown() as show:
        outcomes = deface_dicom_folder(
            source, output, clean_headers=clean_headers, overwrite=overwrite, progress=show, **choices
        )
    return _say(outcomes, output, as_json=as_json)


def _say(outcomes: Sequence[Outcome], output: Path, *, as_json: bool) -> int:
    counts = Counter(each.result for each in outcomes)
    status = _gravest(outcomes)
    written = output if counts["verified"] else None
    counted = ", ".join(f"{number} {result}" for result, number in counts.items())
    error = f"{counted}; see the lines above" if status else None
    if as_json:
        described = [each.as_dict() for each in outcomes]
        answers.say_json(status, None, error=error, output=written, series=described)
    else:
        _say_lines(outcomes)
        answers.say(f"wrote {output}, {output}.json" if written else "nothing was written")
    if error is not None:
        LOG.error("%s", error)
    return status


def _say_lines(outcomes: Sequence[Outcome]) -> None:
    width = max(len(each.result) for each in outcomes)
    for each in outcomes:
        answers.say(f"{each.result.ljust(width)}  {each.name}: {each.reason}")
        for warning in each.warnings:
            LOG.warning("%s: %s", each.name, warning)


def _gravest(outcomes: Sequence[Outcome]) -> int:
    """Return the exit status of the gravest: 1, then 4, then 3; 4 if nothing could be a head."""
    if not any(each.result in ("verified", "refused") for each in outcomes):
        return 4
    found = {each.exit_status for each in outcomes}
    return next((status for status in (1, 4, 3) if status in found), 0)


def _say_dry(source: Path, output: Path, *, as_json: bool, overwrite: bool) -> int:
    from efface.dicom_folder import check_dicom_folder, look_over

    check_dicom_folder(source, output, overwrite=overwrite)
    heads, others = look_over(source)
    if as_json:
        series = [{"series": str(each), "result": "to be defaced"} for each in heads]
        more: dict[str, Any] = {"series": [*series, *(each.as_dict() for each in others)]}
        answers.say_json(0, None, dry_run=True, **more)
        return 0
    for each in heads:
        answers.say(f"to be defaced  {each}")
    for other in others:
        answers.say(f"{other.result.ljust(13)}  {other.name}: {other.reason}")
    answers.say("dry run: nothing was written")
    return 0
