"""Files that come with efface, compared with their recorded hash before they are used."""

from __future__ import annotations

import hashlib
from pathlib import Path

from efface.errors import DefaceError


def read_bundled(path: Path, sha256: str) -> bytes:
    """Read a file of the installation.

    Parameters
    ----------
    path : the file
    sha256 : what its hash must be

    Raises
    ------
    DefaceError
        The installation is damaged.
    """
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        message = f"{path.name} is damaged: its sha256 is not {sha256[:12]}...; install efface again"
        raise DefaceError(message)
    return data
