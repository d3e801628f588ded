"""What raters are asked, as data: forms are TOML files, four of them bundled."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from efface.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BUNDLED = ("outcome", "two-criterion", "coverage", "recognition")
"""Gao 2022, Theyers 2021, Familiar 2025, and the recognition task of Theyers 2021."""
TURNED = tuple(float(angle) for angle in range(90, -91, -15))
"""Views of a head that can be turned, from the person's left to the right, degrees."""
FRONT = TURNED.index(0.0)
RESERVED = frozenset("qwerfoxubd?,.")
"""Keys that move images."""


@dataclass(frozen=True)
class Answer:
    """One possible answer."""

    value: str
    """What is stored."""
    label: str
    """What the rater reads."""
    press: str
    """The key that gives it."""
    help: str = ""
    """A few words more."""


@dataclass(frozen=True)
class Question:
    """One question with its answers."""

    key: str
    """Its name in tables."""
    text: str
    """What the rater reads."""
    answers: tuple[Answer, ...]
    """In the order in which they are shown."""
    free_text: bool = False
    """Whether it is answered in one's own words, or not at all, and has no answers to choose from."""

    @property
    def values(self) -> tuple[str, ...]:
        """What may be answered."""
        return tuple(answer.value for answer in self.answers)


@dataclass(frozen=True)
class Derived:
    """A question that other answers decide: yes or no."""

    key: str
    """Its name in tables."""
    yes_when: Mapping[str, tuple[str, ...]]
    """Yes if every one of these questions has one of these answers."""

    def answer(self, answers: Mapping[str, str]) -> str:
        """Return yes or no."""
        return "yes" if all(answers.get(key) in values for key, values in self.yes_when.items()) else "no"


@dataclass(frozen=True)
class Form:
    """What is shown and asked of each scan, and in what order."""

    name: str
    """Its name in tables."""
    title: str
    """What the rater reads."""
    intro: str
    """The same, before the first scan and beside each."""
    cites: str
    """Whose protocol it is."""
    questions: tuple[Question, ...]
    """Asked of each scan."""
    derived: tuple[Derived, ...] = ()
    """Decided by these answers."""
    debriefing: tuple[Question, ...] = ()
    """Asked once, at the end."""
    slices: bool = True
    """Whether slices are shown."""
    views: tuple[float, ...] = TURNED
    """Renders: how far the camera moves from the front to the person's left, degrees."""
    turn: bool = True
    """Whether one render is shown that can be turned, or all of them beside each other."""
    original: bool = False
    """Whether the original may be looked at."""
    repeats: float = 0.1
    """Share of scans that are shown twice."""
    per_person: int | None = None
    """Scans of each person and method that are drawn by lot; None for all."""
    originals_after: bool = False
    """Whether originals are rated too, after a break."""
    photographs: bool = False
    """Whether photographs of people are shown beside each head."""

    def all_values(self) -> dict[str, tuple[str, ...]]:
        """Return what may be answered to each question, derived ones included."""
        own = {question.key: question.values for question in self.questions}
        return own | {each.key: ("yes", "no") for each in self.derived}

    def complete(self, answers: Mapping[str, str]) -> dict[str, str]:
        """Add what follows from the answers; nothing where a scan was skipped."""
        return {**answers, **({each.key: each.answer(answers) for each in self.derived} if answers else {})}


def load_form(name: str, photographs: int = 0) -> Form:
    """Read a bundled form by its name, or another from a TOML file.

    Parameters
    ----------
    name : one of `BUNDLED`, or a path that ends in ``.toml``
    photographs : how many there are to choose from

    Raises
    ------
    UsageError
        No such form, or one that cannot be used.
    """
    if name in BUNDLED:
        text = (files("efface.rating") / "forms" / f"{name}.toml").read_bytes()
    elif name.endswith(".toml") and Path(name).is_file():
        text = Path(name).read_bytes()
    else:
        message = f"{name}: no such form; give one of {', '.join(BUNDLED)}, or a file that ends in .toml"
        raise UsageError(message)
    try:
        return read_form(Path(name).stem if name.endswith(".toml") else name, text.decode(), photographs)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        message = (
            f"{name}: not a form ({type(error).__name__}: {error}); compare it with a bundled one, see docs/rate.md"
        )
        raise UsageError(message) from error


def read_form(name: str, text: str, photographs: int = 0) -> Form:
    """Read a form from TOML; see `load_form`.

    Raises
    ------
    ValueError, KeyError, TypeError
        It is no TOML, or something is missing or clashes.
    """
    given = tomllib.loads(text)
    shows = given.get("shows", {})
    form = Form(
        name=name,
        title=given["title"],
        intro=given.get("intro", ""),
        cites=given.get("cites", ""),
        questions=tuple(_question(each, photographs) for each in given["question"]),
        derived=tuple(_derived(each) for each in given.get("derived", ())),
        debriefing=tuple(
            question for each in given.get("debriefing", ()) for question in _for_photographs(each, photographs)
        ),
        slices=shows.get("slices", True),
        views=tuple(float(angle) for angle in shows.get("views", TURNED)),
        turn=shows.get("turn", True),
        original=shows.get("original", False),
        repeats=float(given.get("repeats", 0.1)),
        per_person=given.get("per_person"),
        originals_after=given.get("originals_after", False),
        photographs=given.get("photographs", False),
    )
    _check(form)
    return form


def _question(given: Mapping[str, Any], photographs: int) -> Question:
    word = given.get("photographs")
    people = [Answer(f"photograph {n}", f"{word} {n}", str(n)) for n in range(1, photographs + 1)] if word else []
    answers = (*people, *(Answer(**each) for each in given.get("answer", ())))
    return Question(given["key"], given["text"], answers, given.get("free_text", False))


def _for_photographs(given: Mapping[str, Any], photographs: int) -> list[Question]:
    """Return a question once, or once for each photograph."""
    if not given.get("for_each_photograph"):
        return [_question(given, 0)]
    return [
        _question({**given, "key": f"{given['key']}_{n}", "text": given["text"].format(number=n)}, 0)
        for n in range(1, photographs + 1)
    ]


def _derived(given: Mapping[str, Any]) -> Derived:
    return Derived(given["key"], {key: tuple(values) for key, values in given["yes_when"].items()})


def _check(form: Form) -> None:
    """Raise ValueError where a key would mean two things, or a question could not be answered."""
    chosen = [question for question in form.debriefing if not question.free_text]
    for question in (*form.questions, *chosen):
        pressed = [answer.press for answer in question.answers]
        if len(pressed) < 2 or len(set(pressed)) < len(pressed) or len(set(question.values)) < len(pressed):
            message = f"question {question.key} needs two answers at least, each with its own value and key"
            raise ValueError(message)
        if any(len(press) != 1 or press.lower() in RESERVED for press in pressed):
            message = f"question {question.key}: a key is one sign, and none of {' '.join(sorted(RESERVED))}"
            raise ValueError(message)
    written = [question.key for question in form.questions if question.free_text]
    if written:
        message = f"question {written[0]}: only a question at the end can be answered in one's own words"
        raise ValueError(message)
    keys = [*(question.key for question in form.questions), *(each.key for each in form.derived)]
    if len(set(keys)) < len(keys):
        message = f"a question is asked twice: {', '.join(keys)}"
        raise ValueError(message)
    if not 0 <= form.repeats <= 1:
        message = f"repeats is {form.repeats}; give a share from 0 to 1"
        raise ValueError(message)
