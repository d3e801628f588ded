"""Is anything of a person's own face in what was written in its place?

A fill is a function of kept voxels. Made again from the defaced scan, in which the own face is no longer, it must come
out as it was written. Whatever differs came from elsewhere: a face that was kept, blurred, mixed in or moved differs
about as much as it is the own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def own_share(own: NDArray[Any], written: NDArray[Any], again: NDArray[Any]) -> float:
    """Return how much of what was written does not follow from kept voxels.

    Parameters
    ----------
    own, written : (N,) or (N, T) arrays
        Stored values of the replaced voxels before and after.
    again : array of the same shape, or ()
        What the fill writes when only the defaced scan is known.

    Returns
    -------
    share : root mean square of written less again, over that of own less again
        0 is nothing, 1 the own face itself; a half, a half of it mixed in.

    Examples
    --------
    >>> own, again = np.array([4.0, 8.0, 2.0]), np.array([5.0, 5.0, 5.0])
    >>> own_share(own, 0.75 * again + 0.25 * own, again)
    0.25
    """
    expected = again[:, None] if again.ndim < own.ndim and again.ndim else again
    apart = _size(written, expected)
    whole = _size(np.where(np.isfinite(own), own, expected), expected)
    return 0.0 if apart == 0 else round(apart / max(whole, 1e-12), 6)


def _size(values: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return the root mean square of a difference."""
    return float(np.sqrt(np.square(np.subtract(values, expected, dtype=np.float32)).mean(dtype=np.float64)))
