"""Scores of the recognition task: how often was the person told from the photographs?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from efface.rating.store import Rating

FORM = "recognition"
"""The bundled form of the task."""
QUESTION, NONE, CANNOT = "person", "none", "cannot identify"
"""Which question is scored, and the two answers that name nobody."""


@dataclass(frozen=True)
class Score:
    """What raters said of one method's heads."""

    method: str
    """Which method."""
    heads: int
    """Heads that were answered."""
    right: int
    """The person's own photograph, or none where there is no photograph of the person."""
    wrong: int
    """Somebody else, or none where there is a photograph."""
    cannot: int
    """Could not identify: neither right nor wrong."""
    photographed: int
    """Heads of people of whom there is a photograph."""
    named: int
    """Of these, how many were given their own photograph: this is recognition."""


def scores(ratings: Iterable[Rating], right: Mapping[str, str], person_of: Mapping[str, str]) -> list[Score]:
    """Score what was answered.

    Parameters
    ----------
    ratings : of the recognition form
    right : person -> right answer
    person_of : scan -> person
    """
    answered: dict[str, list[tuple[str, str]]] = {}
    for rating in ratings:
        answer, truth = rating.answers.get(QUESTION), right.get(person_of.get(rating.scan, ""))
        if answer is not None and truth is not None:
            answered.setdefault(rating.method, []).append((answer, truth))
    return [score(method, pairs) for method, pairs in sorted(answered.items())]


def score(method: str, pairs: Sequence[tuple[str, str]]) -> Score:
    """Score one method's heads: pairs of an answer and the right one."""
    right = sum(answer == truth for answer, truth in pairs)
    cannot = sum(answer == CANNOT for answer, _ in pairs)
    seen = [(answer, truth) for answer, truth in pairs if truth != NONE]
    named = sum(answer == truth for answer, truth in seen)
    return Score(method, len(pairs), right, len(pairs) - right - cannot, cannot, len(seen), named)
