"""One run at a time on one output: a file that names host and process."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from efface.errors import OutputExistsError, UsageError
from efface.io.atomic import write_whole


class LockedError(UsageError):
    """Another run is at work on the same output."""


@contextlib.contextmanager
def locked(folder: Path, scopes: Iterable[str]) -> Iterator[None]:
    """Hold the locks of some scopes in a folder; a lock whose process is gone is taken over.

    Raises
    ------
    LockedError
        Another run holds one of them.
    OutputError
        The folder cannot be written to.
    """
    with contextlib.ExitStack() as held:
        for scope in scopes:
            path = folder / f".efface-{scope}.lock"
            _take(path)
            held.callback(_release, path)
        yield


def _take(path: Path) -> None:
    for _ in range(3):  # a stale lock is moved away, then the name is tried again; nobody ever reads half of a lock
        try:
            write_whole(path, json.dumps(_me()).encode(), overwrite=False)
        except OutputExistsError:
            _move_if_stale(path)
        else:
            return
    raise _held(path, {})


def _move_if_stale(path: Path) -> None:
    """Move a lock away whose process is gone; raise if it may still run."""
    owner = _owner(path)
    if not _gone(owner):
        raise _held(path, owner)
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with contextlib.suppress(FileNotFoundError):  # another run was faster
        path.rename(aside)
        if _owner(aside) != owner:  # it was another run's new lock: give it back
            with contextlib.suppress(OSError):
                os.link(aside, path)
        aside.unlink(missing_ok=True)


def _release(path: Path) -> None:
    if _owner(path) == _me():
        with contextlib.suppress(OSError):
            path.unlink()


def _held(path: Path, owner: dict[str, object]) -> LockedError:
    who = f"process {owner.get('pid', '?')} on {owner.get('host', 'an unknown machine')}"
    message = f"{path.parent}: another run ({who}) is writing there; wait for it, or delete {path} if it is dead"
    return LockedError(message)


def _me() -> dict[str, object]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid()), "space": _space()}


def _owner(path: Path) -> dict[str, object]:
    """Return who wrote a lock; nobody if it was cut short."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _gone(owner: dict[str, object]) -> bool:
    """Whether a lock's process surely does not run any more; of another machine or container it cannot be known."""
    pid = owner.get("pid")
    if not isinstance(pid, int):  # damaged: no run of efface wrote this
        return True
    if owner.get("host") != socket.gethostname() or owner.get("space", _space()) != _space():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return owner.get("began") != _began(pid)  # the number may have been given to another process since


def _space() -> str | None:
    """Return what process numbers are counted in: two containers of one machine may share its name, and not these."""
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no path: what it says is a name
    except OSError:
        return None


def _began(pid: int) -> str | None:
    """Return when a process began, in the kernel's ticks since it booted; None where the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return None
    return f"{boot} {stat.rpartition(')')[2].split()[19]}"
