"""The fill ``own``: what the method itself decided, as the program that it stands for writes it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.fill.filling import Filling
from efface.fill.kept import to_stored
from efface.scan import Scan


def fill_own(values: NDArray[np.floating[Any]], scan: Scan, background: float) -> Filling:
    """Return a method's own values as the scan stores them.

    Parameters
    ----------
    values : (N,) or (N, T) array
        In the scan's units, for the replaced voxels in C order. What is not finite stays so in scans of floats, and
        becomes the background in scans of integers.
    scan : the scan
    background : what nothing measures, in the scan's units

    Returns
    -------
    filling : one value, shape (), where all are the same
    """
    if scan.stored.dtype.kind in "iu":
        values = np.where(np.isfinite(values), values, background)
    stored = to_stored(values, scan).astype(scan.stored.dtype, copy=False)
    first = stored.flat[0]
    same = bool((stored == first).all() or (stored != stored).all())  # all NaN is one value, too
    return Filling(np.asarray(first, stored.dtype) if same else stored, {})
