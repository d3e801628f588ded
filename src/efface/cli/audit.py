"""``efface audit``: which scans under these paths still show a face?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
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
COLUMNS = ("kind", "features", "path", "reason", "notes")


def run(
    paths: Paths,
    tsv: TsvFile = None,
    as_json: options.AsJson = False,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
) -> int:
    """Judge every scan, mask and head surface below some paths by itself, the gravest first.

    Exit status 0 if none shows a face, 3 if one does or cannot be judged, 4 if one cannot be read.

    \b
    efface audit dataset/
    efface audit sub-01/ sub-02/anat/T1w.nii.gz --tsv audit.tsv
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    from efface.auditing import audit
    from efface.io.atomic import check_output, write_whole

    if tsv is not None:
        check_output(tsv, None, overwrite)
    with progress.counted() as count:
        findings = audit(paths, count)
    if tsv is not None:
        write_whole(tsv, _table(findings), overwrite=overwrite)
    exit_status = _exit_status(findings)
    if as_json:
        answers.say_json(exit_status, None, counts=_counts(findings), findings=[each.as_dict() for each in findings])
    else:
        _say(findings)
    return exit_status


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
