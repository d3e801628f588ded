"""A job: one scan, or the images of one session, from files to files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from efface.batch.records import Record
from efface.version import __version__

Options = Mapping[str, Any]
"""Method, fill and the method's own parameters; see `efface.plan`."""


@dataclass(frozen=True)
class Image:
    """One scan of a job."""

    source: Path
    """Where it is read."""
    output: Path
    """Where it is written."""
    source_name: str
    """Its path below the folder that is read, with ``/``; what logs and messages call it."""
    name: str
    """Its output's path below the folder that is written."""
    mask: Path | None = None
    """Where its face mask is written, if asked for."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What its JSON sidecar held before; kept."""
    notes: tuple[str, ...] = ()
    """What else to look at before it is shared."""
    mask_fields: Mapping[str, Any] = field(default_factory=dict)
    """What the mask's own JSON sidecar says; without any it gets none."""


@dataclass(frozen=True)
class Job:
    """What one worker does at a time."""

    images: tuple[Image, ...]
    """Of one person's session; one image if it is taken by itself."""
    options: Options
    """What was asked for."""
    scope: str
    """Which log and which lock: all jobs of one scope are done by one run at a time."""
    work: Callable[[Job], Sequence[Record]]
    """A function of a module, so that another process finds it; it raises nothing."""
    alternatives: tuple[tuple[str, Options], ...] = ()
    """Name and options of what is tried where the asked for is refused."""
    reports: tuple[Path | None, Path | None] = (None, None)
    """Folders for each image's shareable and private report."""
    look: Path | None = None
    """Folder for pictures of what was refused; they show the face."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else is recorded of its images."""
    overwrite: bool = False
    """Whether files of an unknown origin are replaced."""
    ours: frozenset[str] = frozenset()
    """Outputs that this job itself wrote in an earlier run; they are replaced."""

    @property
    def written(self) -> list[Path]:
        """Where it writes scans and masks."""
        return [path for image in self.images for path in (image.output, image.mask) if path is not None]

    @property
    def digest(self) -> str:
        """Tell two jobs apart that would write different bytes."""
        asked = {
            "efface": __version__,
            "work": f"{self.work.__module__}.{self.work.__qualname__}",
            "options": dict(self.options),
            "alternatives": [[name, dict(options)] for name, options in self.alternatives],
            "images": [[i.source_name, i.name, dict(i.fields), i.mask and i.mask.name] for i in self.images],
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
