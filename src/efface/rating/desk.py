"""What a rater is shown next, and what becomes of an answer; the web app asks here and decides nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256

from efface.errors import UsageError
from efface.evaluate.agreement import Agreement, agreement
from efface.rating.design import Shown, order
from efface.rating.folder import Folder, Item
from efface.rating.form import Form
from efface.rating.recognition import Score, scores
from efface.rating.store import Event, Rating, Store, debriefings, standing

NAME = re.compile(r"[\w][\w .-]{0,39}")
"""What a rater may be called."""
LONGEST = 4000
"""Letters in an answer in the rater's own words."""
CONSENSUS = "consensus"
"""The rater who stands for the meeting in which disagreements are settled."""


@dataclass(frozen=True)
class Place:
    """Where a rater is."""

    done: int
    """How many are rated."""
    total: int
    """Of how many."""
    shown: Shown | None
    """What comes next; None at the end."""
    following: Shown | None
    """What comes after that, to be prepared."""
    begins_block: bool
    """Whether a break comes first."""
    debriefing: bool
    """Whether only the questions at the end are left."""


class Desk:
    """All raters' work on one folder."""

    def __init__(self, folder: Folder, forms: Mapping[str, Form], store: Store, seed: str | None = None) -> None:
        self.folder = folder
        self.forms = forms
        self._store = store
        self._seed = store.seed(seed)
        shown = [form.name for form in forms.values() if form.photographs]
        if shown:
            store.photographs([photograph.person for photograph in folder.photographs], shown)
        self._asked: dict[tuple[str, str, str], Shown] = {}
        self._items = {(item.scan, item.method): item for item in (*folder.items, *folder.originals())}

    def form(self, name: str) -> Form:
        """Return a form by its name."""
        if name not in self.forms:
            message = f"no form is called {name!r}"
            raise UsageError(message)
        return self.forms[name]

    def item(self, shown: Shown) -> Item:
        """Return what a rater is shown."""
        item = self._items.get((shown.scan, shown.method))
        if item is None:
            message = "this scan is no longer in the table"
            raise UsageError(message)
        return item

    def shown(self, rater: str, form: str, rating_id: str) -> Shown:
        """Return what a browser asks for by its id."""
        key = (rater, form, rating_id)
        if key not in self._asked:
            shown = self._order(rater, self.form(form), self._store.events())
            self._asked |= {(rater, form, each.rating_id): each for each in shown}
        if key not in self._asked:
            message = "this was not shown to this rater"
            raise UsageError(message)
        return self._asked[key]

    def place(self, rater: str, form_name: str) -> Place:
        """Return where a rater is; draws the order when they begin."""
        form, events = self.form(form_name), self._store.events()
        shown = self._order(rater, form, events)
        rated = {each.rating_id for each in self._standing(events, rater, form)}
        left = [each for each in shown if each.rating_id not in rated]
        seen = {each.block for each in shown if each.rating_id in rated}
        asks = bool(form.debriefing) and rater != CONSENSUS and (rater, form.name) not in debriefings(events)
        return Place(
            done=len(shown) - len(left), total=len(shown), shown=left[0] if left else None,
            following=left[1] if len(left) > 1 else None,
            begins_block=bool(left) and left[0].block > 0 and left[0].block not in seen, debriefing=not left and asks,
        )  # fmt: skip

    def confirm(self, rater: str, form_name: str, rating_id: str, answers: Mapping[str, str]) -> None:
        """Keep a rating; when this returns, it is on the disk. No answers: the scan was skipped.

        Raises
        ------
        UsageError
            Not shown to this rater, or an answer that is missing or not among those to choose from.
        """
        form, shown = self.form(form_name), self.shown(rater, form_name, rating_id)
        if answers:
            _check(answers, {question.key: question.values for question in form.questions})
        body = {key: value for key, value in asdict(shown).items() if key not in ("rating_id", "block")}
        self._store.append("rating", rater, form.name, rating_id, {**body, "answers": dict(answers)})

    def undo(self, rater: str, form_name: str) -> dict[str, str] | None:
        """Take a rater's last rating back; return its answers, or None if there is none."""
        last = self._standing(self._store.events(), rater, self.form(form_name))[-1:]
        for each in last:
            self._store.append("undo", rater, form_name, each.rating_id, None)
        return dict(last[0].answers) if last else None

    def debrief(self, rater: str, form_name: str, answers: Mapping[str, str]) -> None:
        """Keep the answers to the questions at the end."""
        form = self.form(form_name)
        own_words = {question.key for question in form.debriefing if question.free_text}
        chosen = {key: answer for key, answer in answers.items() if key not in own_words}
        _check(chosen, {question.key: question.values for question in form.debriefing if not question.free_text})
        if any(len(answers.get(key, "")) > LONGEST for key in own_words):
            message = f"an answer is longer than {LONGEST} letters; shorten it"
            raise UsageError(message)
        self._store.append("debriefing", rater, form.name, "", dict(answers))

    def progress(self) -> list[dict[str, str | int]]:
        """Return how far each rater is with each form."""
        begun = dict.fromkeys((e.rater, e.form) for e in self._store.events() if e.kind == "order")
        rows: list[dict[str, str | int]] = []
        for rater, form in begun:
            if form in self.forms:
                place = self.place(rater, form)
                rows.append({"rater": rater, "form": form, "done": place.done, "total": place.total})
        return rows

    def agreements(self) -> list[dict[str, str | int | float | None]]:
        """Return how far raters agree with each other, and each with themselves, on every question."""
        rows = []
        kept = standing(self._store.events())
        for form in self.forms.values():
            own = [each for each in kept if each.form == form.name and each.answers and each.rater != CONSENSUS]
            for question, values in form.all_values().items():
                among = _answers_by_thing(own, form, question, repeats=False)
                rows.append(_agreement_row(form, question, "all raters", agreement(among.values(), values)))
                for rater in dict.fromkeys(each.rater for each in own):
                    mine = [each for each in own if each.rater == rater]
                    theirs = _answers_by_thing(mine, form, question, repeats=True)
                    rows.append(_agreement_row(form, question, rater, agreement(theirs.values(), values)))
        return [row for row in rows if row["things"]]

    def recognition(self) -> list[Score]:
        """Return the scores of forms with photographs."""
        named = {form.name for form in self.forms.values() if form.photographs}
        ratings = [each for each in standing(self._store.events()) if each.form in named and each.rater != CONSENSUS]
        people = {item.scan: item.person for item in self.folder.items}
        return scores(ratings, self.folder.right_answers(), people)

    def answers_of(self, shown: Shown, form_name: str) -> dict[str, list[str]]:
        """Return what raters answered of one thing, in no order that names them: for the consensus."""
        form, own = self.form(form_name), self._first_ratings(self._store.events(), form_name)
        same = [each for each in own if (each.scan, each.method) == (shown.scan, shown.method)]
        return {q.key: sorted(each.answers[q.key] for each in same if q.key in each.answers) for q in form.questions}

    def _order(self, rater: str, form: Form, events: Sequence[Event]) -> list[Shown]:
        """Return what a rater sees: as drawn when they began, with what came into the table since, not what went."""
        if rater == CONSENSUS:
            return self._disagreements(form, events)
        if not NAME.fullmatch(rater):
            message = f"{rater!r}: a rater's name is letters, digits, blanks, dots and dashes, at most 40"
            raise UsageError(message)
        drawings = [e.body for e in events if (e.kind, e.rater, e.form) == ("order", rater, form.name)]
        by_id = {each["rating_id"]: Shown(**each) for drawing in drawings for each in drawing}
        kept = list(by_id.values())  # two windows may have begun at the same time, and drawn the same
        drawn = order(self.folder, form, rater, self._seed)
        known = {(each.scan, each.method) for each in kept}
        new = [each for each in drawn if (each.scan, each.method) not in known]
        if form.per_person is not None and kept:
            new = []  # drawn by lot: what came later does not change the lot
        if new:
            self._store.append("order", rater, form.name, "", [asdict(each) for each in new])
        return [each for each in (*kept, *new) if (each.scan, each.method) in self._items]

    def _disagreements(self, form: Form, events: Sequence[Event]) -> list[Shown]:
        """Return what raters do not agree on, blinded like everything else; whom they know is nothing to settle."""
        if form.photographs:
            return []
        asked = [question.key for question in form.questions]
        by_thing: dict[tuple[str, str], list[Rating]] = {}
        for each in self._first_ratings(events, form.name):
            by_thing.setdefault((each.scan, each.method), []).append(each)
        return [
            Shown(sha256(f"{self._seed} {CONSENSUS} {form.name} {thing}".encode()).hexdigest()[:12], *thing,
                  ratings[0].cohort, 0, 0)
            for thing, ratings in sorted(by_thing.items())
            if any(len({each.answers.get(key) for each in ratings}) > 1 for key in asked)
        ]  # fmt: skip

    @staticmethod
    def _first_ratings(events: Sequence[Event], form: str) -> list[Rating]:
        kept = [each for each in standing(events) if each.form == form and each.rater != CONSENSUS]
        return [each for each in kept if not each.repeat and each.answers]

    @staticmethod
    def _standing(events: Sequence[Event], rater: str, form: Form) -> list[Rating]:
        return [each for each in standing(events) if (each.rater, each.form) == (rater, form.name)]


def _check(answers: Mapping[str, str], values: Mapping[str, Sequence[str]]) -> None:
    wrong = [key for key in {**values, **answers} if answers.get(key) not in values.get(key, ())]
    if wrong:
        message = f"no answer, or one that is not among those to choose from: {', '.join(map(str, wrong))}"
        raise UsageError(message)


def _answers_by_thing(
    ratings: Sequence[Rating], form: Form, question: str, *, repeats: bool
) -> dict[tuple[str, str], list[str]]:
    """Return the answers to one question by what was rated; all raters' first ones, or with repeats."""
    found: dict[tuple[str, str], list[str]] = {}
    possible = form.all_values()[question]
    for each in ratings:
        if repeats or not each.repeat:
            answer = form.complete(each.answers).get(question)  # none, or another, where the form was another then
            found.setdefault((each.scan, each.method), []).extend([answer] if answer in possible else [])
    return found


def _agreement_row(form: Form, question: str, who: str, found: Agreement) -> dict[str, str | int | float | None]:
    return {"form": form.name, "question": question, "raters": who, **asdict(found)}
