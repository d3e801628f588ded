"""How far raters agree: shares of pairs, and kappas that take chance off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from efface.errors import UsageError

Ratings = Sequence[Sequence[Hashable]]
"""For each thing that was rated, the answers that it was given; raters who gave none are left out."""


@dataclass(frozen=True)
class Agreement:
    """How far raters agreed on one question."""

    things: int
    """Things that were answered twice or more; only these count."""
    percent: float | None
    """Share of pairs of answers to one thing that are the same, mean over things, in percent; None without any."""
    kappa: float | None
    """Randolph 2005, free-marginal: the same beyond chance, which is one in the number of possible answers."""


def agreement(answers: Iterable[Sequence[Hashable]], possible: Sequence[Hashable]) -> Agreement:
    """Measure how far answers to the same things agree.

    Parameters
    ----------
    answers : for each thing the answers of its raters
    possible : every answer that could be given, also those that nobody gave

    Raises
    ------
    UsageError
        Fewer than two answers could be given, or one is none of them.
    """
    given = _checked(answers, possible)
    if not given:
        return Agreement(0, None, None)
    observed, chance = sum(map(_agreeing, given)) / len(given), 1 / len(possible)
    return Agreement(len(given), 100 * observed, (observed - chance) / (1 - chance))


def fleiss_kappa(answers: Iterable[Sequence[Hashable]], possible: Sequence[Hashable]) -> float:
    """Return Fleiss' kappa (1971), whose chance follows from how often each answer was given (extra ``study``).

    NaN where it has no meaning: one answer was given throughout, or not all things were answered equally often.
    """
    from statsmodels.stats.inter_rater import fleiss_kappa as by_counts

    given = _checked(answers, possible)
    if len({len(each) for each in given}) != 1 or len({answer for each in given for answer in each}) < 2:
        return float("nan")
    return float(by_counts([[Counter(each)[answer] for answer in possible] for each in given], method="fleiss"))


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable], possible: Sequence[Hashable]) -> float:
    """Return Cohen's kappa (1960) of two raters (extra ``study``); NaN where one answer was given throughout.

    Parameters
    ----------
    first, second : both raters' answers to the same things, in the same order
    possible : every answer that could be given
    """
    from statsmodels.stats.inter_rater import cohens_kappa

    pairs = Counter(map(tuple, _checked(zip(first, second, strict=True), possible)))
    if len({answer for pair in pairs for answer in pair}) < 2:
        return float("nan")
    return float(cohens_kappa([[pairs[one, other] for other in possible] for one in possible], return_results=False))


def _checked(answers: Iterable[Sequence[Hashable]], possible: Sequence[Hashable]) -> list[Sequence[Hashable]]:
    """Return what was answered twice or more; tell answers that could not be given."""
    if len(set(possible)) < 2:
        message = (
            f"agreement on {len(set(possible))} possible answer means nothing; name every answer that can be given"
        )
        raise UsageError(message)
    given = list(answers)
    unknown = {answer for each in given for answer in each} - set(possible)
    if unknown:
        message = f"answers {sorted(map(repr, unknown))} are none of {list(possible)}; check the ratings' form"
        raise UsageError(message)
    return [each for each in given if len(each) > 1]


def _agreeing(answers: Sequence[Hashable]) -> float:
    """Return the share of pairs of answers that are the same."""
    pairs = len(answers) * (len(answers) - 1)
    return sum(count * (count - 1) for count in Counter(answers).values()) / pairs
