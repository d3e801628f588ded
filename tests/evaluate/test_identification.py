"""Ranks, rates and their confidence intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from efface.errors import UsageError
from efface.evaluate.attack.identification import Rate, identify

PEOPLE = [f"person{n}" for n in range(20)]


def test_the_same_faces_are_all_recognised():
    far = 1 - np.eye(20)
    found = identify(far, PEOPLE, PEOPLE)
    assert found.ranks.tolist() == [1] * 20
    assert found.rate(1) == Rate(20, 20, 0.05)
    assert found.rate(1).share == 1
    assert found.rate(5).chance == pytest.approx(0.25)
    assert found.could_not_run == 0


def test_where_all_look_alike_nobody_is_recognised():
    found = identify(np.ones((20, 20)), PEOPLE, PEOPLE)
    assert set(found.ranks.tolist()) == {11}
    assert found.rate(5).hits == 0


def test_guessing_hits_by_chance():
    distances = np.random.default_rng(0).random((2000, 20))
    found = identify(distances, PEOPLE * 100, PEOPLE)
    for rank in (1, 5):
        low, high = found.rate(rank).interval(0.999)
        assert low < found.rate(rank).chance < high


def test_a_person_counts_once_by_the_nearest_entry():
    found = identify([[3, 1, 2]], ["a"], ["b", "a", "a"])
    assert found.people == 2
    assert found.ranks.tolist() == [1]
    assert identify([[1, 1.5, 2]], ["a"], ["b", "b", "a"]).ranks.tolist() == [2]


def test_what_could_not_run_is_apart():
    nan = np.nan
    found = identify([[nan, nan, nan], [nan, 1, 2], [1, nan, nan]], ["a", "a", "a"], ["a", "b", "c"])
    assert found.ranks.tolist() == [0, 3, 1]
    assert found.could_not_run == 1
    assert found.rate(1) == Rate(1, 2, pytest.approx(1 / 3))


def test_without_probes_nothing_is_known():
    rate = identify(np.full((2, 2), np.nan), ["a", "b"], ["a", "b"]).rate(1)
    assert rate.share is None
    assert rate.interval() == (0, 1)


@pytest.mark.parametrize(
    ("shape", "probes", "gallery"),
    [((1, 2), ["a"], ["a"]), ((1, 2), ["z"], ["a", "b"]), ((1, 0), ["a"], []), ((2, 2), ["a"], ["a", "b"])],
)
def test_what_does_not_fit(shape, probes, gallery):
    with pytest.raises(UsageError):
        identify(np.zeros(shape), probes, gallery)


@given(probes=st.integers(1, 300), data=st.data())
def test_interval_is_exact(probes, data):
    hits = data.draw(st.integers(0, probes))
    expected = binomtest(hits, probes).proportion_ci(0.95, "exact")
    assert Rate(hits, probes, 0.1).interval() == pytest.approx((expected.low, expected.high), abs=1e-9)
