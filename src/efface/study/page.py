"""The report: one self-contained page, every figure also as PNG and SVG, every table also as TSV."""

from __future__ import annotations

import logging
import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from efface.io.atomic import write_whole
from efface.study.analyses.drawing import plain_drawing
from efface.study.analyses.items import Figure, Item, NotRun, Section, Table
from efface.study.methods_text import methods_text
from efface.study.tables import StudyTables
from efface.study.templates import templates
from efface.study.units import DONE, FAILED, REFUSED
from efface.version import __version__

LOG = logging.getLogger("efface")
MOST_ROWS = 60
"""Of a table on the page; the rest is in its file."""
MOST_PROBLEMS = 40
DPI = 130


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    """As it is written."""
    number: bool
    """Whether it stands to the right."""


@dataclass(frozen=True)
class Entry:
    """One item as the page shows it."""

    kind: str
    """``table``, ``figure`` or ``not run``."""
    key: str
    """Anchor."""
    title: str
    """Heading."""
    note: str = ""
    """How to read it."""
    columns: tuple[Cell, ...] = ()
    """Of a table."""
    rows: list[list[Cell]] = field(default_factory=list)
    """Of a table."""
    more: str = ""
    """What was left out of it."""
    uri: str = ""
    """Of a figure, the picture itself."""
    reason: str = ""
    """Why it was not run."""


def write_page(tables: StudyTables, sections: Sequence[Section]) -> Path:
    """Write ``report.html``, ``methods.md``, and a file for every figure and table; return the page's path."""
    text = methods_text(tables, sections)
    write_whole(tables.folder / "methods.md", text.encode(), overwrite=True)
    shown = [
        {"id": f"part-{number}", "title": each.title, "citation": each.citation,
         "entries": [_entry(item, tables.folder) for item in each.items]}
        for number, each in enumerate(sections, start=1)
    ]  # fmt: skip
    not_run = [item for each in sections for item in each.items if isinstance(item, NotRun)]
    not_run += [NotRun(name, f"method {name}", reason) for name, reason in tables.missing_methods.items()]
    problems = [(row.scan, row.method, row.problem) for row in tables["problems"].itertuples()]
    page = templates().get_template("study.html.jinja").render(
        title=tables.config.title,
        summary=_summary(tables),
        lead=_lead(tables),
        sections=shown,
        not_run=not_run,
        problems=problems[:MOST_PROBLEMS],
        more_problems=max(len(problems) - MOST_PROBLEMS, 0),
        methods_text=text,
        facts=_facts(tables),
        private=tables.config.options.show_originals and not tables.config.synthetic,
        version=__version__,
    )  # fmt: skip
    path = tables.folder / "report.html"
    write_whole(path, page.encode(), overwrite=True)
    return path


def _entry(item: Item, folder: Path) -> Entry:
    if isinstance(item, Table):
        return _table(item, folder)
    if isinstance(item, Figure):
        return _figure(item, folder)
    return Entry("not run", item.key, item.title, reason=item.reason)


def _table(item: Table, folder: Path) -> Entry:
    path = _made(folder / "results") / f"{item.key}.tsv"
    write_whole(path, item.frame.to_csv(sep="\t", index=False, na_rep="n/a").encode(), overwrite=True)
    rows = [[_cell(value) for value in row] for row in item.frame.head(MOST_ROWS).itertuples(index=False, name=None)]
    left = len(item.frame) - len(rows)
    more = f"{left} more rows are in results/{path.name}." if left else ""
    heads = tuple(
        Cell(str(name), number=bool(rows) and all(row[place].number for row in rows))
        for place, name in enumerate(item.frame.columns)
    )
    return Entry("table", item.key, item.title, item.note, heads, rows, more)


def _figure(item: Figure, folder: Path) -> Entry:
    """Save a figure; one that cannot be drawn, for whatever reason, must not cost the page."""
    place = _made(folder / "figures")
    try:
        for kind, options in (("png", {"dpi": DPI}), ("svg", {"metadata": {"Date": None}})):
            buffer = BytesIO()
            with plain_drawing():
                item.drawing.savefig(buffer, format=kind, **options)
            write_whole(place / f"{item.key}.{kind}", buffer.getvalue(), overwrite=True)
    except Exception as error:  # it is on the page, a warning, and with -v a traceback
        LOG.warning("%s: %s: %s", item.title, type(error).__name__, error)
        LOG.debug("where it happened", exc_info=True)
        reason = f"it cannot be drawn ({type(error).__name__}: {error}); please report it"
        return Entry("not run", item.key, item.title, reason=reason)
    png = (place / f"{item.key}.png").read_bytes()
    return Entry("figure", item.key, item.title, item.note, uri="data:image/png;base64," + b64encode(png).decode())


def _cell(value: Any) -> Cell:
    if hasattr(value, "item"):
        value = value.item()
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return Cell("–", number=True)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Cell(str(value), number=False)
    return Cell(_number(value), number=True)


def _number(value: float) -> str:
    """Write a number with three digits or more, and a power of ten only where it is tiny or huge."""
    if value == round(value) and abs(value) < 1e9:
        return str(round(value))
    if 100 <= abs(value) < 1e9:
        return f"{value:.1f}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{value:.3g}"


def _summary(tables: StudyTables) -> str:
    people = tables["scans"]["participant"].nunique()
    numbers = {"participant": people, "scan": len(tables["scans"]), "method": len(tables.methods)}
    return ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for word, number in numbers.items())


def _lead(tables: StudyTables) -> str:
    units = tables["units"]
    counts = {name: int((units["status"] == name).sum()) for name in (DONE, REFUSED, FAILED)}
    expected = len(tables["scans"]) * (1 + len(tables.config.methods) - len(tables.missing_methods))
    left = expected - len(units)
    words = [f"{counts[DONE]} units were measured"]
    words += [f"{counts[REFUSED]} times a method gave nothing"] if counts[REFUSED] else []
    words += [f"{counts[FAILED]} failed, see Problems"] if counts[FAILED] else []
    words += [f"{left} are not measured yet: run the same command again"] if left else []
    return "; ".join(words) + "."


def _facts(tables: StudyTables) -> dict[str, str]:
    config = tables.config
    parameters = tables["units"].dropna(subset="parameters").drop_duplicates("method")
    return {
        "efface": __version__,
        "study": f"sha256 of all that its file says, workers too: {config.sha256}",
        "pipelines": ", ".join(pipeline.name for pipeline in config.pipelines),
        "attacks": ", ".join(config.options.attacks) or "none",
        "originals shown": _shown(tables),
        **{f"method {row.method}": str(row.parameters) for row in parameters.itertuples() if row.parameters != "{}"},
        "tables": "tables/*.parquet and tables/*.tsv, one row per number",
    }


def _shown(tables: StudyTables) -> str:
    if not tables.config.options.show_originals:
        return "no"
    return "yes: nobody's, they are synthetic" if tables.config.synthetic else "yes: keep this page private"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
