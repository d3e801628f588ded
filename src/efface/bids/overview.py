"""The group level: every image of a dataset by risk, what waits for a person, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from efface.auditing.walking import DICOM, IMAGES, OTHERS, SURFACES
from efface.batch.records import EXIT_STATUS, Record, Status
from efface.batch.runlog import RunLog, stamp
from efface.batch.trees import files_below
from efface.bids.dataset import Dataset, Fate
from efface.bids.finishing import finish
from efface.bids.layouts import Wish
from efface.bids.review import Decision, decisions_in
from efface.bids.running import logs_in
from efface.io.atomic import write_all
from efface.outputs import stem
from efface.provenance import json_bytes
from efface.version import __version__

RISK = ("error", "refused", "unreadable", "accepted", "rejected", "verified")
"""The gravest first: what nobody has decided, then what a person let pass."""
STRAY = "lies in the new dataset, and nobody verified it; remove it"
CHANGED = "it was verified, and is gone or was changed since; run participant again"
COLUMNS = ("status", "image", "closest_check", "margin", "how", "message", "decided_by", "decided", "reason", "notes")
REVIEW = ("image", "status", "message", "tried", "look_at", "decided_by", "decided", "reason")


@dataclass(frozen=True)
class Row:
    """One image."""

    record: Record
    """What came of it."""
    decision: Decision | None
    """What a person decided, if it was refused."""

    @property
    def status(self) -> str:
        """As in `RISK`."""
        return self.decision.verb.value if self.decision else self.record.status.value

    @property
    def closest(self) -> tuple[str, float | None]:
        """The check that passed most narrowly, and how far from its limit it was, as a share of the limit."""
        margins = {
            str(check["name"]): abs(check["value"] - check["threshold"]) / abs(check["threshold"])
            for check in self.record.checks
            if check["passed"] and check["threshold"] and check["value"] is not None
        }
        name = min(margins, key=lambda each: margins[each], default="")
        return name, round(margins[name], 4) if name else None

    def as_dict(self) -> dict[str, Any]:
        """Return what the report says of it."""
        name, margin = self.closest
        decided = self.decision
        return {
            "status": self.status, "image": self.record.output, "closest_check": name, "margin": margin,
            "how": self.record.how, "message": self.record.message, "tried": list(self.record.tried),
            "decided_by": decided.by if decided else "", "decided": decided.time if decided else "",
            "reason": decided.reason if decided else "", "notes": list(self.record.notes),
        }  # fmt: skip


@dataclass(frozen=True)
class Overview:
    """A dataset at a glance."""

    rows: tuple[Row, ...]
    """Every image, the riskiest first."""
    left_out: Mapping[str, str]
    """Other files that are not in the new dataset -> why."""

    @property
    def exit_status(self) -> int:
        """The gravest of what no person has decided."""
        open_ = {row.status for row in self.rows} | {"refused" for reason in self.left_out.values() if reason == STRAY}
        return next((number for status, number in EXIT_STATUS.items() if status.value in open_), 0)

    def counts(self) -> dict[str, int]:
        """Return how many images came to what."""
        return {status: n for status in RISK if (n := sum(row.status == status for row in self.rows))}


def records_in(work: Path, dataset: Dataset) -> list[Record]:
    """Return the last record of every image of a dataset's participants."""
    books = [RunLog(logs_in(work) / f"sub-{label}.jsonl") for label in dataset.participants]
    return [record for book in books for record in book.last().values()]


def look_over(dataset: Dataset, wish: Wish) -> Overview:
    """Gather what came of a dataset, and bring its other files up to date."""
    decisions = decisions_in(wish.work)
    records = [_as_it_lies(record, wish.output) for record in records_in(wish.work, dataset)]
    rows = [Row(record, _of(record, decisions)) for record in records]
    left = {entry.name: entry.reason for entry in dataset.entries if entry.reason} | finish(dataset, wish)
    return Overview(tuple(sorted(rows, key=_risk)), left | dict.fromkeys(_strays(dataset, wish, rows), STRAY))


def _as_it_lies(record: Record, output: Path) -> Record:
    """Return a record; an error if what it says was verified is gone from the new dataset, or of another size."""
    if record.status is not Status.VERIFIED or stamp(output / record.output)[0] == record.size:
        return record
    return replace(record, status=Status.ERROR, message=CHANGED)


def _strays(dataset: Dataset, wish: Wish, rows: Sequence[Row]) -> Iterator[str]:
    """Give the images in the new dataset that nobody answers for: of a participant who left, or put there by hand."""
    known = {entry.name for entry in dataset.of(Fate.CARRY)}
    for row in rows:
        if row.status in ("verified", "accepted"):
            folder = Path(row.record.output).parent
            known |= {row.record.output, *((folder / name).as_posix() for name in row.record.beside)}
    for found in files_below(wish.output):
        other = found.name.split("/", 1)[0].removeprefix("sub-") in dataset.others
        if found.name.lower().endswith((*IMAGES, *SURFACES, *OTHERS, *DICOM)) and found.name not in known and not other:
            yield found.name


def write_overview(overview: Overview, title: str, work: Path) -> list[Path]:
    """Write the report and the review queue into the work folder.

    Returns
    -------
    paths : ``report.tsv``, ``report.json``, ``report.html`` and ``review.tsv``
    """
    from efface.report.dataset import dataset_page

    rows = [row.as_dict() for row in overview.rows]
    queue = [_in_queue(row) for row in overview.rows if row.record.status is Status.REFUSED]
    document = {"efface": __version__, "counts": overview.counts(), "images": rows, "left_out": dict(overview.left_out)}
    page = dataset_page(title=title, counts=overview.counts(), rows=rows, left_out=overview.left_out)
    files = {
        work / "report.tsv": _tsv(COLUMNS, rows),
        work / "report.json": json_bytes(document),
        work / "report.html": page.encode("utf-8", "backslashreplace"),
        work / "review.tsv": _tsv(REVIEW, queue),
    }
    write_all(files, overwrite=True)
    return list(files)


def _of(record: Record, decisions: Mapping[str, Decision]) -> Decision | None:
    """Return what was decided about this very result."""
    found = decisions.get(record.output)
    return found if found and record.status is Status.REFUSED and found.kept == record.kept else None


def _risk(row: Row) -> tuple[int, float, str]:
    margin = row.closest[1]
    return RISK.index(row.status), margin if margin is not None else -1.0, row.record.output


def _in_queue(row: Row) -> dict[str, Any]:
    tried = "; ".join(f"{each['attempt']}: {each['message']}" for each in row.record.tried)
    output = Path(row.record.output)
    page = Path("review") / output.parent / f"{stem(output)}_private.html"
    return {**row.as_dict(), "tried": tried, "look_at": page.as_posix() if row.record.kept else ""}


def _tsv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    lines = ["\t".join(columns), *("\t".join(_cell(row[column]) for column in columns) for row in rows)]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def _cell(value: Any) -> str:
    text = "; ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return " ".join(text.split())
