"""Events are only ever appended; what stands follows from them."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efface.errors import OutputError, UsageError
from efface.rating.store import Event, Store, debriefings, standing


def rating(rating_id, answer="yes", rater="A", form="f"):
    body = {"scan": f"s{rating_id}", "method": "m", "cohort": "", "repeat": 0, "answers": {"q": answer}}
    return Event("rating", rater, form, rating_id, body)


def undo(rating_id, rater="A", form="f"):
    return Event("undo", rater, form, rating_id, None)


def test_what_was_undone_is_gone_and_what_was_rated_again_counts_once():
    events = [rating("1"), rating("2"), undo("2"), rating("1", "no"), rating("2", rater="B"), rating("2", form="g")]
    assert [(one.rater, one.form, one.rating_id, one.answers["q"]) for one in standing(events)] == [
        ("A", "f", "1", "no"), ("B", "f", "2", "yes"), ("A", "g", "2", "yes"),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("123"), st.sampled_from(["yes", "no", None]))))
def test_standing_ratings_are_the_last_word_on_each(steps):
    events = [undo(i, rater) if answer is None else rating(i, answer, rater) for rater, i, answer in steps]
    last = {(rater, i): answer for rater, i, answer in steps}
    expected = {key: answer for key, answer in last.items() if answer is not None}
    assert {(one.rater, one.rating_id): one.answers["q"] for one in standing(events)} == expected


def test_a_new_window_sees_what_was_kept(tmp_path):
    store = Store(tmp_path)
    store.append("rating", "A", "f", "1", {"answers": {"q": "ü\n\t"}})
    other = Store(tmp_path)
    assert [event.body for event in other.events()] == [{"answers": {"q": "ü\n\t"}}]
    for each in (store, other):
        each.close()


@pytest.mark.parametrize("change", ["UPDATE event SET body = '1'", "DELETE FROM event"])
def test_nothing_is_changed_or_removed(tmp_path, change):
    store = Store(tmp_path)
    store.append("rating", "A", "f", "1", {})
    with sqlite3.connect(store.path) as other, pytest.raises(sqlite3.IntegrityError, match="never"):
        other.execute(change)
    other.close()
    assert len(store.events()) == 1
    store.close()


def test_the_seed_is_kept(tmp_path):
    store = Store(tmp_path)
    seed = store.seed()
    assert len(seed) == 16
    assert store.seed() == store.seed(seed) == seed
    with pytest.raises(UsageError, match="leave --seed out"):
        store.seed("another")
    store.close()


def test_a_folder_that_cannot_hold_ratings_is_refused(tmp_path):
    (tmp_path / "ratings.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(OutputError, match="cannot be kept"):
        Store(tmp_path)
    with pytest.raises(OutputError, match="cannot be kept"):
        Store(tmp_path / "nowhere")


def test_the_last_debriefing_counts():
    events = [Event("debriefing", "A", "f", "", {"q": "1"}), Event("debriefing", "A", "f", "", {"q": "2"})]
    assert debriefings(events) == {("A", "f"): {"q": "2"}}
