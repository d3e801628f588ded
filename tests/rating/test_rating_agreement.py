"""Free-marginal kappa as Randolph (2005) defines it, against values worked out by hand."""

import pytest

from efface.rating.agreement import agreement


@pytest.mark.parametrize(
    ("answers", "possible", "percent", "kappa"),
    [
        (["aa", "bb", "cc"], 3, 100, 1),
        (["ab", "ba"], 2, 0, -1),
        (["aa", "ab"], 2, 50, 0),
        (["aa", "aa", "ab"], 3, 200 / 3, 0.5),
        (["aaab", "aabb"], 2, 100 * (1 / 2 + 1 / 3) / 2, 2 * (1 / 2 + 1 / 3) / 2 - 1),
        (["aaa", "ab", "a"], 4, 50, 1 / 3),
    ],
)
def test_agreement_worked_out_by_hand(answers, possible, percent, kappa):
    found = agreement(answers, possible)
    assert found.percent == pytest.approx(percent)
    assert found.kappa == pytest.approx(kappa)
    assert found.things == sum(len(each) > 1 for each in answers)


def test_nothing_to_compare():
    found = agreement(["a", "b", ""], 2)
    assert (found.things, found.percent, found.kappa) == (0, None, None)
