"""The table that `efface rate` opens: which images a study kept for raters."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from efface.io.atomic import write_whole
from efface.study.config import StudyConfig
from efface.study.units import defaced_path

TABLE = "scans.tsv"
COLUMNS = ("scan", "person", "cohort", "method", "original", "defaced")


def write_scans(config: StudyConfig, out: Path) -> None:
    """Write one row for each defaced image that was kept, not for yardsticks; paths start at the study's folder."""
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, escapechar="\\")
    table.writerow(COLUMNS)
    for scan in config.scans:
        original = os.path.relpath(scan.path, out)
        for method in (each for each in config.methods if not each.yardstick):
            image = defaced_path(out, scan, method.name)
            if image.is_file():
                table.writerow(
                    (scan.name, scan.participant, scan.cohort, method.name, original, image.relative_to(out).as_posix())
                )
    write_whole(out / TABLE, text.getvalue().encode(), overwrite=True)
