"""Writing what may have been written before: by a run that was killed, or by somebody else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from efface.batch.time_limits import allowed_to_write
from efface.errors import OutputError, OutputExistsError
from efface.io.atomic import write_all


def write_new(files: dict[Path, bytes], *, replace: bool) -> None:
    """Write files, their folders too. One that holds these very bytes is left as it is: a killed run wrote it.

    Raises
    ------
    OutputExistsError
        A file of other bytes is there and may not be replaced.
    OutputError
        Something cannot be written.
    """
    with allowed_to_write(next(iter(files))):
        missing = {path: data for path, data in files.items() if not _holds(path, data)}
        if taken := [path for path in missing if path.exists() and not replace]:
            message = f"{taken[0]}: another file is there already; choose another folder, or --overwrite to replace it"
            raise OutputExistsError(message)
        for folder in {path.parent for path in missing}:
            make_folder(folder)
        write_all(missing, overwrite=replace)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: the folder cannot be made ({error.strerror}); choose another or change its permissions"
        raise OutputError(message) from error


def recorded(files: Mapping[Path, bytes], output: Path) -> dict[str, Any]:
    """Return what a record says of a scan and of the files that were written beside it."""
    sums = {path.name: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    return {"sha256": sums.pop(output.name), "size": len(files[output]), "beside": sums}


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False
