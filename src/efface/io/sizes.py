"""How much a file says that it holds, and whether that can be: before anything of that size is read or unpacked."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from efface.errors import UnsupportedImageError

MOST = 0.5
"""Share of the machine's memory that a scan's voxels may fill: it is held at least twice."""
AFTER = 2**26
"""Bytes that may follow the voxels: scan parameters of MGH are some kilobytes, what follows in NIfTI is left out."""
CGROUP = Path("/sys/fs/cgroup/memory.max")


def check_fits(size: int, name: str) -> None:
    """Raise `UnsupportedImageError` where so many bytes do not fit into memory."""
    most = MOST * memory_bytes()
    if size > most:
        message = (
            f"{name}: it holds {size / 1e9:.3g} GB, more than the {most / 1e9:.3g} GB that fit into half "
            "of this machine's memory; use a larger machine, or see whether it is damaged"
        )
        raise UnsupportedImageError(message)


def memory_bytes() -> float:
    """Return how much memory there is for this process: the machine's, or its container's."""
    try:
        most = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):  # a system that does not say
        return float("inf")
    with suppress(OSError, ValueError):
        most = min(most, float(CGROUP.read_text("ascii")))  # "max" is no number: no limit
    return most
