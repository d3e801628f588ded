"""Scan -> anatomy -> plan -> apply -> verify -> report: the whole flow, on one screen."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from efface.anatomy import Anatomy, locate
from efface.deface_plan import DefacePlan, apply_plan
from efface.errors import UsageError, VerificationError
from efface.io import header_warnings, image_of, read_scan
from efface.io.atomic import write_all
from efface.methods import DEFAULT, method_class
from efface.methods.base import traits_of
from efface.outputs import AnyPath, Outputs
from efface.planning import plan
from efface.scan import Scan
from efface.verdict import Verdict
from efface.verification import verify

LOG = logging.getLogger("efface")
STEPS = ("read", "locate", "plan", "apply", "verify", "write")
"""What a progress function is told, in this order, as each step begins."""
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Defaced:
    """Everything that one run found and made."""

    original: Scan
    """The scan as it was read; it shows the face."""
    anatomy: Anatomy
    """What is where in it."""
    plan: DefacePlan
    """What was to change."""
    scan: Scan
    """The defaced scan."""
    verdict: Verdict
    """Whether it may be shared."""


def silent(step: str) -> None:
    """Report no progress."""


def deface_scan(scan: Scan, *, method: str = DEFAULT, progress: Progress = silent, **options: Any) -> Defaced:
    """Deface a scan in memory and judge the result; a failed verdict raises nothing and nothing is written.

    ``options`` are the fill and the method's own parameters; see `efface.plan`.
    """
    progress("locate")
    anatomy = locate(scan)
    progress("plan")
    decided = plan(scan, anatomy, method=method, **options)
    progress("apply")
    result = apply_plan(scan, decided)
    progress("verify")
    return Defaced(scan, anatomy, decided, result, verify(scan, result, anatomy=anatomy, plan=decided))


def deface(
    source: AnyPath | Any,
    output: AnyPath | None = None,
    *,
    mask: AnyPath | None = None,
    plan_file: AnyPath | None = None,
    report: AnyPath | None = None,
    private_report: AnyPath | None = None,
    clean_headers: bool = False,
    overwrite: bool = False,
    write_failed: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> Any:
    """Remove the face from a head scan, verify the result, and write it with its sidecar.

    Parameters
    ----------
    source : path of a NIfTI or MGZ file or of a folder with one DICOM series, or a nibabel image
    output : path to write, a folder for DICOM; needed for a path, refused for an image
    mask : also write the face mask here (NIfTI, one label per region); into ``private_report`` where it shows the face
    plan_file : also write the plan here (.npz); the same
    report : also write a shareable page and picture into this folder
    private_report : also write before and after, and a log that names the input, into this folder; keep it private
    clean_headers : of DICOM: also remove from the headers who the person is (PS3.15, Basic Profile)
    overwrite : replace existing outputs; an input is never replaced
    write_failed : write a refused scan as ``*_FAILED``; it is refused all the same
    progress : called with the name of each step as it begins
    **options : method, fill and the method's own parameters; see `efface.plan`

    Returns
    -------
    result : `Defaced` for a path; a nibabel image of the same class for an image

    Raises
    ------
    InputError
        The source cannot be read.
    UsageError
        The call cannot be done; nothing was started.
    OutputError
        The output cannot be written.
    VerificationError
        The result was refused; nothing was written as if it were fine.
    """
    if not isinstance(source, (str, os.PathLike)):
        return _deface_image(source, output, progress=progress, **options)
    if output is None:
        message = f"no output was named for {source}; give one, such as defaced.nii.gz"
        raise UsageError(message)
    wanted = Outputs.at(output, mask, plan_file, source=source, clean_headers=clean_headers)
    outputs = private_outputs(wanted, options.get("method", DEFAULT), private_report)
    if private_report is not None and Path(private_report) in (path.parent for path in outputs.beside):
        Path(private_report).mkdir(parents=True, exist_ok=True)
    outputs.check(Path(source), overwrite=overwrite, write_failed=write_failed)
    progress("read")
    scan = read_scan(source)
    outputs.check_format(scan)
    for warning in header_warnings(scan, clean_headers=clean_headers):
        LOG.warning("%s", warning)
    result = deface_scan(scan, progress=progress, **options)
    progress("write")
    write_reports(result, Path(source), outputs, report, private_report)
    if not result.verdict.passed:
        if write_failed:
            write_all(outputs.failed.contents(result.scan, result.plan, result.verdict), overwrite=overwrite)
        raise VerificationError(result.verdict.summary(), result.verdict)
    write_all(outputs.contents(result.scan, result.plan, result.verdict), overwrite=overwrite)
    return result


def private_outputs(outputs: Outputs, method: str, private_report: AnyPath | None) -> Outputs:
    """Return where mask and plan go: into the private report's folder if the method's mask follows the face.

    Raises
    ------
    UsageError
        They are asked for and there is no such folder, or no such method.
    """
    if not traits_of(method_class(method)).follows_face:
        return outputs
    return outputs.kept_private(Path(private_report) if private_report is not None else None, method)


def _deface_image(image: Any, output: AnyPath | None, **options: Any) -> Any:
    if output is not None:
        message = f"an image in memory was given, with the output {output}; save what is returned instead"
        raise UsageError(message)
    result = deface_scan(read_scan(image), **options)
    if not result.verdict.passed:
        raise VerificationError(result.verdict.summary(), result.verdict)
    return image_of(result.scan, image)


def write_reports(
    result: Defaced, source: Path, outputs: Outputs, report: AnyPath | None, private_report: AnyPath | None
) -> None:
    """Write the reports that were asked for; a report of an earlier run on the same output is replaced."""
    if report is None and private_report is None:
        return
    from efface.report.files import private_report_files, report_files  # pictures are slow to load and seldom asked for

    name = outputs.stem
    files: dict[Path, bytes] = {}
    if report is not None:
        Path(report).mkdir(parents=True, exist_ok=True)
        files |= report_files(result, name, Path(report))
    if private_report is not None:
        Path(private_report).mkdir(parents=True, exist_ok=True)
        files |= private_report_files(result, name, Path(private_report), source)
    write_all(files, overwrite=True)
