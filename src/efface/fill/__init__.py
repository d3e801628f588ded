"""What is written into removed voxels, decided from what is kept and from nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.errors import UsageError
from efface.fill.filling import Filling
from efface.fill.kept import Kept, what_is_kept
from efface.fill.noise import fill_noise
from efface.fill.zero import fill_zero
from efface.scan import Scan


def _reface(kept: Kept) -> Filling:
    from efface.fill.reface import fill_reface  # slow to load, and not always asked for

    return fill_reface(kept)


TABLE: dict[str, Callable[[Kept], Filling]] = {"zero": fill_zero, "noise": fill_noise, "reface": _reface}
"""Fill key -> function from what is kept to what is written."""
OWN = "own"
"""The fill that is the method's: see `efface.fill.own`."""
FILLS = (*TABLE, OWN)


def fill_values(key: str, scan: Scan, anatomy: Anatomy, mask: NDArray[np.bool_]) -> Filling:
    """Return what a fill writes into a scan; exchanging the voxels in the mask for any others changes nothing.

    Parameters
    ----------
    key : one of `TABLE`: what a method writes itself is in its decision
    scan, anatomy : the scan, and what was found in it
    mask : (I, J, K) bool array, True where voxels are replaced

    Raises
    ------
    UsageError
        No such fill.
    """
    if key == OWN:
        message = f"fill {OWN!r} is the method's own and cannot be made from what is kept"
        raise UsageError(message)
    check_fill(key)
    filling = TABLE[key](what_is_kept(scan, anatomy, mask))
    return replace(filling, values=filling.values.astype(scan.stored.dtype, copy=False))  # numpy loses the byte order


def check_fill(key: str) -> None:
    """Raise `UsageError` unless there is such a fill."""
    if key not in FILLS:
        message = f"fill {key!r} is unknown; choose one of: {', '.join(sorted(FILLS))}"
        raise UsageError(message)
