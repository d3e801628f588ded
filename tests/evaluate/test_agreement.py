"""Kappas against published worked examples, and against values worked out by hand."""

import numpy as np
import pytest

from efface.errors import UsageError
from efface.evaluate.agreement import agreement, cohen_kappa, fleiss_kappa


@pytest.mark.parametrize(
    ("answers", "possible", "percent", "kappa"),
    [
        (["aa", "bb", "cc"], "abc", 100, 1),
        (["ab", "ba"], "ab", 0, -1),
        (["aa", "ab"], "ab", 50, 0),
        (["aa", "aa", "ab"], "abc", 200 / 3, 0.5),
        (["aaab", "aabb"], "ab", 100 * (1 / 2 + 1 / 3) / 2, 2 * (1 / 2 + 1 / 3) / 2 - 1),
        (["aaa", "ab", "a"], "abcd", 50, 1 / 3),
    ],
)
def test_agreement_worked_out_by_hand(answers, possible, percent, kappa):
    found = agreement(answers, possible)
    assert found.percent == pytest.approx(percent)
    assert found.kappa == pytest.approx(kappa)
    assert found.things == sum(len(each) > 1 for each in answers)


def test_nothing_to_compare():
    found = agreement(["a", "b", ""], "ab")
    assert (found.things, found.percent, found.kappa) == (0, None, None)


def test_what_could_not_be_answered_is_told():
    with pytest.raises(UsageError, match="none of"):
        agreement(["ac"], "ab")
    with pytest.raises(UsageError, match="means nothing"):
        agreement(["aa"], "a")


COUNTS = [
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
]  # fmt: skip
"""The example of ten things and 14 raters in Wikipedia's "Fleiss' kappa"."""


def test_fleiss_and_randolph():
    """Mean agreement 0.378, Fleiss' kappa 0.210."""
    pytest.importorskip("statsmodels")
    ratings = [[answer for answer, number in enumerate(row) for _ in range(number)] for row in COUNTS]
    found = agreement(ratings, range(5))
    assert found.things == 10
    assert found.percent == pytest.approx(37.8, abs=0.05)
    assert found.kappa == pytest.approx((0.378 - 0.2) / 0.8, abs=0.0005)
    assert fleiss_kappa(ratings, range(5)) == pytest.approx(0.210, abs=0.0005)


def test_fleiss_has_no_meaning_without_variety_or_where_raters_left_things_out():
    pytest.importorskip("statsmodels")
    assert np.isnan(fleiss_kappa(["aa", "aa"], "ab"))
    assert np.isnan(fleiss_kappa(["aab", "ab"], "ab"))
    assert np.isnan(fleiss_kappa(["a"], "ab"))


def test_cohen():
    """The example of 50 grant proposals in Wikipedia's "Cohen's kappa": 0.4."""
    pytest.importorskip("statsmodels")
    first = [*["yes"] * 25, *["no"] * 25]
    second = [*["yes"] * 20, *["no"] * 5, *["yes"] * 10, *["no"] * 15]
    assert cohen_kappa(first, second, ("yes", "no")) == pytest.approx(0.4)
    assert np.isnan(cohen_kappa(["yes"], ["yes"], ("yes", "no")))
