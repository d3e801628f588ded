"""One number a scan and method for the face and one for the ears: measured, rated by people, and of masks."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from efface.study.ratings import consensus, first_answers
from efface.study.tables import StudyTables

FACE, EARS = ("left_eye", "right_eye", "nose", "mouth"), ("left_ear", "right_ear")
COMPOSITES = {"face": FACE, "ears": EARS}
FORM = "coverage"


def composites(tables: StudyTables) -> pd.DataFrame:
    """Return what Familiar et al. 2025 compared over contrasts, ages and groups, with the scan's columns.

    Returns
    -------
    values : columns of scans, ``method``, ``composite`` and ``covered``: the mean covered share of the features of
        `COMPOSITES`, the same by raters' consensus, and the Dice overlap with masks that people drew, 0 to 1
    """
    parts = [*_measured(tables), *_rated(tables), *_of_masks(tables)]
    return pd.concat(parts, ignore_index=True)


def _measured(tables: StudyTables) -> Iterator[pd.DataFrame]:
    frame = tables["coverage"]
    frame = frame[frame["method"].isin(tables.methods)]
    for name, features in COMPOSITES.items():
        kept = frame[frame["feature"].isin(features)]
        keys = [key for key in kept.columns if key not in ("feature", "covered")]
        grouped = kept.assign(covered=kept["covered"].astype(float)).groupby(keys, dropna=False, sort=False)
        yield grouped["covered"].mean().reset_index().assign(composite=name)


def _rated(tables: StudyTables) -> Iterator[pd.DataFrame]:
    for name, features in COMPOSITES.items():
        answers = {feature: first_answers(tables["ratings"], FORM, feature) for feature in features}
        pooled = {feature: consensus(each).astype(float) for feature, each in answers.items() if not each.empty}
        if pooled:
            covered = pd.DataFrame(pooled).mean(axis=1).rename("covered").reset_index()
            kept = covered[covered["method"].isin(tables.methods)]
            yield kept.merge(tables["scans"], on="scan").assign(composite=f"{name}, by raters")


def _of_masks(tables: StudyTables) -> Iterator[pd.DataFrame]:
    frame = tables["reference"]
    frame = frame[frame["method"].isin(tables.methods)] if len(frame) else frame
    if len(frame):
        kept = frame.drop(columns=["sensitivity", "hd95_mm"]).rename(columns={"dice": "covered"})
        yield kept.assign(composite="Dice of masks")
