"""The recognition task of Theyers et al. 2021: do people know whose head it is, before and after?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from efface.errors import UsageError
from efface.rating.folder import PHOTOGRAPHS, read_photographs, right_answers
from efface.rating.recognition import FORM, NONE, QUESTION, score
from efface.study.analyses.items import Item, Table
from efface.study.config import ORIGINAL
from efface.study.ratings import NO_RATINGS, of_raters
from efface.study.statistics.many import wilson_interval
from efface.study.tables import StudyTables

FAMILIARITY = "familiarity_"
"""Beginning of the questions at the end that ask how well a rater knows the person of a photograph."""


def recognition(tables: StudyTables) -> Iterator[Item]:
    """Yield how often raters were right, the same by how well they know the person, and what they said at the end.

    Raises
    ------
    UsageError
        Nobody did the task, or nobody says whose photographs were shown.
    """
    ratings = of_raters(tables["ratings"])
    ratings = ratings[ratings["form"] == FORM]
    people = tables["scans"][["scan", "participant"]]
    heads = ratings[ratings["question"] == QUESTION].merge(people, on="scan")
    if heads.empty:
        raise UsageError(NO_RATINGS.format(form=FORM))
    shown = [photograph.person for photograph in read_photographs(tables.folder)]
    if not shown:
        message = f"nobody says whose photographs raters saw; put {PHOTOGRAPHS} into the study's folder"
        raise UsageError(message)
    heads = heads.assign(truth=heads["participant"].map(right_answers(shown, heads["participant"])))
    order = [name for name in (ORIGINAL, *tables.methods) if name in set(heads["method"])]
    rows = [_row(method, heads[heads["method"] == method], len(shown)) for method in order]
    note = (
        "Right: the person's own photograph, or none of them where there is none of the person. Recognised: of heads "
        "of photographed people, those given their own. Chance: of one answer in as many as there are photographs, "
        "and none of them. Intervals are Wilson's, as if answers did not depend on each other."
    )
    yield Table("theyers-recognition", "Human recognition task", pd.DataFrame(rows), note)
    yield from _by_familiarity(heads, ratings, order)
    yield from _at_the_end(ratings)


def _row(method: str, part: pd.DataFrame, photographs: int) -> dict[str, str | float]:
    found = score(method, list(zip(part["answer"], part["truth"], strict=True)))
    return {
        "version": method, "answers": found.heads, "raters": part["rater"].nunique(),
        **_share("right", found.right, found.heads), "cannot identify %": 100 * found.cannot / found.heads,
        "photographed": found.photographed, **_share("recognised", found.named, found.photographed),
        "chance %": 100 / (photographs + 1),
    }  # fmt: skip


def _share(name: str, count: int, total: int) -> dict[str, float]:
    low, high = wilson_interval(count, total)
    share = 100 * count / total if total else float("nan")
    return {f"{name} %": share, f"{name} low": 100 * low, f"{name} high": 100 * high}


def _by_familiarity(heads: pd.DataFrame, ratings: pd.DataFrame, order: list[str]) -> Iterator[Table]:
    """Yield how many photographed people were recognised by raters who know them well, less, or not at all."""
    said = ratings[ratings["question"].str.startswith(FAMILIARITY)]
    known = {(row.rater, f"photograph {row.question.removeprefix(FAMILIARITY)}"): row.answer
             for row in said.itertuples()}  # fmt: skip
    seen = heads[heads["truth"] != NONE]
    seen = seen.assign(
        familiarity=[known.get((row.rater, row.truth)) for row in seen.itertuples()],
        named=seen["answer"] == seen["truth"],
    ).dropna(subset="familiarity")
    if seen.empty:
        return
    rows = [
        {"version": method, "familiarity": familiarity, "heads": len(part),
         **_share("recognised", int(part["named"].sum()), len(part))}
        for method in order for familiarity, part in seen[seen["method"] == method].groupby("familiarity")
    ]  # fmt: skip
    title = "Human recognition task, by how well raters know the person"
    yield Table("theyers-recognition-familiarity", title, pd.DataFrame(rows), "Photographed people only.")


def _at_the_end(ratings: pd.DataFrame) -> Iterator[Table]:
    """Yield what raters answered to the questions at the end."""
    said = ratings[ratings["question"] != QUESTION]
    if len(said):
        counts = said.groupby(["question", "answer"]).size().rename("raters").reset_index()
        yield Table("theyers-recognition-debriefing", "Human recognition task: questions at the end", counts)
