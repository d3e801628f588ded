"""Files appear whole or not at all: temporary name, then rename; an input is never overwritten."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from efface.errors import OutputError, OutputExistsError, UsageError
from efface.io import folders

Contents = bytes | Mapping[str, bytes] | Path
"""Of a file, or of each file of a folder; or where a folder lies that was filled already."""

PART = ".efface-*.part"
"""Pattern of temporary names; what a killed run left under one may be removed."""


def write_whole(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write one file; under its own name it is there completely or not at all.

    Raises
    ------
    OutputExistsError
        The file is there already, or appeared meanwhile, and ``overwrite`` is False.
    OutputError
        No such folder, no permission, no space left; nothing is left behind.
    """
    write_all({path: data}, overwrite)


def write_all(files: Mapping[Path, Contents], overwrite: bool = False) -> None:
    """Write several files that belong together: all appear, or (short of a crash between two renames) none.

    Contents that are a mapping are those of a folder; a path is a folder that was staged. Everything is first written
    in full under a temporary name in its own folder. When a rename fails, what was new is removed again; what was
    overwritten keeps its new contents.

    Raises
    ------
    OutputExistsError
        A file is there already, or appeared meanwhile, and ``overwrite`` is False.
    OutputError
        No such folder, no permission, no space left; nothing is left behind.
    """
    with ExitStack() as leftovers, ExitStack() as undo:
        staged = {path: _stage(path, data, leftovers) for path, data in files.items()}
        for path, temporary in staged.items():
            new = not os.path.lexists(path)
            with reported(path):
                _rename(temporary, path, overwrite=overwrite)
            if new:
                undo.callback(_remove, path)
        undo.pop_all()
    for folder in {path.parent for path in files}:
        _sync_folder(folder)


def check_output(path: Path, input_path: Path | None, overwrite: bool = False) -> None:
    """Refuse an output that cannot or must not be written, before any work is done.

    Raises
    ------
    UsageError
        The output is a folder, or the input itself (also through a link, another case or ``..``).
    OutputExistsError
        The output is there already and ``overwrite`` is False.
    OutputError
        The output's folder is missing or cannot be written to.
    """
    if path.is_dir():
        message = f"{path}: the output is a folder; give a file name in it, such as {path / 'defaced.nii.gz'}"
        raise UsageError(message)
    if input_path is not None and same_file(path, input_path):
        message = f"{path}: the output is the input, which is never overwritten; give another name"
        raise UsageError(message)
    if os.path.lexists(path) and not overwrite:
        raise _exists(path)
    if not path.parent.is_dir():
        message = f"{path}: no such folder as {path.parent}; make it first"
        raise OutputError(message)
    if not os.access(path.parent, os.W_OK):
        message = f"{path}: the folder {path.parent} cannot be written to; choose another or change its permissions"
        raise OutputError(message)


def same_file(path: Path, other: Path) -> bool:
    """Return whether two paths lead to one file, also through links; False if either is not there."""
    try:
        return path.samefile(other)
    except OSError:
        return False


def _exists(path: Path) -> OutputExistsError:
    return OutputExistsError(f"{path}: already exists; give another name, or --overwrite to replace it")


def _stage(path: Path, data: Contents, leftovers: ExitStack) -> Path:
    """Write the data under a hidden temporary name beside ``path``; ``leftovers`` removes what remains of it."""
    if isinstance(data, Path):
        return data
    if not isinstance(data, bytes):
        with reported(path):
            folder = leftovers.enter_context(folders.staged(path))
            folders.fill(folder, data)
            return folder
    temporary = path.with_name(f".efface-{secrets.token_hex(8)}.part")
    with reported(path), temporary.open("xb") as file:
        leftovers.callback(_remove, temporary)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _rename(temporary: Path, path: Path, *, overwrite: bool) -> None:
    if temporary.is_dir():
        folders.put_in_place(temporary, path, overwrite=overwrite)
        return
    if overwrite:
        os.replace(temporary, path)  # noqa: PTH105 - Path.replace would hide os.replace from the tests that break it
        return
    try:
        os.link(temporary, path)  # unlike a rename, a link never replaces a file that appeared meanwhile
    except FileExistsError:
        raise
    except (OSError, AttributeError, NotImplementedError):
        _rename_without_links(temporary, path)


def _rename_without_links(temporary: Path, path: Path) -> None:
    """Claim the name with an empty file (fails if it is taken), then replace that; for FAT, SMB and the like."""
    path.open("xb").close()
    try:
        os.replace(temporary, path)  # noqa: PTH105 - as above
    except BaseException:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        folders.remove(path)
        return
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new names survive a power cut, where the system lets a folder be synchronised."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn the system's errors into efface's, in one line that names the output."""
    try:
        yield
    except FileExistsError as error:
        raise _exists(path) from error
    except FileNotFoundError as error:
        message = f"{path}: no such folder as {path.parent}; make it first"
        raise OutputError(message) from error
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror or error}); free some space or choose another folder"
        raise OutputError(message) from error
