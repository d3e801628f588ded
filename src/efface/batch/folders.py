"""A folder of scans as jobs: every image below it by itself, under the same relative path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from efface.auditing.walking import IMAGES
from efface.batch.defacing import deface_job
from efface.batch.jobs import Image, Job
from efface.batch.trees import check_apart, files_below, work_folder
from efface.errors import UnreadableImageError, UsageError
from efface.outputs import stem

SCOPE = "folder"
"""All scans of a folder share one log and one lock."""


@dataclass(frozen=True)
class Folder:
    """What is to be done of a folder."""

    jobs: tuple[Job, ...]
    """One for each scan."""
    refused: tuple[tuple[str, str], ...]
    """What is not followed, and why."""
    logs: Path
    """Where the log goes."""


def read_folder(
    source: Path,
    output: Path,
    options: Mapping[str, Any],
    work: Path | None = None,
    reports: tuple[Path | None, Path | None] = (None, None),
    *,
    overwrite: bool = False,
) -> Folder:
    """Find the scans below a folder.

    Parameters
    ----------
    source, output : folders, neither in the other
    options : method, fill and the method's own parameters
    work : folder for the log; by default beside the output
    reports : folders for each scan's shareable and private report
    overwrite : replace files of the same names that are no earlier run's

    Raises
    ------
    UsageError
        The folders lie in one another, or two scans would be written under one name.
    UnreadableImageError
        There is no scan.
    """
    check_apart(source, output)
    found = list(files_below(source))
    scans = [each for each in found if each.name.lower().endswith(IMAGES) and not each.refused]
    if not scans:
        message = f"{source}: holds no .nii, .nii.gz, .mgh or .mgz; convert DICOM series with dcm2niix"
        raise UnreadableImageError(message)
    _check_names([each.name for each in scans])
    jobs = tuple(
        Job(
            (Image(each.path, output / each.name, each.name, each.name),),
            options,
            SCOPE,
            deface_job,
            reports=reports,
            overwrite=overwrite,
        )
        for each in scans
    )
    refused = tuple((each.name, each.refused) for each in found if each.refused)
    return Folder(jobs, refused, work_folder(output, work))


def _check_names(names: list[str]) -> None:
    """Raise where sidecars would share a name, also on a disk that does not tell capitals from small letters."""
    sidecars = {name: str(Path(name).with_name(stem(Path(name)))).casefold() for name in names}
    counts = Counter(sidecars.values())
    if twice := [name for name in names if counts[sidecars[name]] > 1]:
        message = f"these would be written under one name, or share a sidecar: {', '.join(twice)}; rename one"
        raise UsageError(message)
