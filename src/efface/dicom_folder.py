"""A folder of DICOM studies: every series that may be a head is defaced alone; nothing else is copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from efface.errors import DefaceError, InputError, UnreadableImageError, UsageError, VerificationError
from efface.io import header_warnings
from efface.io.atomic import Contents, check_output, reported, write_all
from efface.io.dicom.folders import Found, dicom_files, find_series
from efface.io.dicom.reading import read_files
from efface.io.dicom.writing import series_contents
from efface.io.folders import check_output_folder, fill, staged
from efface.methods import DEFAULT, get_method
from efface.pipeline import Defaced, Progress, deface_scan, silent
from efface.provenance import claim_of, json_bytes, sidecar
from efface.verdict import Verdict


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
    """Deface every series below a folder that may be a head MRI; each is decided alone.

    Verified series are written below ``output`` under the same names (with clean headers: under new ones), and
    ``output.json`` says what was done. Refused ones, secondary captures, scouts and other files are not copied. The
    folder appears at the end, whole; if no series is verified, nothing is written.

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
    with reported(output), staged(output) as folder:
        for number, found in enumerate(heads):
            prefix = f"series-{number + 1:03d}/" if clean_headers else ""
            outcome, written, document = _one(found, source, prefix, progress, clean_headers=clean_headers, **options)
            fill(folder, written)
            outcomes.append(outcome)
            documents += [document] * (outcome.result == "verified")
        if documents:
            progress("write")
            contents: dict[Path, Contents] = {output: folder, _sidecar(output): json_bytes({"series": documents})}
            write_all(contents, overwrite=overwrite)
    return (*outcomes, *others)


def _one(
    found: Found, source: Path, prefix: str, progress: Progress, *, clean_headers: bool, **options: Any
) -> tuple[Outcome, dict[str, bytes], dict[str, Any]]:
    """Deface one series: what came of it, its files if it was verified, and what its sidecar says."""
    try:
        progress("read")
        scan = read_files(found.paths, source)
        warnings = header_warnings(scan, clean_headers=clean_headers)
        result: Defaced = deface_scan(scan, progress=progress, **options)
    except UsageError:
        raise
    except DefaceError as error:
        what = "unreadable" if isinstance(error, InputError) else "refused"
        return Outcome(str(found), what, _reason(error, source), error.exit_status), {}, {}
    verdict = result.verdict
    if not verdict.passed:
        status = VerificationError.exit_status
        return Outcome(str(found), "refused", _found(verdict), status, verdict, warnings), {}, {}
    claim = claim_of(result.plan, verdict)
    contents = series_contents(result.scan, claim, clean_headers=clean_headers)
    written = {prefix + name: data for name, data in contents.items()}
    document = {"files": sorted(written), **sidecar(result.plan, verdict, written)}
    return Outcome(str(found), "verified", _found(verdict), 0, verdict, warnings), written, document


def _found(verdict: Verdict) -> str:
    """Return the verdict's line without its first word, which is the outcome's."""
    return verdict.summary().partition(": ")[2]


def _reason(error: DefaceError, source: Path) -> str:
    return str(error).removeprefix(f"{source}: ").removeprefix(f"{source}/")


def _sidecar(output: Path) -> Path:
    return output.with_name(output.name + ".json")
