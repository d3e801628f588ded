"""The whole study: measure, gather, analyse, show."""

from __future__ import annotations

import os
from pathlib import Path

from efface.batch.locks import locked
from efface.study.analyses import analyse
from efface.study.config import StudyConfig
from efface.study.demo import demo_config
from efface.study.page import write_page
from efface.study.rated import write_scans
from efface.study.ratings import read_ratings
from efface.study.runner import Progress, run_units, silent
from efface.study.simulated_raters import write_simulated_ratings
from efface.study.tables import gather, write_tables

SCOPE = "study"
"""Name of the lock: one run at a time in a folder."""


def run_study(config: StudyConfig, out: str | os.PathLike[str], progress: Progress = silent) -> Path:
    """Run a study, or what is left of it.

    Parameters
    ----------
    config : what `efface.study.load_config` read
    out : folder of the results; made if needed. It holds faces: keep it private
    progress : told after each scan

    Returns
    -------
    report : path of the page

    Raises
    ------
    UsageError
        The ratings cannot be read, or another run is at work in the folder.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    read_ratings(config.options.ratings)  # a mistake in it is told now, not after hours
    with locked(folder, [SCOPE]):
        run_units(config, folder, progress)
        return show(config, folder)


def run_demo(out: str | os.PathLike[str], people: int = 8, workers: int = 2, progress: Progress = silent) -> Path:
    """Run the demonstration on synthetic people, whose raters are simulated too; see `run_study`."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, [SCOPE]):
        config = demo_config(folder, people, workers=workers)
        run_units(config, folder, progress)
        write_simulated_ratings(config, folder)
        return show(config, folder)


def show(config: StudyConfig, folder: Path) -> Path:
    """Make tables, figures and the page of what was measured so far, and what raters open; return the page's path."""
    write_scans(config, folder)
    tables = gather(config, folder)
    write_tables(tables)
    return write_page(tables, analyse(tables))
