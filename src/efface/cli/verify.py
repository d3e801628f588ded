"""``efface verify``: is the face gone, the brain whole, the rest as it was?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from efface.cli import answers, options, progress
from efface.errors import VerificationError

if TYPE_CHECKING:
    from efface.verdict import Check, Verdict

OUTCOMES = {True: "passed", False: "FAILED", None: "not judged"}
HEADINGS = ("", "check", "value", "limit", "unit")


def run(
    original: options.Original,
    defaced: options.Defaced,
    plan: options.PlanGiven = None,
    strict: options.Strict = False,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Judge a defaced scan, made by any tool, against its original.

    The same voxels in another order of axes, cropped or padded are brought back first; interpolated ones are a wrong
    call. Exit status 0 if every check that could be made passed, 3 if one failed.

    \b
    efface verify T1w.nii.gz T1w_defaced.nii.gz
    efface verify T1w.nii.gz T1w_defaced.nii.gz --strict
    efface verify T1w.nii.gz T1w_refaced.nii.gz --plan T1w_plan.npz --json
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    from efface.deface_plan import load_plan
    from efface.io import read_scan
    from efface.verification import verify

    with progress.shown() as show:
        show("read")
        before, after = read_scan(original), read_scan(defaced)
        show("verify")
        verdict = verify(before, after, plan=load_plan(plan) if plan else None, strict=strict)
    if not as_json:
        _say_table(verdict)
    if not verdict.passed:
        raise VerificationError(verdict.summary(), verdict)
    if as_json:
        answers.say_json(0, verdict)
    else:
        answers.say(verdict.summary())


def _say_table(verdict: Verdict) -> None:
    _say_rows(verdict)
    for check in (*verdict.failed, *verdict.not_judged):
        answers.say(f"{OUTCOMES[check.passed]} {check.name}: {check.sentence}")


def _say_rows(verdict: Verdict) -> None:
    rows = [_row(check) for check in verdict.checks]
    if sys.stdout.isatty():
        _say_coloured(rows, verdict)
        return
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    for row in (HEADINGS, *rows):
        answers.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _say_coloured(rows: list[tuple[str, ...]], verdict: Verdict) -> None:
    from rich.console import Console
    from rich.table import Table

    styles = {True: "green", False: "bold red", None: "dim"}
    table = Table(*HEADINGS, box=None, header_style="bold")
    for row, check in zip(rows, verdict.checks, strict=True):
        table.add_row(*row, style=styles[check.passed])
    Console().print(table)


def _row(check: Check) -> tuple[str, ...]:
    value = "-" if check.value is None else f"{check.value:.4g}"
    return OUTCOMES[check.passed], check.name, value, f"{check.threshold:.4g}", check.unit
