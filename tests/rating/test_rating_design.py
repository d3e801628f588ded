"""Orders are drawn by lot, the same for the same seed, and tell nobody what is shown."""

from dataclasses import replace
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from efface.rating.design import APART, order, shuffled
from efface.rating.folder import Folder, Item
from efface.rating.form import load_form


def items(count, methods=1, people=None):
    return tuple(
        Item(
            f"scan-{n}", f"method-{m}", "", Path("defaced.nii"), Path(f"original-{n}.nii"), f"p{n % (people or count)}"
        )
        for n in range(count)
        for m in range(methods)
    )


FORM = load_form("outcome")


@given(st.integers(1, 60), st.floats(0, 1), st.integers())
def test_everything_is_shown_once_and_repeats_follow_at_a_distance(count, repeats, seed):
    every = items(count)
    shown = shuffled(every, repeats, Random(seed))
    first = [item for item, repeat in shown if not repeat]
    again = [item for item, repeat in shown if repeat]
    assert sorted(item.scan for item in first) == sorted(item.scan for item in every)
    assert len(again) == min((count + 1) // 2, round(repeats * count)) == len({item.scan for item in again})
    for item in again:
        between = shown.index((item, 1)) - shown.index((item, 0)) - 1
        assert between >= min(APART, count // 2)


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_same_seed_and_rater_give_the_same_order(rater, seed):
    folder = Folder(Path(), items(12, methods=2), ())
    assert order(folder, FORM, rater, seed) == order(folder, FORM, rater, seed)


def test_raters_see_different_orders():
    folder = Folder(Path(), items(12, methods=2), ())
    seen = [[(s.scan, s.method) for s in order(folder, FORM, rater, "1")] for rater in ("A", "B", "C")]
    assert len({tuple(each) for each in seen}) == 3


@given(st.permutations(range(10)))
def test_ids_are_unique_and_do_not_follow_the_table(places):
    folder = Folder(Path(), tuple(items(10)[place] for place in places), ())
    shown = order(folder, replace(FORM, repeats=0.5), "A", "1")
    ids = [each.rating_id for each in shown]
    assert len(set(ids)) == len(ids) == 15
    assert {each.scan: each.rating_id for each in shown if not each.repeat} == {
        each.scan: each.rating_id for each in order(Folder(Path(), items(10), ()), FORM, "A", "1") if not each.repeat
    }
    assert not any("scan" in each or "method" in each for each in ids)


def test_recognition_draws_three_of_each_person_and_method_then_of_originals():
    folder = Folder(Path(), items(20, methods=2, people=4), ())
    shown = order(folder, load_form("recognition", 2), "A", "1")
    defaced = [each for each in shown if each.block == 0]
    assert len(defaced) == 3 * 4 * 2
    assert [each.block for each in shown] == sorted(each.block for each in shown)
    assert {each.method for each in shown if each.block == 1} == {"original"}
    assert len(shown) - len(defaced) == 3 * 4  # of originals as many as of each method
