"""A folder of DICOM studies: what may be heads is defaced, series of a study together; nothing else is copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from efface.batch.attempts import TOGETHER, Member, attempt_all
from efface.errors import DefaceError, InputError, UnreadableImageError, UsageError, VerificationError
from efface.io import header_warnings
from efface.io.atomic import Contents, check_output, reported, write_all
from efface.io.dicom.folders import Found, dicom_files, find_series
from efface.io.dicom.reading import read_files
from efface.io.dicom.writing import series_contents
from efface.io.folders import check_output_folder, fill, staged
from efface.methods import DEFAULT, get_method
from efface.pipeline import Progress, silent
from efface.provenance import claim_of, json_bytes, sidecar
from efface.verdict import Verdict

NOTHING = "nothing was made of it, and nobody said why; please report it"


@dataclass(frozen=True)
class Outcome:
    """What came of one series, or of files that are no series."""

    name: str
    """The series as a person would call it."""
    result: str
    """``"verified"``, ``"refused"``, ``"unreadable"`` or ``"not copied"``."""
    reason: str
    """Why, in one line."""
    exit_status: int = 0
    """What a run with this series alone would end with."""
    verdict: Verdict | None = field(default=None, repr=False)
    """The checks, where it came to them."""
    warnings: tuple[str, ...] = ()
    """What else to look at before it is shared."""

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "series": self.name,
            "result": self.result,
            "reason": self.reason,
            "warnings": list(self.warnings),
            "verdict": self.verdict and self.verdict.as_dict(),
        }


def check_dicom_folder(source: Path, output: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, outputs that cannot or must not be written; see `Outputs.check`."""
    check_output_folder(output, source, overwrite)
    check_output(_sidecar(output), source, overwrite)


def look_over(source: Path) -> tuple[list[Found], list[Outcome]]:
    """Say by the headers what a folder holds.

    Returns
    -------
    heads : series that may be head MRI
    others : what is not copied, and why

    Raises
    ------
    UnreadableImageError
        No DICOM file lies there.
    """
    paths = dicom_files(source)
    found, broken = find_series(paths)
    if not paths:
        message = f"{source}: a folder without DICOM files; give one that holds DICOM studies"
        raise UnreadableImageError(message)
    return [each for each in found if each.no_head is None], list(_others(source, found, broken))


def _others(source: Path, found: list[Found], broken: dict[Path, UnreadableImageError]) -> Iterator[Outcome]:
    for each in found:
        if each.no_head is not None:
            yield Outcome(str(each), "not copied", each.no_head)
    for path, error in broken.items():
        yield Outcome(str(path.relative_to(source)), "unreadable", _reason(error, source), error.exit_status)
    known = len(broken) + sum(len(each.paths) for each in found)
    rest = sum(path.is_file() for path in source.rglob("*")) - known
    if rest:
        yield Outcome("1 other file" if rest == 1 else f"{rest} other files", "not copied", "no DICOM images")


def deface_dicom_folder(
    source: str | Path,
    output: str | Path,
    *,
    clean_headers: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> tuple[Outcome, ...]:
    """Deface every series below a folder that may be a head MRI; those of one study as the images of a session.

    A series that is refused is left out, and the others of its study are done again without it. Verified series are
    written below ``output`` under the same names (with clean headers: under new ones), and ``output.json`` says what
    was done. Refused ones, secondary captures, scouts and other files are not copied. The folder appears at the end,
    whole; if no series is verified, nothing is written.

    Parameters
    ----------
    source : folder with DICOM files, in any order of subfolders
    output : folder to write
    clean_headers : also remove from the headers who the person is (PS3.15, Basic Profile)
    overwrite : replace an existing output
    progress : called with the name of each step as it begins
    **options : method, fill and the method's own parameters; see `efface.plan`

    Returns
    -------
    outcomes : of every series, and of what is no series

    Raises
    ------
    InputError
        The folder holds no DICOM file, or nothing that may be a head.
    UsageError, OutputError
        The call cannot be done, or the output cannot be written.
    """
    source, output = Path(source), Path(output)
    get_method(options.get("method", DEFAULT), **{k: v for k, v in options.items() if k not in ("method", "fill")})
    check_dicom_folder(source, output, overwrite=overwrite)
    heads, others = look_over(source)
    documents: list[dict[str, Any]] = []
    outcomes: list[Outcome] = []
    prefixes = {found.uid: f"series-{number + 1:03d}/" if clean_headers else "" for number, found in enumerate(heads)}
    with reported(output), staged(output) as folder:
        for group in _groups(heads, source, outcomes, progress):
            _attempt(group, {**options, "progress": progress})
            for each in group:
                outcome, written, document = _outcome(each, source, prefixes[each.found.uid], clean_headers)
                fill(folder, written)
                outcomes.append(outcome)
                documents += [document] * (outcome.result == "verified")
        if documents:
            progress("write")
            contents: dict[Path, Contents] = {output: folder, _sidecar(output): json_bytes({"series": documents})}
            write_all(contents, overwrite=overwrite)
    return (*outcomes, *others)


@dataclass
class _Read:
    """A series on its way."""

    found: Found
    """Its files."""
    member: Member
    """Its scan, and what comes of it."""
    error: DefaceError | None = None
    """What went wrong with it and its whole study."""


def _groups(heads: Sequence[Found], source: Path, outcomes: list[Outcome], progress: Progress) -> Iterator[list[_Read]]:
    """Read the series of each study, as many at a time as memory allows; what cannot be read is an outcome."""
    for _, study in groupby(heads, key=lambda each: each.study):
        group: list[_Read] = []
        for found in study:
            progress("read")
            try:
                scan = read_files(found.paths, source)
            except InputError as error:
                outcomes.append(Outcome(str(found), "unreadable", _reason(error, source), error.exit_status))
                continue
            group.append(_Read(found, Member(scan)))
            if sum(each.member.scan.stored.size for each in group) >= TOGETHER:
                yield group
                group = []
        if group:
            yield group


def _attempt(group: Sequence[_Read], options: dict[str, Any]) -> None:
    try:
        attempt_all([each.member for each in group], options, ())
    except UsageError:
        raise
    except DefaceError as error:
        for each in group:
            each.error = error


def _outcome(
    each: _Read, source: Path, prefix: str, clean_headers: bool
) -> tuple[Outcome, dict[str, bytes], dict[str, Any]]:
    """Return what came of a series, its files if it was verified, and what its sidecar says."""
    name, member = str(each.found), each.member
    warnings = header_warnings(member.scan, clean_headers=clean_headers)
    if each.error is not None:
        return Outcome(name, "refused", _reason(each.error, source), each.error.exit_status, None, warnings), {}, {}
    if member.passed is None:
        refusal = member.refusal or VerificationError(NOTHING)
        reason = _found(refusal.verdict) if refusal.verdict else _reason(refusal, source)
        return Outcome(name, "refused", reason, refusal.exit_status, refusal.verdict, warnings), {}, {}
    result = member.passed
    claim = claim_of(result.plan, result.verdict)
    try:
        contents = series_contents(result.scan, claim, clean_headers=clean_headers)
    except DefaceError as error:
        return Outcome(name, "refused", _reason(error, source), error.exit_status, result.verdict, warnings), {}, {}
    written = {prefix + file: data for file, data in contents.items()}
    document = {"files": sorted(written), **sidecar(result.plan, result.verdict, written)}
    return Outcome(name, "verified", _found(result.verdict), 0, result.verdict, warnings), written, document


def _found(verdict: Verdict) -> str:
    """Return the verdict's line without its first word, which is the outcome's."""
    return verdict.summary().partition(": ")[2]


def _reason(error: DefaceError, source: Path) -> str:
    return str(error).removeprefix(f"{source}: ").removeprefix(f"{source}/")


def _sidecar(output: Path) -> Path:
    return output.with_name(output.name + ".json")
