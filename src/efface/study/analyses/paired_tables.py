"""Measures of defaced scans against those of their originals, as tables: correlation never without bias."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict

import pandas as pd

from efface.errors import UsageError
from efface.study.config import ORIGINAL
from efface.study.statistics.many import corrected
from efface.study.statistics.paired import LEAST_PAIRS, compare_paired
from efface.study.tables import StudyTables

KEYS = ["scan", "pipeline", "measure"]
GROUPS = ["method", "pipeline", "measure", "unit", "contrast"]
"""What is compared by itself: contrasts too, as brightness and what a network sees differ between them."""
NOTE = (
    "One pair a participant and contrast, the mean of sessions. Bias: defaced less original, with its 95 % interval, "
    "and percent of the original's mean; limits: of agreement. "
    "p of a paired t-test; Holm's correction is over this table's rows, as is Benjamini and Hochberg's (fdr). "
    "A rank correlation near 1 beside a bias means that everybody lost alike."
)


def paired_values(tables: StudyTables, wanted: Callable[[str], bool]) -> pd.DataFrame:
    """Return measures of originals and of every other version side by side, one row a participant and contrast.

    Scans of one person are not independent, so that sessions are averaged, of scans with both measures.

    Returns
    -------
    values : columns `GROUPS`, ``participant``, ``original`` and ``value``
    """
    measures = tables["measures"]
    measures = measures[[bool(wanted(str(name))) for name in measures["measure"]]]
    before = measures[measures["method"] == ORIGINAL][[*KEYS, "value"]].rename(columns={"value": "original"})
    after = measures[measures["method"] != ORIGINAL]
    both = after.merge(before.drop_duplicates(KEYS), on=KEYS).astype({"original": float, "value": float})
    whole = both.dropna(subset=["original", "value"]).fillna({"contrast": "", "unit": ""})
    return whole.groupby([*GROUPS, "participant"], sort=False)[["original", "value"]].mean().reset_index()


def comparison_table(values: pd.DataFrame, methods: Iterable[str]) -> pd.DataFrame:
    """Return one row for each method, measure and contrast.

    Raises
    ------
    UsageError
        No measure was taken of three participants before and after.
    """
    rows = []
    for method in methods:
        for names, part in values[values["method"] == method].groupby(GROUPS, sort=False):
            if len(part) >= LEAST_PAIRS and part["original"].any():
                found = compare_paired(part["original"], part["value"])
                rows.append({**dict(zip(GROUPS, names, strict=True)), **asdict(found)})
    if not rows:
        message = f"no measure was taken of {LEAST_PAIRS} participants both before and after"
        raise UsageError(message)
    table = pd.DataFrame(rows)
    for how in ("holm", "fdr"):
        table[f"p_{how}"] = corrected(table["p"].tolist(), how)
    return table


def short(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a comparison that are read first, with units."""
    return table[
        ["method", "contrast", "pipeline", "measure", "unit", "pairs", "mean_before", "mean_after", "bias", "bias_low",
         "bias_high", "bias_percent", "limit_low", "limit_high", "spearman", "t", "df", "p", "p_holm", "p_fdr",
         "cohen_d"]
    ]  # fmt: skip
