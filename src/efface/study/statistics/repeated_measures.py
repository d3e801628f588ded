"""Repeated-measures analysis of variance with corrections for unequal variances of differences.

statsmodels' ``AnovaRM`` assumes sphericity. Here the degrees of freedom are also shrunk by Greenhouse and Geisser's
(1959) and by Huynh and Feldt's (1976) epsilon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, stats

from efface.errors import UsageError
from efface.grid import FloatArray


@dataclass(frozen=True)
class RepeatedMeasures:
    """A one-way repeated-measures analysis of variance."""

    subjects: int
    """Those measured under every condition; only they count."""
    conditions: int
    """Times that each was measured."""
    f: float
    """Fisher's F."""
    df_conditions: int
    """Degrees of freedom of conditions, uncorrected."""
    df_error: int
    """Degrees of freedom of error, uncorrected."""
    p: float
    """Of equal means, if sphericity holds."""
    epsilon_gg: float
    """Greenhouse and Geisser's epsilon: 1 where sphericity holds, at least 1 / (conditions - 1)."""
    p_gg: float
    """Of equal means, degrees of freedom multiplied by it."""
    epsilon_hf: float
    """Huynh and Feldt's epsilon, at most 1."""
    p_hf: float
    """Of equal means, degrees of freedom multiplied by it."""
    partial_eta_squared: float
    """Of the variance that is not between subjects, the share between conditions."""


def repeated_measures_anova(values: ArrayLike) -> RepeatedMeasures:
    """Compare conditions under which the same subjects were measured.

    Parameters
    ----------
    values : (subjects, conditions) array; subjects with a missing value are left out

    Raises
    ------
    UsageError
        Fewer than two conditions, or too few whole subjects, or nothing varies.
    """
    table = np.asarray(values, float)
    if table.ndim != 2 or table.shape[1] < 2:
        message = f"an array of shape {table.shape}; give a row per subject and two or more conditions"
        raise UsageError(message)
    table = table[np.isfinite(table).all(axis=1)]
    n, k = table.shape
    if n < 3:
        message = f"{n} subjects were measured under every condition; 3 are needed"
        raise UsageError(message)
    middle = table.mean()
    between = n * float(((table.mean(axis=0) - middle) ** 2).sum())
    left = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + middle
    error = float((left**2).sum())
    if error <= 1e-12 * max(float((table**2).sum()), 1e-300):
        message = "subjects do not differ in how conditions change them, so there is no error to compare with"
        raise UsageError(message)
    df, df_error = k - 1, (k - 1) * (n - 1)
    f = (between / df) / (error / df_error)
    gg, hf = epsilons(table)
    return RepeatedMeasures(
        subjects=n,
        conditions=k,
        f=f,
        df_conditions=df,
        df_error=df_error,
        p=float(stats.f.sf(f, df, df_error)),
        epsilon_gg=gg,
        p_gg=float(stats.f.sf(f, gg * df, gg * df_error)),
        epsilon_hf=hf,
        p_hf=float(stats.f.sf(f, hf * df, hf * df_error)),
        partial_eta_squared=between / (between + error),
    )


def epsilons(table: FloatArray) -> tuple[float, float]:
    """Return Greenhouse and Geisser's, and Huynh and Feldt's epsilon of (subjects, conditions) values."""
    n, k = table.shape
    contrasts = linalg.helmert(k)  # (k - 1, k), orthonormal
    covariance = contrasts @ np.cov(table, rowvar=False) @ contrasts.T
    gg = float(np.trace(covariance) ** 2 / ((k - 1) * (covariance**2).sum()))
    below = (k - 1) * (n - 1 - (k - 1) * gg)
    hf = (n * (k - 1) * gg - 2) / below if below > 0 else 1.0
    return gg, float(min(max(hf, gg), 1.0))
