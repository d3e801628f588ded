"""The fill ``zero``: what this scan's own background holds, which for an ordinary MRI is 0."""

from __future__ import annotations

import numpy as np

from efface.fill.filling import Filling
from efface.fill.kept import Kept, to_stored


def fill_zero(kept: Kept) -> Filling:
    """Fill with the stored value of nothing: 0, or the darkest common value where 0 would be bright.

    Scans with an offset (CT's -1024, a resampler's negative background) would show a solid block if 0 were written.

    Parameters
    ----------
    kept : what is kept of the scan

    Returns
    -------
    filling : one value, shape ()
    """
    return Filling(to_stored(np.array(kept.background, np.float32), kept.scan), {})
