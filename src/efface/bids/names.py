"""What the BIDS standard says of a path: read from its own machine-readable schema, never guessed from the name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from efface.errors import UsageError

NEEDS = "BIDS datasets need the BIDS schema; install efface[bids]"
NOT_ENTITIES = ("datatype", "suffix", "extension", "path", "stem")
IMAGES = (".nii", ".nii.gz")
TEXT = (".json", ".tsv", ".tsv.gz", ".bval", ".bvec", ".md", ".rst", ".txt", ".cff", "")
"""Files that describe data, or are read by people."""


@dataclass(frozen=True)
class Name:
    """A path that the standard knows."""

    path: str
    """Below the dataset, with ``/``."""
    entities: Mapping[str, str]
    """Such as ``{"sub": "01", "run": "1"}``, in the order of the name."""
    datatype: str | None
    """Such as ``anat``; None above the data's own folders."""
    suffix: str | None
    """Such as ``T1w``."""
    extension: str
    """Such as ``.nii.gz``."""

    @property
    def subject(self) -> str | None:
        """The participant's label; None for files of the whole dataset."""
        return self.entities.get("sub")

    @property
    def session(self) -> str | None:
        """The session's label, if there is one."""
        return self.entities.get("ses")

    @property
    def folder(self) -> PurePosixPath:
        """The folder it lies in."""
        return PurePosixPath(self.path).parent

    @property
    def is_image(self) -> bool:
        """Whether it is a NIfTI file."""
        return self.extension in IMAGES

    @property
    def is_data(self) -> bool:
        """Whether it is data of a participant: an image, a recording; not what describes it."""
        return self.datatype is not None and self.subject is not None and self.extension not in TEXT

    def applies_to(self, image: Name) -> bool:
        """Whether this sidecar says something of an image, by the standard's inheritance principle."""
        above = image.folder.is_relative_to(self.folder)
        return above and self.suffix == image.suffix and self.entities.items() <= image.entities.items()

    def sibling(self, suffix: str, extension: str | None = None, **entities: str) -> str:
        """Return the path of a file with further entities and another suffix; the standard may not know it."""
        together = {**self.entities, **entities}
        ordered = [key for key in _schema()[1].values() if key in together]
        name = "_".join([*(f"{key}-{together[key]}" for key in ordered), suffix]) + (extension or self.extension)
        return (self.folder / name).as_posix()


def read_name(path: str) -> Name | None:
    """Return what the standard says of a path of a raw dataset; None if it knows no such file."""
    patterns, short = _schema()
    for pattern in patterns:
        found = pattern.fullmatch(path)
        if found is not None:
            groups = found.groupdict()
            entities = {short[k]: v for k, v in groups.items() if v is not None and k not in NOT_ENTITIES}
            extension = groups.get("extension") or ""
            return Name(path, entities, groups.get("datatype"), groups.get("suffix"), extension)
    return None


@cache
def _schema() -> tuple[tuple[re.Pattern[str], ...], dict[str, str]]:
    """Return the pattern of every file that the standard knows, and the short names of entities, in their order."""
    try:
        from bidsschematools import rules as known
        from bidsschematools.schema import load_schema  # the rules use it and do not import it
    except ImportError as error:
        raise UsageError(NEEDS) from error
    schema = load_schema()
    rules, _ = known.regexify_all()
    short = {str(key): str(schema.objects.entities[key].name) for key in schema.rules.entities}
    return tuple(re.compile(rule["regex"]) for rule in rules), short
