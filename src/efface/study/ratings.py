"""What raters answered, as a table; and the pooled answer where several rated one thing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from efface.errors import UsageError
from efface.evaluate.agreement import Agreement, agreement
from efface.study.scan_lists import read_rows

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("rating_id", "rater", "form", "question", "scan", "method", "cohort", "answer", "repeat")
ITEM = ["scan", "method"]
CONSENSUS = "consensus"
"""The rater who stands for the meeting in which disagreements are settled; see `efface.rating.desk`."""
AGAIN = ("1", "true", "True", "yes")
"""What marks a repeat."""
NO_RATINGS = "no ratings of the form {form}; rate with `efface rate` and name the export in [options] ratings"


def read_ratings(path: Path | None) -> pd.DataFrame:
    """Read a table of ratings; empty where there is none yet, as raters come after methods.

    Raises
    ------
    UsageError
        A column is missing.
    """
    import pandas as pd

    if path is None or not path.is_file():
        return pd.DataFrame(columns=list(COLUMNS))
    frame = pd.DataFrame(read_rows(path))
    missing = [name for name in (*COLUMNS[1:6], "answer") if name not in frame.columns] if len(frame) else []
    if missing:
        message = f"{path}: no column {', '.join(missing)}; export it with `efface rate`, or write {', '.join(COLUMNS)}"
        raise UsageError(message)
    return frame.reindex(columns=list(COLUMNS))


def of_raters(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return what raters themselves answered, the first time."""
    return ratings[(ratings["rater"] != CONSENSUS) & ~ratings["repeat"].isin(AGAIN)]


def first_answers(ratings: pd.DataFrame, form: str, question: str) -> pd.DataFrame:
    """Return the first answer of each rater to each thing, repeats left out; a column a rater, NaN where none."""
    import pandas as pd

    kept = ratings[(ratings["form"] == form) & (ratings["question"] == question)]
    kept = kept[~kept["repeat"].isin(AGAIN)].drop_duplicates([*ITEM, "rater"], keep="last")
    if kept.empty:
        return pd.DataFrame()
    return kept.set_index([*ITEM, "rater"])["answer"].unstack("rater")  # noqa: PD010 - a pivot table wants numbers


def consensus(answers: pd.DataFrame) -> pd.Series:
    """Return the pooled answer of each thing: what most raters say; None where two answers are as frequent.

    A rater called ``consensus``, who stands for the meeting in which disagreements were settled, decides alone.
    """
    if CONSENSUS in answers.columns:
        settled = answers[CONSENSUS]
        return settled.where(settled.notna(), answers.drop(columns=CONSENSUS).apply(_majority, axis=1))
    return answers.apply(_majority, axis=1)


def without_consensus(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of raters alone: who settles what they disagree on is none of them."""
    return answers.drop(columns=CONSENSUS, errors="ignore")


def given_answers(answers: pd.DataFrame) -> list[list[str]]:
    """Return the answers of raters to each thing, for `efface.evaluate.agreement`."""
    return [row.dropna().tolist() for _, row in without_consensus(answers).iterrows()]


def agreement_on(answers: pd.DataFrame, possible: Sequence[str]) -> Agreement:
    """Return how far raters agreed.

    Raises
    ------
    UsageError
        Nothing was rated twice, or an answer is none of those that could be given.
    """
    found = agreement(given_answers(answers), possible)
    if not found.things:
        message = "nothing was answered by two raters, so there is no agreement to measure; let two people rate"
        raise UsageError(message)
    return found


def intra_rater(ratings: pd.DataFrame, form: str, question: str) -> pd.DataFrame:
    """Return pairs of first and repeated answers: columns ``rater``, ``first``, ``again``."""
    import pandas as pd

    kept = ratings[(ratings["form"] == form) & (ratings["question"] == question)]
    again = kept["repeat"].isin(AGAIN)
    keys = [*ITEM, "rater"]
    both = kept[~again].merge(kept[again], on=keys, suffixes=("_first", "_again"))
    return pd.DataFrame({"rater": both["rater"], "first": both["answer_first"], "again": both["answer_again"]})


def _majority(row: pd.Series) -> str | None:
    counts = row.dropna().value_counts()
    if counts.empty or (len(counts) > 1 and counts.iloc[0] == counts.iloc[1]):
        return None
    return str(counts.index[0])
