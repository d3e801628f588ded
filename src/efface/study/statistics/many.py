"""Shares with intervals, and corrections for many tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from efface.errors import UsageError


def wilson_interval(count: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share (Wilson 1927); 0 and 1 where nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, total, alpha=1 - level, method="wilson")
    return float(low) if count else 0.0, float(high) if count < total else 1.0  # without what rounding leaves


CORRECTIONS = {"holm": "holm", "fdr": "fdr_bh"}
"""Holm 1979, which bounds the chance of any false finding; Benjamini and Hochberg 1995, their share among findings."""


def corrected(p_values: Sequence[float], how: str = "holm") -> list[float]:
    """Return p-values corrected for their number; NaN stays NaN and does not count.

    Parameters
    ----------
    p_values : of one family of tests
    how : ``"holm"`` or ``"fdr"``

    Raises
    ------
    UsageError
        No such correction.
    """
    from statsmodels.stats.multitest import multipletests

    if how not in CORRECTIONS:
        message = f"no correction {how!r}; use one of {', '.join(CORRECTIONS)}"
        raise UsageError(message)
    values = np.asarray(p_values, float)
    result = np.full(values.shape, np.nan)
    known = np.isfinite(values)
    if known.any():
        result[known] = multipletests(values[known], method=CORRECTIONS[how])[1]
    return [float(value) for value in result]
