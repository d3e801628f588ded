"""Folders appear whole or not at all, as files do: filled under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from efface.errors import OutputError, OutputExistsError, UsageError
from efface.io.sniff import is_dicom

IMAGE_ENDINGS = (".nii", ".gz", ".mgz", ".mgh", ".dcm")
"""A folder is not called so: the user meant a file."""


def check_folder_name(name: str) -> None:
    """Raise `UsageError` where a series would be written as a folder that is called like a file."""
    ending = Path(name).suffix
    if ending.lower() in IMAGE_ENDINGS:
        message = f"{name}: a DICOM series is written as a folder of files; let the name not end in {ending}"
        raise UsageError(message)


def check_output_folder(path: Path, source: Path | None, overwrite: bool) -> None:
    """Refuse a folder of DICOM files that cannot or must not be written, before any work is done.

    Raises
    ------
    UsageError
        It is, holds or lies in the input; it is a file; or it holds other things than DICOM, which are never deleted.
    OutputExistsError
        It is there already and ``overwrite`` is False.
    OutputError
        The folder it goes into is missing or cannot be written to.
    """
    check_folder_name(str(path))
    if source is not None and _overlap(path.resolve(), source.resolve()):
        message = f"{path}: the output is, holds or lies in the input {source}, which is never changed; give another"
        raise UsageError(message)
    if os.path.lexists(path):
        _check_replaceable(path, overwrite)
    if not path.parent.is_dir():
        message = f"{path}: no such folder as {path.parent}; make it first"
        raise OutputError(message)
    if not os.access(path.parent, os.W_OK):
        message = f"{path}: the folder {path.parent} cannot be written to; choose another or change its permissions"
        raise OutputError(message)


def _overlap(here: Path, there: Path) -> bool:
    return here == there or here in there.parents or there in here.parents


def _check_replaceable(path: Path, overwrite: bool) -> None:
    if not overwrite:
        message = f"{path}: already exists; give another name, or --overwrite to replace it"
        raise OutputExistsError(message)
    if path.is_symlink() or not path.is_dir():
        message = f"{path}: not a folder, so it is not replaced by one; give another name"
        raise UsageError(message)
    other = next((each for each in sorted(path.rglob("*")) if each.is_symlink() or not _ours(each)), None)
    if other is not None:
        message = f"{path}: holds {other.name}, which is no DICOM file; a folder with other things is never replaced"
        raise UsageError(message)


def _ours(path: Path) -> bool:
    return path.is_dir() or is_dicom(path)


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Make a hidden folder beside ``path``, to be filled and put in place; removed if it was not."""
    temporary = path.with_name(f".efface-{secrets.token_hex(8)}.part")
    temporary.mkdir()
    try:
        yield temporary
    finally:
        remove(temporary)


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files, by their paths below a folder, down to the disk."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def put_in_place(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """Give a filled folder its name; a folder of that name is replaced only with ``overwrite``.

    Raises
    ------
    FileExistsError
        A folder is there, and ``overwrite`` is False.
    """
    if not os.path.lexists(path):
        temporary.rename(path)
        return
    if not overwrite:
        raise FileExistsError(path)
    old = path.with_name(f".efface-{secrets.token_hex(8)}.old")
    path.rename(old)
    try:
        temporary.rename(path)
    except BaseException:
        old.rename(path)
        raise
    remove(old)


def remove(folder: Path) -> None:
    """Remove a folder that efface made, as far as that is possible."""
    shutil.rmtree(folder, ignore_errors=True)
