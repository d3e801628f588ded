"""Ratings as a tidy table: one row for each answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from efface.rating.form import Form
from efface.rating.store import Event, debriefings, standing

COLUMNS = ("rating_id", "rater", "form", "question", "scan", "method", "cohort", "answer", "repeat")


def ratings_table(events: Iterable[Event], forms: Mapping[str, Form]) -> bytes:
    """Return the ratings that stand as TSV, in the order in which they were confirmed.

    Parameters
    ----------
    events : from the store
    forms : which say what follows from answers

    Returns
    -------
    table : columns `COLUMNS`; a skipped scan has no row, the questions at the end have no scan
    """
    events = list(events)
    rows = [COLUMNS]
    for each in standing(events):
        form = forms.get(each.form)
        answers = form.complete(each.answers) if form else each.answers
        rows += [
            (each.rating_id, each.rater, each.form, question, each.scan, each.method, each.cohort, answer,
             str(each.repeat))
            for question, answer in answers.items()
        ]  # fmt: skip
    for (rater, name), answers in debriefings(events).items():
        rows += [("debriefing", rater, name, question, "", "", "", answer, "0") for question, answer in answers.items()]
    lines = ["\t".join(" ".join(cell.split()) for cell in row) for row in rows]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
