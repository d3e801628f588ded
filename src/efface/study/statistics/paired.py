"""The same quantity measured twice, before and after: correlation and bias, always together.

A high rank correlation can hide a bias: ten percent less muscle in everybody leaves the order of people as it was.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from efface.errors import UsageError
from efface.grid import FloatArray

LEAST_PAIRS = 3
"""With fewer pairs nothing is computed."""
LIMITS = 1.96
"""Standard deviations of the differences within which 95 % of them lie."""


@dataclass(frozen=True)
class PairedComparison:
    """How a measure changed; NaN where a number cannot be had from these pairs."""

    pairs: int
    """Pairs in which both were measured."""
    mean_before: float
    """Mean of the first measure."""
    mean_after: float
    """Mean of the second."""
    bias: float
    """Mean difference, after less before (Bland and Altman 1986)."""
    bias_low: float
    """95 % confidence interval of the bias."""
    bias_high: float
    """See ``bias_low``."""
    bias_percent: float
    """The bias, percent of the mean before."""
    limit_low: float
    """Limits of agreement: 95 % of differences lie between them."""
    limit_high: float
    """See ``limit_low``."""
    spearman: float
    """Rank correlation."""
    t: float
    """Paired t-test."""
    df: int
    """Its degrees of freedom."""
    p: float
    """Of no difference, two-sided."""
    cohen_d: float
    """Mean difference over the differences' standard deviation (d_z)."""


def compare_paired(before: ArrayLike, after: ArrayLike) -> PairedComparison:
    """Compare two measures of the same things; pairs with a missing value are left out.

    Raises
    ------
    UsageError
        The measures have different lengths, or fewer than three pairs are whole.
    """
    one, two = np.asarray(before, float), np.asarray(after, float)
    if one.shape != two.shape or one.ndim != 1:
        message = f"measures of shapes {one.shape} and {two.shape} are no pairs; give one value of each per thing"
        raise UsageError(message)
    whole = np.isfinite(one) & np.isfinite(two)
    one, two = one[whole], two[whole]
    n = len(one)
    if n < LEAST_PAIRS:
        message = f"{n} pairs are too few to compare; {LEAST_PAIRS} are needed"
        raise UsageError(message)
    difference = two - one
    bias, spread = float(difference.mean()), float(difference.std(ddof=1))
    reach = float(stats.t.ppf(0.975, n - 1)) * spread / np.sqrt(n)
    t, p = _t_test(difference, spread)
    return PairedComparison(
        pairs=n,
        mean_before=float(one.mean()),
        mean_after=float(two.mean()),
        bias=bias,
        bias_low=bias - reach,
        bias_high=bias + reach,
        bias_percent=100 * bias / float(one.mean()) if one.mean() else float("nan"),
        limit_low=bias - LIMITS * spread,
        limit_high=bias + LIMITS * spread,
        spearman=_spearman(one, two),
        t=t,
        df=n - 1,
        p=p,
        cohen_d=bias / spread if spread > 0 else float("nan"),
    )


def _t_test(difference: FloatArray, spread: float) -> tuple[float, float]:
    """Return t and p of a mean difference of 0; where nothing differs, 0 and 1."""
    if spread == 0:
        return (0.0, 1.0) if not difference.any() else (float("nan"), float("nan"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nearly equal differences: t is then large, as it should be
        found = stats.ttest_1samp(difference, 0.0)
    return float(found.statistic), float(found.pvalue)


def _spearman(one: FloatArray, two: FloatArray) -> float:
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        return float("nan")
    return float(stats.spearmanr(one, two).statistic)
