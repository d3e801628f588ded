"""Forms are data: the bundled ones ask what the papers asked, and a broken one is refused."""

import pytest

from efface.errors import UsageError
from efface.rating.form import BUNDLED, RESERVED, load_form, read_form

SMALL = """
title = "Nose"
[[question]]
key = "nose"
text = "Is there a nose?"
answer = [{ value = "yes", label = "Yes", press = "1" }, { value = "no", label = "No", press = "2" }]
"""


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("outcome", {"outcome": ("success", "failure I", "failure II")}),
        ("two-criterion", {"face": ("none", "one partial", "more"), "brain": ("no", "yes")}),
        (
            "coverage",
            dict.fromkeys(
                ("left_eye", "right_eye", "nose", "mouth", "left_ear", "right_ear"), ("0", "0.25", "0.5", "0.75", "1")
            )
            | {"brain": ("no", "yes")},
        ),
        ("recognition", {"person": ("photograph 1", "photograph 2", "none", "cannot identify")}),
    ],
)
def test_bundled_forms_ask_what_the_papers_asked(name, values):
    form = load_form(name, photographs=2)
    assert {question.key: question.values for question in form.questions} == values


@pytest.mark.parametrize("name", BUNDLED)
def test_no_key_means_two_things(name):
    form = load_form(name, photographs=4)
    for question in (*form.questions, *form.debriefing):
        pressed = [answer.press for answer in question.answers]
        assert bool(pressed) != question.free_text
        assert len(set(pressed)) == len(pressed)
        assert not RESERVED & set(pressed)


@pytest.mark.parametrize(
    ("face", "brain", "passed", "strict"),
    [
        ("none", "no", "yes", "yes"), ("one partial", "no", "yes", "no"), ("more", "no", "no", "no"),
        ("none", "yes", "no", "no"),
    ],
)  # fmt: skip
def test_two_criteria_decide_together(face, brain, passed, strict):
    answers = load_form("two-criterion").complete({"face": face, "brain": brain})
    assert (answers["pass"], answers["pass_strict"]) == (passed, strict)
    assert load_form("two-criterion").complete({}) == {}


def test_recognition_asks_of_each_photograph_at_the_end():
    form = load_form("recognition", photographs=2)
    assert [question.key for question in form.debriefing] == [
        "familiarity_1",
        "familiarity_2",
        "difficulty",
        "strategies",
    ]
    assert form.debriefing[-1].free_text
    assert "photograph 2" in form.debriefing[1].text
    assert (form.per_person, form.originals_after, form.views) == (3, True, (45.0, 0.0, -45.0))


def test_a_form_of_ones_own(tmp_path):
    path = tmp_path / "nose.toml"
    path.write_text(SMALL)
    form = load_form(str(path))
    assert (form.name, form.questions[0].values, form.repeats) == ("nose", ("yes", "no"), 0.1)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("title", "[title"), "TOML"), (('title = "Nose"', ""), "title"), (('press = "2"', 'press = "1"'), "own value"),
        (('press = "2"', 'press = "u"'), "a key is one sign"), (('press = "2"', 'press = "no"'), "a key is one sign"),
        (("title", "repeats = 2\ntitle"), "share"), (('label = "No", ', ""), "label"),
    ],
)  # fmt: skip
def test_a_broken_form_is_refused(tmp_path, change, word):
    path = tmp_path / "nose.toml"
    path.write_text(SMALL.replace(*change))
    with pytest.raises(UsageError, match=word):
        load_form(str(path))


def test_an_unknown_form_is_refused():
    with pytest.raises(UsageError, match="no such form"):
        load_form("beauty")


def test_words_of_ones_own_are_for_the_end():
    with pytest.raises(ValueError, match="at the end"):
        read_form("nose", SMALL + "free_text = true\n")


def test_a_question_asked_twice_is_refused():
    with pytest.raises(ValueError, match="asked twice"):
        read_form("nose", SMALL + SMALL.replace('title = "Nose"', ""))
