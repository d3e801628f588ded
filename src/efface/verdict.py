"""A verdict: named checks with value, threshold and unit."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    """Short key, such as ``brain_voxels_changed``."""
    passed: bool | None
    """True or False; None where it could not be judged, such as a part that is not in view."""
    value: float | None
    """What was measured; None where nothing could be."""
    threshold: float
    """The limit that decides."""
    unit: str
    """Unit of value and threshold."""
    sentence: str
    """What it means, in plain words."""


@dataclass(frozen=True)
class Verdict:
    """All checks of one scan."""

    checks: tuple[Check, ...]
    """Every check, in the order in which they were made."""

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.passed is False)

    @property
    def not_judged(self) -> tuple[Check, ...]:
        """The checks that could not be made."""
        return tuple(check for check in self.checks if check.passed is None)

    def summary(self) -> str:
        """Say in one line what was found."""
        if self.passed:
            unseen = f", {len(self.not_judged)} not judged" if self.not_judged else ""
            return f"verified: {len(self.checks) - len(self.not_judged)} checks passed{unseen}"
        return "refused: " + "; ".join(
            f"{c.name} = {_number(c.value)} {c.unit} (limit {_number(c.threshold)})" for c in self.failed
        )

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"passed": self.passed, "checks": [_plain(check) for check in self.checks]}


def _plain(check: Check) -> dict[str, Any]:
    """Return a check's JSON values; JSON has no number for what is none or endless."""
    value = check.value if check.value is not None and math.isfinite(check.value) else None
    return {**asdict(check), "value": value}


def at_most(name: str, value: float, limit: float, unit: str, sentence: str) -> Check:
    """Return a check that passes up to a limit."""
    return Check(name, bool(value <= limit), float(value), limit, unit, sentence)


def at_least(name: str, value: float | None, limit: float, unit: str, sentence: str) -> Check:
    """Return a check that passes from a limit on; without a value the part was not in view."""
    if value is None:
        return Check(name, None, None, limit, unit, f"{sentence} Not in view.")
    return Check(name, bool(value >= limit), float(value), limit, unit, sentence)


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4g}"
