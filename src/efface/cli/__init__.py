"""The command line. Each command is a file here; errors become one line and an exit status.

Nothing heavy is imported before a command runs, so that ``efface --help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from efface.cli import also, audit, bids, deface, demo, logs, methods, rate, render, study, train, verify
from efface.cli.failures import INTERRUPTED, Failure
from efface.cli.options import Verbose
from efface.version import __version__

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 verified, 1 unexpected error or unwritable output, 2 usage, 3 refused by verification, "
    "4 unreadable input.",
)
app.command("deface")(deface.run)
app.command("verify")(verify.run)
app.command("audit")(audit.run)
app.command("bids")(bids.run)
app.command("render")(render.run)
app.command("rate")(rate.run)
app.command("methods")(methods.run)
app.command("study")(study.run)
app.command("demo")(demo.run)
app.command("train", context_settings=train.PASS_ON)(train.run)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    verbose: Verbose = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Make head MRI safe to share: remove the face, prove that it is gone, and keep the brain whole."""
    if version:
        typer.echo(f"efface {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : what follows the program's name; by default the process's own arguments

    Returns
    -------
    exit_status : see `efface.errors`
    """
    arguments = also.spread(sys.argv[1:] if argv is None else argv)
    with logs.to_stderr():
        try:
            return _run(arguments)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place where any error becomes a line
            return Failure.of(error).report(as_json="--json" in arguments)


def _run(arguments: list[str]) -> int:
    exit_status = int(app(arguments, prog_name="efface", standalone_mode=False) or 0)
    if exit_status == INTERRUPTED:  # typer may turn Ctrl-C into a silent status
        raise KeyboardInterrupt
    return exit_status
