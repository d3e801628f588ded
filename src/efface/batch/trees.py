"""The files below a folder, without leaving it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from efface.errors import UnreadableImageError, UsageError


@dataclass(frozen=True)
class Found:
    """One file, or something that is not followed."""

    path: Path
    """Where it is."""
    name: str
    """Its path below the folder, with ``/``."""
    refused: str = ""
    """Why it is not looked at; empty if it is."""


def files_below(folder: Path) -> Iterator[Found]:
    """Find all files below a folder, in order of their names; hidden files and folders are passed over.

    Links to files of the same folder are files; whatever else a link leads to is not followed.

    Raises
    ------
    UnreadableImageError
        The folder is not there, or one below it cannot be listed.
    """
    root = folder.resolve()
    if not root.is_dir():
        message = f"{folder}: no such folder; check the path"
        raise UnreadableImageError(message)
    for place, folders, files in os.walk(folder, onerror=_unlistable):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in links and not name.startswith("."))
        for name in sorted([*links, *files]):
            path = Path(place) / name
            if not name.startswith("."):
                yield Found(path, path.relative_to(folder).as_posix(), _refused(path, root))


def _refused(path: Path, root: Path) -> str:
    """Say why a file is not looked at; nothing if it is an ordinary one."""
    if path.is_symlink():
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):  # Python 3.10 to 3.12 raise RuntimeError for a loop
            return "a link that leads nowhere; with DataLad, get its content first"
        if target.is_dir():
            return "a link to a folder; it is not followed"
        if not target.is_relative_to(root):
            return "a link that leads out of the folder; it is not followed"
    return "" if path.is_file() else "not an ordinary file"


def check_apart(folder: Path, output: Path) -> None:
    """Refuse an output folder that lies in the input folder, or the input in it.

    Raises
    ------
    UsageError
        They are one folder, or one lies in the other.
    """
    one, other = folder.resolve(), output.resolve()
    if one == other or one.is_relative_to(other) or other.is_relative_to(one):
        message = (
            f"{output}: it and {folder} lie in one another; write to a folder elsewhere, so that originals stay apart"
        )
        raise UsageError(message)
    if output.exists() and not output.is_dir():
        message = f"{output}: not a folder; give one to write into"
        raise UsageError(message)


def check_unlinked(output: Path, folders: Iterable[Path]) -> None:
    """Refuse folders below an output that a link leads elsewhere: to the originals, perhaps.

    Raises
    ------
    UsageError
        There is such a link.
    """
    root = output.resolve()
    for folder in set(folders):
        if folder.resolve() != root / folder.relative_to(output):
            message = f"{folder}: a link on its way leads to {folder.resolve()}; remove the link, nothing was written"
            raise UsageError(message)


def work_folder(output: Path, asked: Path | None) -> Path:
    """Return where logs and private reports go: beside the output, never in it.

    Raises
    ------
    UsageError
        The folder that was asked for lies in the output: it would be shared with it.
    """
    if asked is None:
        resolved = output.resolve()
        return resolved.with_name(f"{resolved.name}_efface")
    if asked.resolve().is_relative_to(output.resolve()):
        message = f"{asked}: it lies in {output}, which will be shared; give a folder elsewhere"
        raise UsageError(message)
    return asked


def _unlistable(error: OSError) -> None:
    message = f"{error.filename}: the folder cannot be listed ({error.strerror}); check its permissions"
    raise UnreadableImageError(message) from error
