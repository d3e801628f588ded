"""The review queue: what was refused, and which person decided what about it, when and why."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any

from efface.batch.defacing import DEIDENTIFICATION, refused_path
from efface.batch.locks import locked
from efface.batch.records import Record, Status
from efface.batch.writing import write_new
from efface.errors import OutputError, UsageError
from efface.io.documents import parsed
from efface.outputs import Outputs
from efface.provenance import json_bytes


class Verb(str, Enum):
    """What a person can decide."""

    ACCEPT = "accepted"
    REJECT = "rejected"


@dataclass(frozen=True)
class Decision:
    """What a person decided about one image that was refused."""

    name: str
    """The image, below the new dataset."""
    verb: Verb
    """What was decided."""
    by: str
    """Who decided."""
    reason: str
    """Why."""
    time: str
    """When, UTC."""
    kept: str | None
    """Checksum of the result that was looked at: a decision about it says nothing of another."""


def decisions_in(work: Path) -> dict[str, Decision]:
    """Return the last decision about every image."""
    try:
        lines = _book(work).read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    found = (_parsed(line) for line in lines)
    return {each.name: each for each in found if each is not None}


def decide(
    names: Sequence[str], verb: Verb, by: str, reason: str, records: Iterable[Record], output: Path, work: Path
) -> list[Decision]:
    """Record what a person decided; write what was accepted, remove what was accepted before and is rejected now.

    An accepted image says in its sidecar that a person accepted it and why. It does not claim DICOM's code 113102.

    Raises
    ------
    UsageError
        An image is not in the queue, nothing was made of it, that was changed, or name or reason are empty.
    LockedError
        A run is at work on the participant.
    OutputError
        Something cannot be written.
    """
    if not by.strip() or not reason.strip():
        message = f"who decides, and why? give --by NAME and --reason TEXT; nothing was {verb.value}"
        raise UsageError(message)
    refused = {record.output: record for record in records if record.status is Status.REFUSED}
    if unknown := [name for name in names if name not in refused]:
        message = f"not in the review queue: {', '.join(unknown)}; review.tsv lists what is"
        raise UsageError(message)
    missing = [name for name in names if not refused_path(work / "review", name).is_file()]
    if verb is Verb.ACCEPT and missing:
        message = f"nothing was made of {', '.join(missing)} that could be accepted; reject it, or deface it by hand"
        raise UsageError(message)
    changed = [name for name in names if _sum(refused_path(work / "review", name)) != refused[name].kept]
    if verb is Verb.ACCEPT and changed:
        message = f"changed since the run that refused it: {', '.join(changed)}; run participant again, then look again"
        raise UsageError(message)
    made: list[Decision] = []
    earlier = decisions_in(work)
    with locked(output, sorted({name.split("/", 1)[0] for name in names})):
        for name in names:
            time = datetime.now(timezone.utc).isoformat(timespec="seconds")
            decision = Decision(name, verb, by, reason, time, refused[name].kept)
            _append(work, decision)  # first: nothing is ever there that nobody accepted
            (_write if verb is Verb.ACCEPT else _remove)(decision, output, earlier.get(name), work)
            made.append(decision)
    return made


def _sum(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _write(decision: Decision, output: Path, _: Decision | None, work: Path) -> None:
    """Write an image as it was looked at; the sidecar says that a person accepted what verification refused."""
    kept, new = Outputs(refused_path(work / "review", decision.name)), Outputs(output / decision.name)
    sidecar: dict[str, Any] = json.loads(kept.sidecar.read_text("utf-8"))
    sidecar.pop(DEIDENTIFICATION[1], None)
    sidecar["efface"] |= {"review": {"decision": decision.verb.value, "reason": decision.reason, "time": decision.time}}
    write_new({new.scan: kept.scan.read_bytes(), new.sidecar: json_bytes(sidecar)}, replace=True)


def _remove(decision: Decision, output: Path, earlier: Decision | None, _: Path) -> None:
    if earlier is not None and earlier.verb is Verb.ACCEPT:
        for path in (Outputs(output / decision.name).scan, Outputs(output / decision.name).sidecar):
            path.unlink(missing_ok=True)


def _book(work: Path) -> Path:
    return work / "decisions.jsonl"


def _parsed(line: bytes) -> Decision | None:
    try:
        values = parsed(line)
        return Decision(**{**values, "verb": Verb(values["verb"])})
    except (ValueError, TypeError, KeyError):
        return None


def _append(work: Path, decision: Decision) -> None:
    line = json.dumps(asdict(decision)).encode("ascii") + b"\n"
    try:
        with _book(work).open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        message = f"{_book(work)}: cannot be written ({error.strerror}); nothing more was decided"
        raise OutputError(message) from error
