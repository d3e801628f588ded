"""Which voxels are no longer what they were, however they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.errors import GridMismatchError
from efface.scan import Scan

ROUNDING = 1e-6
"""Share of the largest value that may be lost where values are kept with another precision."""


def changed_voxels(original: Scan, defaced: Scan) -> NDArray[np.bool_]:
    """Find where any volume differs: bit for bit, or by value where the two are stored in different ways.

    Parameters
    ----------
    original, defaced : scans on one grid

    Returns
    -------
    changed : (I, J, K) bool array

    Raises
    ------
    GridMismatchError
        One has more volumes than the other.
    """
    if original.stored.shape != defaced.stored.shape:
        shapes = f"{original.stored.shape} and {defaced.stored.shape}"
        message = f"the original and the defaced scan hold voxels of shape {shapes}; give both whole"
        raise GridMismatchError(message)
    different = _different(original, defaced)
    return np.asarray(different if different.ndim == 3 else different.any(axis=3))


def least_changed_share(original: Scan, defaced: Scan, where: NDArray[np.bool_]) -> float:
    """Return how much of a mask changed in the volume where least of it did.

    Parameters
    ----------
    original, defaced : scans on one grid
    where : (I, J, K) bool array
    """
    return float(_different(original, defaced)[where].mean(axis=0).min()) if where.any() else 0.0


def _different(original: Scan, defaced: Scan) -> NDArray[np.bool_]:
    """Return which stored voxels of which volumes differ."""
    alike = _storage(original) == _storage(defaced)
    return _differ_in_bits(original, defaced) if alike else _differ_in_value(original, defaced)


def _storage(scan: Scan) -> tuple[object, float, float]:
    return scan.stored.dtype, scan.slope, scan.inter


def _differ_in_bits(original: Scan, defaced: Scan) -> NDArray[np.bool_]:
    one, two = original.stored, defaced.stored
    different = one != two
    if one.dtype.kind == "f":
        different &= ~(np.isnan(one) & np.isnan(two))
    return np.asarray(different)


def _differ_in_value(original: Scan, defaced: Scan) -> NDArray[np.bool_]:
    """Compare what stored values mean, to half a step of the coarser of the two."""
    one, two = _values(original), _values(defaced)
    largest = float(np.abs(one).max(where=np.isfinite(one), initial=0))
    allowed = max(_step(original), _step(defaced)) / 2 + ROUNDING * largest
    with np.errstate(invalid="ignore"):  # infinity less infinity
        close = (np.abs(one - two) <= allowed) | (one == two) | (np.isnan(one) & np.isnan(two))
    return np.asarray(~close)


def _values(scan: Scan) -> NDArray[Any]:
    precise = np.float64 if scan.stored.dtype.itemsize > 2 else np.float32
    return np.asarray(scan.stored, precise) * scan.slope + scan.inter


def _step(scan: Scan) -> float:
    """Return how far apart two neighbouring values are stored; 0 for floats."""
    return abs(scan.slope) if scan.stored.dtype.kind in "iu" else 0.0
