"""``efface audit``: which scans under these paths still show a face?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from efface.cli import answers, options, progress

if TYPE_CHECKING:
    from efface.auditing import Finding

Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Scans, and folders of them.", show_default=False)]
TsvFile = Annotated[
    Path | None, typer.Option("--tsv", metavar="FILE", help="Also write the table to this file.", show_default=False)
]
Report = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Also write a page that can be shared (audit.html): counts and a table, no picture.",
        show_default=False,
        file_okay=False,
    ),
]
PrivateReport = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Also write the page with small renders (audit_private.html). Shows faces: keep it private.",
        show_default=False,
        file_okay=False,
    ),
]
COLUMNS = ("kind", "features", "path", "reason", "notes")


def run(
    paths: Paths,
    tsv: TsvFile = None,
    report: Report = None,
    private_report: PrivateReport = None,
    as_json: options.AsJson = False,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
) -> int:
    """Judge every scan, mask and head surface below some paths by itself, the gravest first.

    Exit status 0 if none shows a face, 3 if one does or cannot be judged, 4 if one cannot be read.

    \b
    efface audit dataset/
    efface audit sub-01/ sub-02/anat/T1w.nii.gz --tsv audit.tsv
    efface audit dataset/ --report audit --private-report private/audit
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    from efface.auditing import audit
    from efface.io.atomic import write_all

    folders = {"report": report, "private_report": private_report}
    _check(tsv, folders, overwrite=overwrite)
    with progress.counted() as count:
        findings = audit(paths, count)
    files = {} if tsv is None else {tsv: _table(findings)}
    write_all(files | _pages(findings, paths, folders), overwrite=overwrite)
    exit_status = _exit_status(findings)
    if as_json:
        more = {**folders, "counts": _counts(findings), "findings": [each.as_dict() for each in findings]}
        answers.say_json(exit_status, None, error=None, **more)
    else:
        _say(findings)
        answers.say_folders(folders)
    return exit_status


def _check(tsv: Path | None, folders: Mapping[str, Path | None], *, overwrite: bool) -> None:
    """Refuse, before any work, what could not be written."""
    from efface.io.atomic import check_output

    if tsv is not None:
        check_output(tsv, None, overwrite)
    if not any(folders.values()):
        return
    from efface.report.audit_files import PAGE, PRIVATE_PAGE, check_apart

    check_apart(folders["report"], folders["private_report"])
    for folder, name in zip(folders.values(), (PAGE, PRIVATE_PAGE), strict=True):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            check_output(folder / name, None, overwrite)


def _pages(findings: Sequence[Finding], paths: Sequence[Path], folders: Mapping[str, Path | None]) -> dict[Path, bytes]:
    """Return the pages that were asked for."""
    report, private_report = folders["report"], folders["private_report"]
    if report is None and private_report is None:
        return {}
    from efface.report.audit_files import private_report_file, report_file

    pages = {} if report is None else report_file(findings, paths, report)
    if private_report is not None:
        with progress.counted() as count:
            pages |= private_report_file(findings, paths, private_report, count)
    return pages


def _exit_status(findings: Sequence[Finding]) -> int:
    from efface.auditing import Kind

    kinds = {each.kind for each in findings}
    return 4 if Kind.UNREADABLE in kinds else 3 if kinds & {Kind.FACE, Kind.UNSURE} else 0


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    return dict(Counter(each.kind.value for each in findings))


def _say(findings: Sequence[Finding]) -> None:
    width = max((len(each.kind.value) for each in findings), default=0)
    for each in findings:
        answers.say(f"{each.kind.value.ljust(width)}  {each.path}: {each.reason}")
        for note in each.notes:
            answers.say(f"{' ' * width}    note: {note}")
    counted = ", ".join(f"{number} {kind}" for kind, number in _counts(findings).items())
    answers.say(counted or "no scans were found under these paths")
    if not findings:
        sys.stderr.write(
            "efface: nothing was judged; give folders or files that hold .nii, .nii.gz, .mgz, .gii or DICOM\n"
        )


def _table(findings: Sequence[Finding]) -> bytes:
    rows = [
        (each.kind.value, ",".join(each.features), str(each.path), each.reason, "; ".join(each.notes))
        for each in findings
    ]
    lines = ["\t".join(" ".join(cell.split()) for cell in row) for row in (COLUMNS, *rows)]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
