"""Gao et al. 2022: what defacing does to segmentations, beside what rescanning does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from efface.errors import UsageError
from efface.study.analyses.drawing import grouped_boxes, legend_beside, new_figure, picture_grid
from efface.study.analyses.items import Figure, Item, NotRun, Section, Table, tried
from efface.study.config import ORIGINAL
from efface.study.label_tables import NINE, WHOLE
from efface.study.looking import load_picture
from efface.study.outcomes import Outcome
from efface.study.ratings import NO_RATINGS, consensus, first_answers, without_consensus
from efface.study.statistics.many import wilson_interval
from efface.study.tables import StudyTables
from efface.study.units import DONE, private_folder

CITATION = (
    "Gao C, Jin L, Prince JL, Carass A. Effects of defacing whole head MRI on neuroanalysis. "
    "Proc SPIE 12032, 120323W, 2022. doi:10.1117/12.2613175"
)
OUTCOMES = [outcome.value for outcome in Outcome]
GOOD = 0.96
"""Most regions of most tools were above this in the paper."""


def section(tables: StudyTables) -> Section:
    """Return the paper's tables and figures on this study's data."""
    items = [
        *tried("gao-table-1", "Table 1: success and failure, automatically", lambda: _table_1(tables)),
        *tried("gao-table-1-raters", "Table 1 by raters", lambda: _table_1_raters(tables)),
        *tried("gao-figure-1", "Figure 1: a slice and a render of each method", lambda: _figure_1(tables)),
        *tried("gao-figure-2", "Figure 2: Dice of brain regions, defaced against original", lambda: _figure_2(tables)),
        *tried("gao-figure-3", "Figure 3: where brain was removed", lambda: _figure_3(tables)),
        *tried("gao-figure-4", "Figure 4: defacing beside rescanning", lambda: _figure_4(tables)),
        *tried("time", "Time", lambda: _time(tables)),
    ]
    return Section("Effects on neuroanalysis (Gao et al. 2022)", CITATION, tuple(items))


def judged_units(tables: StudyTables) -> pd.DataFrame:
    """Return the units of methods that deface and were judged: not those of scans that could not be read."""
    units = tables["units"]
    return units[units["method"].isin(tables.methods) & units["outcome"].notna()]


def outcome_counts(frame: pd.DataFrame, methods: list[str], by_cohort: bool = True) -> pd.DataFrame:
    """Return how often each outcome came, for every method and cohort, with the interval of success."""
    rows = []
    cohorts = sorted(set(frame["cohort"].fillna(""))) if by_cohort else []
    for method in methods:
        mine = frame[frame["method"] == method]
        for cohort in ["all", *(cohorts if len(cohorts) > 1 else ())]:
            part = mine if cohort == "all" else mine[mine["cohort"].fillna("") == cohort]
            counts = {outcome: int((part["outcome"] == outcome).sum()) for outcome in OUTCOMES}
            low, high = wilson_interval(counts[Outcome.success.value], len(part))
            rows.append({"method": method, "cohort": cohort, "total": len(part), **counts,
                         "success %": 100 * counts[Outcome.success.value] / len(part) if len(part) else np.nan,
                         "95 % low": 100 * low, "95 % high": 100 * high})  # fmt: skip
    return pd.DataFrame(rows)


def _table_1(tables: StudyTables) -> Iterator[Item]:
    options = tables.config.options
    note = (
        f"Failure II: more than {options.brain_tolerance_ml:g} ml of what the network calls brain tissue changed, its "
        "outermost voxels not counted. Failure I: the method gave nothing, its program failed, or it covered less than "
        f"{options.untouched_below:.0%} of the visible skin of eyes, nose and mouth. Intervals are Wilson's; they take "
        "scans as independent, and are too narrow where people have several."
    )
    counts = outcome_counts(judged_units(tables), tables.methods)
    yield Table("gao-table-1", "Table 1: success and failure, automatically", counts, note)


def _table_1_raters(tables: StudyTables) -> Iterator[Item]:
    answers = first_answers(tables["ratings"], "outcome", "outcome")
    if answers.empty:
        raise UsageError(NO_RATINGS.format(form="outcome"))
    pooled = consensus(answers).rename("outcome").reset_index()
    pooled = pooled.merge(tables["scans"][["scan", "cohort"]], on="scan", how="left")
    undecided, raters = int(pooled["outcome"].isna().sum()), without_consensus(answers).shape[1]
    yield Table(
        "gao-table-1-raters", "Table 1: success and failure, by raters' consensus",
        outcome_counts(pooled.dropna(subset="outcome"), tables.methods),
        f"The answer of most of {raters} raters; {undecided} scans without a majority are left out.",
    )  # fmt: skip


def _figure_1(tables: StudyTables) -> Iterator[Item]:
    done = tables["units"][tables["units"]["status"] == DONE]
    counts = done.groupby("scan", sort=True)["method"].nunique()
    if counts.empty:
        message = "no scan was measured"
        raise UsageError(message)
    scan = str(counts.idxmax())
    shown = tables.config.options.show_originals
    verified = set(done[(done["scan"] == scan) & done["verified"].eq(True)]["method"])
    pictures: dict[str, list[NDArray[np.uint8] | str]] = {}
    for method in ([ORIGINAL] if shown else []) + tables.methods:
        folder = private_folder(tables.folder, scan, method)
        may = shown or method in verified
        names = ("sagittal", "left_45")
        pictures[method] = [_picture(folder / f"{name}.png") if may else "withheld" for name in names]
    withheld = "" if shown else " Originals, and results that verification refused, are not shown."
    title = "Figure 1: a slice and a render of each method"
    yield Figure("gao-figure-1", title, picture_grid(pictures, ("slice", "render")), f"Scan {scan}.{withheld}")


def _picture(path: Path) -> NDArray[np.uint8] | str:
    picture = load_picture(path)
    return "no result" if picture is None else picture


def _figure_2(tables: StudyTables) -> Iterator[Item]:
    dice = tables["dice"][tables["dice"]["method"].isin(tables.methods)]
    if dice.empty:
        message = "no pipeline segmented both an original and a defaced scan"
        raise UsageError(message)
    for pipeline, part in dice.groupby("pipeline", sort=False):
        kept = part[part["kind"] != "label"].dropna(subset="dice")
        regions = [name for name in (WHOLE, *NINE) if name in set(kept["structure"])]
        series = {
            method: {region: list(mine[mine["structure"] == region]["dice"].dropna()) for region in regions}
            for method, mine in kept.groupby("method", sort=False)
        }
        figure, axes = new_figure(11, 4.2)
        grouped_boxes(axes[0, 0], regions, {name: series[name] for name in tables.methods if name in series}, "Dice")
        axes[0, 0].axhline(GOOD, color="grey", linewidth=0.8, linestyle=":")
        legend_beside(figure, axes[0, 0])
        title = f"Figure 2: Dice of brain regions, defaced against original ({pipeline})"
        yield Figure(f"gao-figure-2-{pipeline}", title, figure, f"Dotted: {GOOD}.")
        medians = kept.pivot_table("dice", "method", "structure", "median").reindex(tables.methods)[regions]
        yield Table(f"gao-figure-2-{pipeline}-numbers", f"{title}: medians", medians.reset_index())
        labels = part[part["kind"] == "label"].groupby(["method", "structure"], sort=False)["dice"]
        worst = labels.agg(["count", "median", "min"]).reset_index().sort_values("median")
        yield Table(f"gao-labels-{pipeline}", f"The labels that changed most ({pipeline})",
                    worst.groupby("method", sort=False).head(3), "The full list is in tables/dice.")  # fmt: skip


def _figure_3(tables: StudyTables) -> Iterator[Item]:
    units = judged_units(tables)
    damaged = units[units["outcome"] == Outcome.damaged.value].sort_values("brain_tissue_ml", ascending=False)
    if damaged.empty:
        yield NotRun("gao-figure-3", "Figure 3: where brain was removed", "no method removed brain from any scan")
        return
    found = {}
    for row in damaged.drop_duplicates("method").itertuples():
        picture = load_picture(private_folder(tables.folder, str(row.scan), str(row.method)) / "failure.png")
        if picture is not None:
            found[row.method] = (picture, row.scan, row.brain_tissue_ml)
    if not found:
        message = "no brain was found in what is left of the scans from which brain was removed"
        raise UsageError(message)
    figure, axes = new_figure(9, 2.6 * len(found), len(found), 1)
    for panel, (method, (picture, scan, volume)) in zip(axes[:, 0], found.items(), strict=True):
        panel.imshow(picture)
        panel.set_axis_off()
        panel.set_title(f"{method}: {volume:.1f} ml of brain, {scan}", fontsize=9)
    note = (
        "For each method that removed brain, its worst scan: original and segmentation, defaced and segmentation, "
        "where both differ. Cropped to the brain."
    )
    yield Figure("gao-figure-3", "Figure 3: where brain was removed", figure, note)


def _figure_4(tables: StudyTables) -> Iterator[Item]:
    rescans, dice = tables["rescan"], tables["dice"]
    if rescans.empty:
        message = "no participant has two sessions in one contrast; name them in the column session"
        raise UsageError(message)
    for pipeline, part in rescans[rescans["kind"] == "whole"].groupby("pipeline", sort=False):
        mine = dice[(dice["pipeline"] == pipeline) & (dice["kind"] == "whole") & dice["scan"].isin(part["scan"])]
        order = [*tables.methods, *tables.yardsticks]
        values = {name: list(mine[mine["method"] == name]["dice"].dropna()) for name in order}
        values |= {str(way): list(each["dice"].dropna()) for way, each in part.groupby("version")}
        values = {name: each for name, each in values.items() if each}
        figure, axes = new_figure(9, 4)
        grouped_boxes(axes[0, 0], list(values), {"whole brain": values}, "Dice, whole brain")
        title = f"Figure 4: defacing beside rescanning ({pipeline})"
        note = (
            "Of those who were scanned twice: first sessions defaced; rescan (1-2): the second session laid on the "
            "first by an affine registration weighted by the brain, (2-1): the first on the second."
        )
        yield Figure(f"gao-figure-4-{pipeline}", title, figure, note)
        rows = [{"version": name, "n": len(each), "median": np.median(each), "mean": np.mean(each), "min": min(each)}
                for name, each in values.items()]  # fmt: skip
        yield Table(f"gao-figure-4-{pipeline}-numbers", f"{title}: numbers", pd.DataFrame(rows))


def _time(tables: StudyTables) -> Iterator[Item]:
    units = judged_units(tables)
    found = units.groupby("method", sort=False)["seconds"].agg(["count", "median", "max"]).reset_index()
    note = "Finding the brain, which all methods share here, is not counted; several processes ran side by side."
    yield Table("time", "Time to plan, apply and verify, seconds a scan", found, note)
