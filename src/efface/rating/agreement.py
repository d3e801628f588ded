"""How far raters agree: percent agreement, and Randolph's free-marginal kappa (Randolph 2005)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """Agreement on one question."""

    things: int
    """Things that two raters or more answered."""
    percent: float | None
    """Share of pairs of raters that agree, mean over things, in percent; None without any."""
    kappa: float | None
    """The same beyond chance, if every answer were as likely; 1 for full agreement."""


def agreement(answers: Iterable[Sequence[str]], possible: int) -> Agreement:
    """Return how far raters agree.

    Parameters
    ----------
    answers : for each thing the answers of its raters
    possible : how many answers there are to choose from
    """
    shares = [_agreeing(each) for each in answers if len(each) > 1]
    if not shares:
        return Agreement(0, None, None)
    observed, chance = sum(shares) / len(shares), 1 / possible
    return Agreement(len(shares), 100 * observed, (observed - chance) / (1 - chance))


def _agreeing(answers: Sequence[str]) -> float:
    """Return the share of pairs of raters that gave the same answer."""
    pairs = len(answers) * (len(answers) - 1)
    return sum(count * (count - 1) for count in Counter(answers).values()) / pairs
