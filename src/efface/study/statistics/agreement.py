"""How far raters agree: shares, and kappas that take chance off."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from efface.errors import UsageError
from efface.grid import FloatArray

Ratings = Sequence[Sequence[Hashable | None]]
"""One row per thing rated, one column per rater; None where a rater gave no answer."""


@dataclass(frozen=True)
class Agreement:
    """How far raters agreed on one question."""

    items: int
    """Things that at least two raters answered; only these count."""
    raters: int
    """Raters who answered anything."""
    percent: float
    """Share of pairs of answers to one thing that are the same, in percent."""
    free_marginal_kappa: float
    """Randolph 2005: chance is one in the number of answers that could be given."""
    fleiss_kappa: float
    """Fleiss 1971: chance follows from how often each answer was given; NaN where one answer was given throughout, or
    not all raters answered everything."""


def agreement(ratings: Ratings, answers: Sequence[Hashable]) -> Agreement:
    """Measure the agreement of two or more raters.

    Parameters
    ----------
    ratings : one row per thing rated, one column per rater
    answers : every answer that could be given, also those that nobody gave

    Raises
    ------
    UsageError
        Fewer than two answers could be given, an answer is none of them, or nothing was rated twice.
    """
    counts = _counts(ratings, answers)
    given = counts.sum(axis=1)
    pairs = (counts * (counts - 1)).sum(axis=1) / (given * (given - 1))
    share = float(pairs.mean())
    chance = 1 / len(answers)
    raters = sum(any(row[column] is not None for row in ratings) for column in range(len(ratings[0])))
    return Agreement(
        items=len(counts),
        raters=raters,
        percent=100 * share,
        free_marginal_kappa=(share - chance) / (1 - chance),
        fleiss_kappa=_fleiss(counts),
    )


def _counts(ratings: Ratings, answers: Sequence[Hashable]) -> FloatArray:
    """Return how often each answer was given to each thing that two raters or more answered."""
    if len(set(answers)) < 2:
        message = f"agreement on {len(set(answers))} possible answer means nothing; name every answer that can be given"
        raise UsageError(message)
    unknown = {each for row in ratings for each in row if each is not None} - set(answers)
    if unknown:
        message = f"answers {sorted(map(repr, unknown))} are none of {list(answers)}; check the ratings' form"
        raise UsageError(message)
    counts: FloatArray = np.array(
        [[sum(each == answer for each in row) for answer in answers] for row in ratings], float
    )
    counts = counts.reshape(len(ratings), len(answers))
    counts = counts[counts.sum(axis=1) >= 2]
    if not len(counts):
        message = "nothing was answered by two raters, so there is no agreement to measure; let two people rate"
        raise UsageError(message)
    return counts


def _fleiss(counts: FloatArray) -> float:
    from statsmodels.stats.inter_rater import fleiss_kappa

    given = counts.sum(axis=1)
    if np.ptp(given) > 0 or np.count_nonzero(counts.sum(axis=0)) < 2:
        return float("nan")
    return float(fleiss_kappa(counts, method="fleiss"))


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable], answers: Sequence[Hashable]) -> float:
    """Return Cohen's kappa (1960) of two raters; NaN where one answer was given throughout.

    Parameters
    ----------
    first, second : both raters' answers to the same things, in the same order
    answers : every answer that could be given
    """
    from statsmodels.stats.inter_rater import cohens_kappa

    table = np.zeros((len(answers), len(answers)))
    for one, other in zip(first, second, strict=True):
        table[answers.index(one), answers.index(other)] += 1
    if np.count_nonzero(table.sum(axis=0) + table.sum(axis=1)) < 2:
        return float("nan")
    return float(cohens_kappa(table, return_results=False))
