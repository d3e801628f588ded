"""Does a measure go with age, or differ between groups?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from efface.errors import UsageError

LEAST = 4
"""Fewest points of which a correlation has a confidence interval."""


@dataclass(frozen=True)
class PearsonResult:
    """A linear correlation."""

    n: int
    """Points."""
    r: float
    """Pearson's coefficient."""
    low: float
    """95 % confidence interval (Fisher's z)."""
    high: float
    """See ``low``."""
    p: float
    """Of no linear relation, two-sided."""


def pearson(x: ArrayLike, y: ArrayLike) -> PearsonResult:
    """Correlate two measures; points with a missing value are left out.

    Raises
    ------
    UsageError
        Fewer than four points, or one of both never differs.
    """
    one, two = np.asarray(x, float), np.asarray(y, float)
    whole = np.isfinite(one) & np.isfinite(two)
    one, two = one[whole], two[whole]
    if len(one) < LEAST:
        message = f"{len(one)} points are too few for a correlation; {LEAST} are needed"
        raise UsageError(message)
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        message = "one of the two measures is the same throughout, so there is no correlation"
        raise UsageError(message)
    found = stats.pearsonr(one, two)
    interval = found.confidence_interval()
    return PearsonResult(
        len(one), float(found.statistic), float(interval.low), float(interval.high), float(found.pvalue)
    )


@dataclass(frozen=True)
class OneWayResult:
    """A one-way analysis of variance."""

    groups: Mapping[str, int]
    """Members of each group that counted."""
    f: float
    """Fisher's F."""
    df_between: int
    """Degrees of freedom between groups."""
    df_within: int
    """Degrees of freedom within groups."""
    p: float
    """Of equal means."""
    eta_squared: float
    """Share of the variance that lies between groups."""


def one_way_anova(groups: Mapping[str, Sequence[float]]) -> OneWayResult:
    """Compare the means of groups; groups with fewer than two values are left out.

    Raises
    ------
    UsageError
        Fewer than two groups remain, or nothing varies within them.
    """
    arrays = {name: np.asarray(values, float) for name, values in groups.items()}
    arrays = {name: values[np.isfinite(values)] for name, values in arrays.items()}
    arrays = {name: values for name, values in arrays.items() if len(values) >= 2}
    if len(arrays) < 2:
        message = f"{len(arrays)} group(s) of two or more members; an analysis of variance needs two groups"
        raise UsageError(message)
    within = sum(float(((values - values.mean()) ** 2).sum()) for values in arrays.values())
    everything = np.concatenate(list(arrays.values()))
    if within == 0:
        message = "nothing varies within the groups, so their means cannot be compared"
        raise UsageError(message)
    found = stats.f_oneway(*arrays.values())
    total = float(((everything - everything.mean()) ** 2).sum())
    return OneWayResult(
        groups={name: len(values) for name, values in arrays.items()},
        f=float(found.statistic),
        df_between=len(arrays) - 1,
        df_within=len(everything) - len(arrays),
        p=float(found.pvalue),
        eta_squared=1 - within / total,
    )
