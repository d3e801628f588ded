"""The fill ``zero``: what this scan's own background holds, which for an ordinary MRI is 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.scan import Scan


def zero(scan: Scan) -> NDArray[Any]:
    """Return the stored value of nothing: 0, or the darkest common value where 0 would be bright.

    Scans with an offset (CT's -1024, a resampler's negative background) would show a solid block if 0 were written.

    Returns
    -------
    value : array of shape () in the scan's stored dtype
    """
    values = scan.intensities()[::2, ::2, ::2]
    low, middle = (float(q) for q in np.quantile(values, (0.001, 0.5)))
    spread = float(np.quantile(values, 0.99)) - low
    target = 0.0 if spread > 0 and low - 0.02 * spread <= 0.0 <= low + 0.05 * spread else min(low, middle)
    return _to_stored(target, scan)


def _to_stored(value: float, scan: Scan) -> NDArray[Any]:
    stored = (value - scan.inter) / scan.slope
    if scan.stored.dtype.kind in "iu":
        limits = np.iinfo(scan.stored.dtype)
        stored = min(max(round(stored), int(limits.min)), int(limits.max))
    return np.array(stored, dtype=scan.stored.dtype)
