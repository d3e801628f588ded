"""What came of one scan: one line of JSON in a log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from efface.io.documents import parsed
from efface.verdict import Verdict


class Status(str, Enum):
    """What can come of a scan."""

    VERIFIED = "verified"
    REFUSED = "refused"
    UNREADABLE = "unreadable"
    ERROR = "error"


EXIT_STATUS = {Status.ERROR: 1, Status.UNREADABLE: 4, Status.REFUSED: 3, Status.VERIFIED: 0}
"""As `efface.errors`; the gravest first."""


@dataclass(frozen=True)
class Record:
    """What came of one scan. Paths in it are relative: the log may be looked at by others."""

    source: str
    """Below the folder that was read, with ``/``."""
    output: str
    """Below the folder that is written."""
    status: Status
    """What came of it."""
    message: str
    """One line: why it was refused, what is wrong, or how many checks passed."""
    job: str
    """Digest of what was asked for; another version or another option is another job."""
    how: str = ""
    """With which of the attempts it was made, and with how many images of its session."""
    tried: tuple[Mapping[str, str], ...] = ()
    """Every attempt that was refused, and why."""
    checks: tuple[Mapping[str, Any], ...] = ()
    """Name, outcome, value, threshold and unit of every check."""
    notes: tuple[str, ...] = ()
    """What else to look at: header fields that may name a person."""
    sha256: str | None = None
    """Of the output, if one was written."""
    size: int | None = None
    """Of the output, bytes."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """Files in the output's folder that belong to it, its sidecar and mask -> their checksums."""
    kept: str | None = None
    """Checksum of a result that was refused and is kept outside of the output, for a person to decide."""
    source_size: int | None = None
    """Of the source, bytes, as it was when the scan was begun."""
    source_mtime_ns: int | None = None
    """When the source was last changed; never compared with this machine's clock."""
    seconds: float = 0.0
    """How long its job took, all images of the session together."""
    peak_mb: float | None = None
    """Most memory that the worker had held by then."""
    time: str = ""
    """When it was recorded, UTC."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else is to be known of this kind of job."""

    def line(self) -> bytes:
        """Return one line of JSON in ASCII; a name's odd bytes are escaped."""
        return json.dumps(asdict(self), allow_nan=False).encode("ascii") + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Record | None:
        """Read one line; None for one that was cut short when the run was killed."""
        try:
            values = parsed(line)
            lists = {name: tuple(values[name]) for name in ("tried", "checks", "notes")}
            record = cls(**{**values, **lists, "status": Status(values["status"])})
            record.line()  # it must be possible to write it again
            return record if all(map(_sound, record.checks)) else None
        except (ValueError, TypeError, KeyError):
            return None


def _sound(check: Mapping[str, Any]) -> bool:
    values = (check["value"], check["threshold"])
    return all(value is None or isinstance(value, (int, float)) for value in values) and "passed" in check


def numbers(verdict: Verdict) -> tuple[dict[str, Any], ...]:
    """Return a verdict's checks without their sentences."""
    return tuple({k: v for k, v in check.items() if k != "sentence"} for check in verdict.as_dict()["checks"])


def exit_status(records: Iterable[Record]) -> int:
    """Return the gravest exit status of many scans: 1, then 4, then 3."""
    there = {record.status for record in records}
    return next((number for status, number in EXIT_STATUS.items() if status in there), 0)
