"""Theyers et al. 2021: pass or fail by two criteria, raters, face detectors, and effects on pre-processing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from efface.errors import UsageError
from efface.evaluate.agreement import cohen_kappa, fleiss_kappa
from efface.study.analyses.drawing import grouped_boxes, legend_beside, new_figure
from efface.study.analyses.gao import judged_units
from efface.study.analyses.items import Figure, Item, NotRun, Section, Table, tried
from efface.study.analyses.paired_tables import NOTE, comparison_table, paired_values, short
from efface.study.analyses.recognition import recognition
from efface.study.analyses.voxelwise import voxelwise
from efface.study.config import ORIGINAL
from efface.study.label_tables import SUBCORTICAL, WHOLE
from efface.study.ratings import (
    NO_RATINGS,
    agreement_on,
    consensus,
    first_answers,
    given_answers,
    intra_rater,
    without_consensus,
)
from efface.study.statistics.many import wilson_interval
from efface.study.tables import StudyTables

CITATION = (
    "Theyers AE, Zamyadi M, O'Reilly M, et al. Multisite comparison of MRI defacing software across multiple cohorts. "
    "Front Psychiatry 12:617997, 2021. doi:10.3389/fpsyt.2021.617997"
)
GLOBAL = (
    *(
        f"{name} volume"
        for name in (WHOLE, "intracranial", "cerebral_grey_matter", SUBCORTICAL, "cerebral_white_matter")
    ),
    *("BrainSegVol", "eTIV", "CortexVol", "SubCortGrayVol", "CerebralWhiteMatterVol"),
)
"""Total brain, intracranial, cortical and subcortical grey, and white matter; the latter as FreeSurfer calls them."""
FORM, QUESTION, ANSWERS = "two-criterion", "pass", ("yes", "no")


def section(tables: StudyTables) -> Section:
    """Return the paper's tables and figures on this study's data."""
    items = [
        *tried("theyers-pass", "Pass by two criteria, automatically", lambda: _automatic(tables)),
        *tried("theyers-figure-2", "Figure 2: pass by rater, cohort and method", lambda: _raters(tables)),
        *tried("theyers-agreement", "Agreement of raters", lambda: _agreements(tables)),
        *tried("theyers-intra", "Agreement of raters with themselves", lambda: _with_themselves(tables)),
        *tried("theyers-recognition", "Human recognition task", lambda: recognition(tables)),
        *tried("theyers-volumes", "Volumes", lambda: _measured(tables, "volumes", GLOBAL.__contains__)),
        *tried("theyers-thickness", "Mean cortical thickness", lambda: _thickness(tables)),
        *tried("theyers-cnr", "Contrast to noise", lambda: _measured(tables, "cnr", _is_cnr)),
        *tried("theyers-overlap", "Overlap of tissues", lambda: _overlap(tables)),
        *tried("theyers-registration", "Registration to a common space", lambda: _registration(tables)),
        *tried("theyers-maps", "Voxel-wise permutation test", lambda: voxelwise(tables)),
        *_yardsticks(tables),
    ]
    return Section("Multisite comparison (Theyers et al. 2021)", CITATION, tuple(items))


def _automatic(tables: StudyTables) -> Iterator[Item]:
    rows = []
    for (method, cohort), part in judged_units(tables).groupby(["method", "cohort"], sort=False, dropna=False):
        row = {"method": method, "cohort": cohort, "total": len(part)}
        for criterion in ("two_criteria", "strict"):
            passed = int(part[criterion].eq(True).sum())
            low, high = wilson_interval(passed, len(part))
            row[f"{criterion} %"] = 100 * passed / len(part)
            row |= {f"{criterion} low": 100 * low, f"{criterion} high": 100 * high}
        rows.append(row)
    note = (
        "Two criteria: of eyes, nose and mouth at most one is partly left, and no brain was removed. Strict: none is "
        "left. A feature is partly left where less than 95 % of its visible skin is covered."
    )
    yield Table("theyers-pass", "Pass by two criteria, automatically", pd.DataFrame(rows), note)


def _raters(tables: StudyTables) -> Iterator[Item]:
    answers = first_answers(tables["ratings"], FORM, QUESTION)
    if answers.empty:
        raise UsageError(NO_RATINGS.format(form=FORM))
    with_pooled = without_consensus(answers).assign(pooled=consensus(answers)).reset_index()
    raters = [name for name in with_pooled.columns if name not in ("scan", "method")]
    marked = with_pooled.merge(tables["scans"][["scan", "cohort"]], on="scan", how="left")
    rows = []
    for (method, cohort), part in marked.groupby(["method", "cohort"], sort=False):
        given = {rater: part[rater].dropna() for rater in raters}
        shares = {rater: 100 * float((each == "yes").mean()) for rater, each in given.items() if len(each)}
        rows.append({"method": method, "cohort": cohort, "total": len(part), **shares})
    frame = pd.DataFrame(rows).reindex(columns=["method", "cohort", "total", *raters])
    yield Table("theyers-figure-2", "Passed scans by rater, cohort and method, %", frame)
    figure, axes = new_figure(10, 4)
    cohorts = list(dict.fromkeys(frame["cohort"]))
    series = {
        str(method): {
            cohort: part[part["cohort"] == cohort][raters].to_numpy(float).ravel().tolist() for cohort in cohorts
        }
        for method, part in frame.groupby("method", sort=False)
    }
    grouped_boxes(axes[0, 0], cohorts, series, "passed by each rater and pooled, %")
    legend_beside(figure, axes[0, 0])
    title = "Figure 2: passed scans by rater"
    yield Figure("theyers-figure-2-drawn", title, figure, "One point for each rater and the pool.")


def _agreements(tables: StudyTables) -> Iterator[Item]:
    answers = first_answers(tables["ratings"], FORM, QUESTION)
    if answers.empty:
        raise UsageError(NO_RATINGS.format(form=FORM))
    yield Table("theyers-agreement", "Agreement of raters", _agreement(answers),
                "Percent agreement over pairs of raters; free-marginal kappa after Randolph 2005.")  # fmt: skip


def _with_themselves(tables: StudyTables) -> Iterator[Item]:
    again = intra_rater(tables["ratings"], FORM, QUESTION)
    if again.empty:
        yield NotRun("theyers-intra", "Agreement of raters with themselves", "nothing was rated twice by one rater")
        return
    repeated = [
        {"rater": rater, "repeated": len(part), "percent": 100 * float((part["first"] == part["again"]).mean()),
         "Cohen's kappa": cohen_kappa(list(part["first"]), list(part["again"]), ANSWERS)}
        for rater, part in again.groupby("rater")
    ]  # fmt: skip
    yield Table("theyers-intra", "Agreement of raters with themselves", pd.DataFrame(repeated))


def _agreement(answers: pd.DataFrame) -> pd.DataFrame:
    parts = {"all": answers}
    parts |= {
        str(name): part for name, part in answers.groupby(level="method", sort=False)
        if any(len(given) > 1 for given in given_answers(part))
    }  # fmt: skip
    rows = []
    for name, part in parts.items():
        found = agreement_on(part, ANSWERS)
        kappas = {"free-marginal kappa": found.kappa, "Fleiss' kappa": fleiss_kappa(given_answers(part), ANSWERS)}
        counts = {"items": found.things, "raters": int(without_consensus(part).notna().any().sum())}
        rows.append({"method": name, **counts, "percent agreement": found.percent, **kappas})
    return pd.DataFrame(rows)


def _measured(tables: StudyTables, key: str, wanted: Callable[[str], bool]) -> Iterator[Item]:
    table = short(comparison_table(paired_values(tables, wanted), tables.methods))
    title = "Contrast to noise of grey and white matter" if key == "cnr" else key.capitalize()
    yield Table(f"theyers-{key}", f"{title}, before and after", table, NOTE)


def _is_cnr(measure: str) -> bool:
    return measure == "cnr"


def _thickness(tables: StudyTables) -> Iterator[Item]:
    values = paired_values(tables, lambda name: "thickness" in name.lower() and "temporalis" not in name)
    if values.empty:
        message = (
            "the built-in pipeline measures no cortical thickness; give a pipeline with measures = "
            '"stats/{version}/{scan}/lh.aparc.stats" or a table of measures'
        )
        raise UsageError(message)
    yield Table("theyers-thickness", "Mean cortical thickness", short(comparison_table(values, tables.methods)), NOTE)


def _overlap(tables: StudyTables) -> Iterator[Item]:
    frame = tables["overlap"]
    frame = frame[frame["method"].isin([*tables.methods, *tables.yardsticks])]
    if frame.empty:
        message = "no pipeline segmented both an original and a defaced scan"
        raise UsageError(message)
    grouped = frame.groupby(["method", "pipeline", "tissue"], sort=False)["overlap"]
    yield Table("theyers-overlap", "Overlap of tissues, |D and O| / |D or O|",
                grouped.agg(["count", "mean", "median", "min"]).reset_index())  # fmt: skip


def _registration(tables: StudyTables) -> Iterator[Item]:
    units = tables["units"]
    units = units[units["method"] != ORIGINAL].dropna(subset="registration_mm")
    if units.empty:
        message = "no brain was found in any defaced scan"
        raise UsageError(message)
    found = units.groupby("method", sort=False)["registration_mm"].agg(["count", "median", "mean", "max"]).reset_index()
    note = (
        "How far the atlas, laid on the brain that is found in the defaced scan, lies from where the original put it; "
        "mean over the brain, mm."
    )
    yield Table("theyers-registration", "Registration to a common space", found, note)


def _yardsticks(tables: StudyTables) -> list[Item]:
    title = "Yardstick: other versions of the same image"
    if not tables.yardsticks:
        reason = (
            "no other version of the originals was named; give one as [[methods]] with results = "
            '"other-converter/{scan}.nii.gz" and yardstick = true'
        )
        return [NotRun("theyers-yardsticks", title, reason)]

    def make() -> Iterator[Item]:
        values = paired_values(tables, lambda name: name in GLOBAL or name == "cnr")
        frame = short(comparison_table(values, tables.yardsticks))
        yield Table("theyers-yardsticks", title, frame, NOTE)

    return tried("theyers-yardsticks", title, make)
