"""What an audit says of one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any


class Kind(str, Enum):
    """What a scan shows, the gravest first."""

    FACE = "face visible"
    UNREADABLE = "unreadable"
    UNSURE = "cannot judge"
    REFACED = "refaced"
    DEFACED = "defaced"
    NO_FACE = "no face in view"
    STRIPPED = "skull-stripped"
    NO_HEAD = "no head"

    @property
    def risk(self) -> int:
        """Place in order of risk, 0 the gravest."""
        return list(Kind).index(self)


@dataclass(frozen=True)
class Finding:
    """One file."""

    path: Path
    """The file; of a DICOM folder, the folder."""
    kind: Kind
    """What it shows."""
    reason: str
    """Why, in plain words."""
    features: tuple[str, ...] = ()
    """Features of the face that show."""
    shares: Mapping[str, float | None] = field(default_factory=dict)
    """Share of each feature's place in which skin was found; None where it is not in view."""
    notes: tuple[str, ...] = ()
    """What else to look at before sharing."""

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        shares = {name: None if share is None else round(share, 3) for name, share in self.shares.items()}
        return {
            "path": str(self.path), "kind": self.kind.value, "reason": self.reason, "features": list(self.features),
            "shares": shares, "notes": list(self.notes),
        }  # fmt: skip
