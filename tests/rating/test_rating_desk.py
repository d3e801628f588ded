"""What raters are shown next, what becomes of their answers, and what the organiser sees of it."""

import csv
import io

import pytest

from efface.errors import UsageError
from efface.rating.desk import CONSENSUS, Desk
from efface.rating.export import ratings_table
from efface.rating.folder import read_folder
from efface.rating.form import load_form

FORM = "outcome"


def rate(desk, rater, answer, form=FORM, many=100):
    """Rate what comes, as ``answer`` says of each."""
    for _ in range(many):
        shown = desk.place(rater, form).shown
        if shown is None:
            return
        desk.confirm(rater, form, shown.rating_id, answer(shown))


def outcome(value):
    return lambda shown: {"outcome": value}


def rows(desk, store):
    text = ratings_table(store.events(), desk.forms).decode()
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def test_a_rater_goes_through_everything_once_and_some_twice(desk, store):
    assert desk.place("A", FORM).total == 20
    rate(desk, "A", outcome("success"), many=7)
    place = desk.place("A", FORM)
    assert (place.done, place.shown is not None, place.following is not None) == (7, True, True)
    rate(desk, "A", outcome("success"))
    assert desk.place("A", FORM).shown is None
    assert len(rows(desk, store)) == 20
    assert sorted(row["repeat"] for row in rows(desk, store))[-3:] == ["0", "1", "1"]


def test_another_day_goes_on_where_it_stopped(desk, folder, store):
    before = [desk.place("A", FORM).shown]
    rate(desk, "A", outcome("success"), many=3)
    before.append(desk.place("A", FORM).shown)
    again = Desk(folder, desk.forms, store)
    assert again.place("A", FORM).shown == before[1] != before[0]
    assert again.place("A", FORM).done == 3


def test_what_came_into_the_table_later_is_shown_too(desk, folder, store):
    shorter = Desk(type(folder)(folder.path, folder.items[:4], ()), desk.forms, store)
    rate(shorter, "A", outcome("success"))
    assert shorter.place("A", FORM).shown is None
    place = desk.place("A", FORM)
    assert place.done == 4
    assert place.total >= 18
    rate(desk, "A", outcome("success"))
    assert len({(row["scan"], row["method"]) for row in rows(desk, store)}) == 18


def test_what_is_no_longer_in_the_table_is_not_shown_but_kept(desk, folder, store):
    rate(desk, "A", outcome("success"), many=20)
    desk.place("B", FORM)
    shorter = Desk(type(folder)(folder.path, folder.items[:4], ()), desk.forms, store)
    rate(shorter, "B", outcome("success"))
    assert shorter.place("B", FORM).shown is None
    assert len([row for row in rows(shorter, store) if row["rater"] == "A"]) == 20


def test_undo_brings_the_last_back_with_its_answer(desk, store):
    first = desk.place("A", FORM).shown
    rate(desk, "A", outcome("failure I"), many=1)
    assert desk.undo("A", FORM) == {"outcome": "failure I"}
    assert desk.place("A", FORM).shown == first
    assert rows(desk, store) == []
    assert desk.undo("A", FORM) is None
    assert [event.kind for event in store.events()] == ["seed", "photographs", "order", "rating", "undo"]


@pytest.mark.parametrize("answers", [{"outcome": "superb"}, {"other": "success"}, {"outcome": "success", "more": "1"}])
def test_answers_that_are_none_are_refused(desk, answers):
    shown = desk.place("A", FORM).shown
    with pytest.raises(UsageError, match="no answer"):
        desk.confirm("A", FORM, shown.rating_id, answers)
    assert desk.place("A", FORM).done == 0


def test_what_was_not_shown_cannot_be_rated(desk):
    other = desk.place("B", FORM).shown
    for rating_id in (other.rating_id, "sub-00"):
        with pytest.raises(UsageError, match="not shown"):
            desk.confirm("A", FORM, rating_id, {"outcome": "success"})


def test_a_skipped_scan_counts_as_done_and_has_no_row(desk, store):
    desk.confirm("A", FORM, desk.place("A", FORM).shown.rating_id, {})
    assert desk.place("A", FORM).done == 1
    assert rows(desk, store) == []


def test_kappa_is_what_is_worked_out_by_hand(desk):
    """B differs on 5 of 18: 13/18 agree; (13/18 - 1/3) / (2/3) = 0.58333. A calls one of two repeats another thing."""
    again = {}

    def changed(shown):
        again[shown.rating_id] = shown.repeat
        return {"outcome": "failure I" if shown.repeat and sum(again.values()) == 1 else "success"}

    rate(desk, "A", changed)
    rate(desk, "B", lambda shown: {"outcome": "failure II" if shown.scan < "sub-02" or shown.method + shown.scan ==
                                   "anatomysub-05" else "success"})  # fmt: skip
    found = {row["raters"]: row for row in desk.agreements()}
    assert found["all raters"]["things"] == 18
    assert found["all raters"]["percent"] == pytest.approx(100 * 13 / 18)
    assert found["all raters"]["kappa"] == pytest.approx(0.583333, abs=1e-6)
    assert (found["A"]["things"], found["A"]["percent"], found["A"]["kappa"]) == (2, 50, pytest.approx(0.25))
    assert found["B"]["percent"] == 100


def test_disagreements_are_settled_blinded(desk, store):
    rate(desk, "A", outcome("success"))
    rate(desk, "B", lambda shown: {"outcome": "failure I" if shown.scan == "sub-03" else "success"})
    place = desk.place(CONSENSUS, FORM)
    assert (place.done, place.total) == (0, 2)
    assert desk.answers_of(place.shown, FORM) == {"outcome": ["failure I", "success"]}
    rate(desk, CONSENSUS, outcome("failure I"))
    assert desk.place(CONSENSUS, FORM).shown is None
    settled = [row for row in rows(desk, store) if row["rater"] == CONSENSUS]
    assert [(row["scan"], row["answer"]) for row in settled] == [("sub-03", "failure I")] * 2
    assert {row["raters"] for row in desk.agreements()} == {"all raters", "A", "B"}


def test_derived_answers_are_exported_and_agreed_upon(desk, store):
    form = "two-criterion"
    rate(desk, "A", lambda shown: {"face": "none", "brain": "no"}, form)
    rate(desk, "B", lambda shown: {"face": "one partial", "brain": "no"}, form)
    passed = [row["answer"] for row in rows(desk, store) if row["question"] == "pass"]
    assert passed == ["yes"] * 40
    found = {row["question"]: row["kappa"] for row in desk.agreements() if row["raters"] == "all raters"}
    assert found == {"face": pytest.approx(-0.5), "brain": 1, "pass": 1, "pass_strict": -1}


def test_the_recognition_task_is_scored(desk, store):
    form = "recognition"
    right = {"sub-00": "photograph 1", "sub-03": "photograph 1", "sub-06": "photograph 1"}
    right |= {"sub-01": "photograph 2", "sub-04": "photograph 2", "sub-07": "photograph 2"}

    def answer(shown):
        if shown.method == "anatomy":
            return {"person": "cannot identify"}
        return {"person": right.get(shown.scan, "none") if shown.method == "original" else "photograph 1"}

    assert desk.place("A", form).total == 18 + 1
    rate(desk, "A", answer, form, many=18)
    place = desk.place("A", form)
    assert place.begins_block
    assert place.shown.method == "original"
    rate(desk, "A", answer, form)
    assert desk.place("A", form).debriefing
    with pytest.raises(UsageError, match="difficulty"):
        desk.debrief("A", form, {"familiarity_1": "known", "familiarity_2": "unknown"})
    chosen = {"familiarity_1": "known", "familiarity_2": "unknown", "difficulty": "4"}
    with pytest.raises(UsageError, match="longer"):
        desk.debrief("A", form, {**chosen, "strategies": 5000 * "ears "})
    desk.debrief("A", form, {**chosen, "strategies": "ears,\tmostly\n=1+1"})
    assert not desk.place("A", form).debriefing
    scores = {score.method: score for score in desk.recognition()}
    assert (scores["anatomy"].cannot, scores["anatomy"].right, scores["anatomy"].wrong) == (9, 0, 0)
    assert (scores["quickshear"].right, scores["quickshear"].wrong) == (3, 6)
    assert (scores["quickshear"].named, scores["quickshear"].photographed) == (3, 6)
    assert (scores["original"].heads, scores["original"].right) == (1, 1)
    assert rows(desk, store)[-2]["question"] == "difficulty"
    assert rows(desk, store)[-1]["answer"] == "ears, mostly =1+1"


def test_whom_raters_know_is_nothing_to_settle(desk):
    for rater, answer in (("A", "none"), ("B", "cannot identify")):
        rate(desk, rater, lambda shown, answer=answer: {"person": answer}, "recognition")
    assert desk.place(CONSENSUS, "recognition").total == 0


def test_photographs_keep_their_numbers(desk, folder, store, rated):
    """Answers say "photograph 1": in another order they would mean somebody else. Before, the table can be mended."""
    (rated / "photographs.tsv").write_text("person\tfile\nperson-2\tone.png\n")
    Desk(read_folder(rated), desk.forms, store)
    Desk(folder, desk.forms, store)
    rate(desk, "A", lambda shown: {"person": "none"}, "recognition", many=1)
    (rated / "photographs.tsv").write_text("person\tfile\nperson-1\ttwo.jpg\nperson-0\tone.png\n")
    with pytest.raises(UsageError, match="when rating began"):
        Desk(read_folder(rated), desk.forms, store)
    Desk(folder, desk.forms, store)
    Desk(read_folder(rated), {FORM: desk.form(FORM)}, store)


@pytest.mark.parametrize("name", ["", " A", "a/b", "<b>", "x" * 41, "a\tb", "a\n"])
def test_names_that_are_none_are_refused(desk, name):
    with pytest.raises(UsageError, match="name"):
        desk.place(name, FORM)


def test_an_unknown_form_is_refused(desk):
    with pytest.raises(UsageError, match="beauty"):
        desk.place("A", "beauty")


def test_progress_names_raters_and_forms(desk):
    rate(desk, "A", outcome("success"), many=2)
    desk.place("B", "coverage")
    assert desk.progress() == [
        {"rater": "A", "form": "outcome", "done": 2, "total": 20},
        {"rater": "B", "form": "coverage", "done": 0, "total": 20},
    ]


def test_ratings_of_a_form_that_was_changed_since_do_no_harm(desk, folder, store):
    rate(desk, "A", outcome("success"))
    rate(desk, "B", outcome("success"))
    other = Desk(
        folder, {FORM: load_form("coverage").__class__(**{**vars(load_form("coverage")), "name": FORM})}, store
    )
    assert other.agreements() == []
    assert len(rows(other, store)) == 40
    other.place(CONSENSUS, FORM)
