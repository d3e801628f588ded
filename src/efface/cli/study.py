"""``efface study``: methods x scans, as the published comparisons did it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from efface.cli import answers, options, progress

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="[CONFIG.toml] OUT_DIR", help="The study's file, and the folder of its results.", show_default=False
    ),
]
Demo = Annotated[bool, typer.Option("--demo", help="Study synthetic people instead; give OUT_DIR alone.")]
People = Annotated[int | None, typer.Option(help="Synthetic people, by default 8.", show_default=False, min=1)]
Workers = Annotated[
    int | None, typer.Option(help="Processes; by default the study file's, or 2.", show_default=False, min=1)
]

NEEDED = ("pandas", "pyarrow", "statsmodels", "matplotlib")


def run(
    paths: Paths,
    demo: Demo = False,
    people: People = None,
    workers: Workers = None,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
) -> int:
    """Compare methods on scans: tables, figures and one page, as three papers did (needs the extra: study).

    The same command again goes on where it was stopped. OUT_DIR holds faces: keep it private.

    \b
    efface study study.toml results
    efface study --demo demo-results --people 3
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    _check(paths, demo=demo, people=people)
    from dataclasses import replace

    from efface.study.reading import load_config
    from efface.study.studying import run_demo, run_study

    with progress.units() as count:
        if demo:
            page = run_demo(paths[0], people or 8, workers or 2, count)
        else:
            config = load_config(paths[0])
            if workers:
                config = replace(config, options=replace(config.options, workers=workers))
            page = run_study(config, paths[1], count)
    if as_json:
        answers.say_json(0, None, report=page, tables=page.parent / "tables")
    else:
        answers.say(
            f"report in {page}; tables in {page.parent / 'tables'}; both tell of the originals: keep them private"
        )
    return 0


def _check(paths: list[Path], *, demo: bool, people: int | None) -> None:
    """Refuse a call that cannot be done, before anything heavy is loaded."""
    from importlib.util import find_spec

    from efface.errors import UsageError

    if len(paths) != (1 if demo else 2):
        message = "give CONFIG.toml OUT_DIR, or --demo OUT_DIR"
        raise UsageError(message)
    if people is not None and not demo:
        message = "--people goes with --demo; a study's file names its own scans"
        raise UsageError(message)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        message = f'a study needs {", ".join(missing)}; install: python -m pip install "efface[study]"'
        raise UsageError(message)
