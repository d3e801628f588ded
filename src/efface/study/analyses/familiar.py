"""Familiar et al. 2025: coverage of features, by contrast, age and group; and measures near the face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pandas as pd

from efface.errors import UsageError
from efface.study.analyses.checklist import checklist
from efface.study.analyses.composites import COMPOSITES, FORM, composites
from efface.study.analyses.drawing import bland_altman, new_figure
from efface.study.analyses.items import Figure, Item, Section, Table, tried
from efface.study.analyses.paired_tables import GROUPS, NOTE, comparison_table, paired_values, short
from efface.study.outcomes import FEATURES
from efface.study.ratings import NO_RATINGS, agreement_on, consensus, first_answers, given_answers, without_consensus
from efface.study.statistics.association import one_way_anova, pearson
from efface.study.statistics.many import corrected
from efface.study.statistics.repeated_measures import repeated_measures_anova
from efface.study.tables import StudyTables

CITATION = (
    "Familiar AM, Khalili N, Khalili N, et al. Empowering data sharing in neuroscience: a deep learning "
    "deidentification method for pediatric brain MRIs. AJNR Am J Neuroradiol 46:964-972, 2025. doi:10.3174/ajnr.A8581"
)
QUARTERS = ("0", "0.25", "0.5", "0.75", "1")
TUMOUR = ("tumor", "tumour", "enhancing", "cyst", "edema", "oedema")
SOURCES = "Measured; by raters' consensus, and as Dice of reference masks, where there are any."
FIGURES = 6
"""Panels of a Bland-Altman figure: the measures with the largest bias."""


def section(tables: StudyTables) -> Section:
    """Return the paper's tables and figures on this study's data."""
    items = [
        *tried("familiar-table-1", "Table 1: cohorts", lambda: _cohorts(tables)),
        *tried("familiar-spatial", "Agreement with reference masks", lambda: _spatial(tables)),
        *tried("familiar-coverage", "Coverage of features, measured", lambda: _coverage(tables)),
        *tried("familiar-coverage-raters", "Coverage of features, by raters", lambda: _rated(tables)),
        *tried("familiar-contrasts", "Coverage over contrasts: repeated-measures ANOVA", lambda: _contrasts(tables)),
        *tried("familiar-age", "Coverage and age", lambda: _age(tables)),
        *tried("familiar-groups", "Coverage between groups", lambda: _groups(tables)),
        *tried("familiar-volumes", "Volumes, before and after", lambda: _volumes(tables)),
        *tried("familiar-temporalis", "Temporalis muscles", lambda: _temporalis(tables)),
        *tried(
            "familiar-centile", "Centile of temporalis thickness", lambda: _external(tables, "centile", ("centile",))
        ),
        *tried("familiar-tumour", "Tumour sub-regions", lambda: _external(tables, "tumour", TUMOUR)),
        *tried("familiar-claim", "Checklist for artificial intelligence", lambda: checklist(tables)),
    ]
    return Section("Children and other contrasts (Familiar et al. 2025)", CITATION, tuple(items))


def _cohorts(tables: StudyTables) -> Iterator[Item]:
    scans = tables["scans"]
    columns: dict[str, dict[str, str]] = {}
    for cohort, part in [("all", scans), *scans.groupby("cohort", sort=False)]:
        people = part.drop_duplicates("participant")
        age = people["age"].astype(float).dropna()
        rows = {"participants": str(len(people)), "images": str(len(part))}
        if len(age):
            rows |= {"age, range (years)": f"{age.min():g} to {age.max():g}", "age, median": f"{age.median():g}"}
        for contrast, number in part["contrast"].value_counts().items():
            rows[f"images, {contrast}"] = str(number)
        for name in tables.config.options.groups:
            known = people[name].fillna("unknown") if name in people else pd.Series(dtype=str)
            for value, number in known.value_counts().items():
                rows[f"{name}: {value}"] = f"{number} ({100 * number / len(people):.0f} %)"
        columns[str(cohort) or "no cohort"] = rows
    frame = pd.DataFrame(columns).fillna("0").rename_axis("characteristic").reset_index()
    yield Table("familiar-table-1", "Table 1: cohorts", frame)


def _spatial(tables: StudyTables) -> Iterator[Item]:
    frame = tables["reference"]
    frame = frame[frame["method"].isin(tables.methods)] if len(frame) else frame
    if frame.empty:
        message = "no scan has a reference mask; name them in the column reference_mask"
        raise UsageError(message)
    numbers = ["dice", "sensitivity", "hd95_mm"]
    found = frame.groupby(["method", "cohort"], sort=False, dropna=False)[numbers].mean().reset_index()
    note = (
        "Means. Poor measures here: how far a mask reaches into the air before the face is arbitrary. Coverage decides."
    )
    yield Table("familiar-spatial", "Dice, sensitivity and 95 % Hausdorff distance to reference masks", found, note)


def _coverage(tables: StudyTables) -> Iterator[Item]:
    frame = tables["coverage"]
    frame = frame[frame["method"].isin(tables.methods)]
    if frame.empty:
        message = "no method gave a result"
        raise UsageError(message)
    wide = frame.assign(covered=frame["covered"].astype(float)).pivot_table("covered", ["method", "cohort"], "feature")
    wide = wide.reindex(columns=[name for name in FEATURES if name in wide])
    for name, features in COMPOSITES.items():
        wide[name] = wide[[each for each in features if each in wide]].mean(axis=1)
    yield Table("familiar-coverage", "Coverage of features, measured", wide.reset_index(),
                "Covered share of the visible skin in view, mean over scans; face: eyes, nose and mouth.")  # fmt: skip


def _rated(tables: StudyTables) -> Iterator[Item]:
    rows, agreements, disputed = {}, [], 0
    for feature in (*FEATURES, "brain"):
        answers = first_answers(tables["ratings"], FORM, feature)
        if answers.empty:
            continue
        possible = ("yes", "no") if feature == "brain" else QUARTERS
        pooled = consensus(answers)
        disputed += sum(len(set(given)) > 1 for given in given_answers(answers))
        values = pooled.eq("yes").where(pooled.notna()) if feature == "brain" else pooled.astype(float)
        name = "brain removed" if feature == "brain" else feature
        rows[name] = values.astype(float).groupby(level="method", sort=False).mean()
        if without_consensus(answers).shape[1] > 1:
            found = agreement_on(answers, possible)
            agreements.append({"question": feature, "items": found.things, "percent agreement": found.percent,
                               "free-marginal kappa": found.kappa})  # fmt: skip
    if not rows:
        raise UsageError(NO_RATINGS.format(form="coverage"))
    frame = pd.DataFrame(rows)
    for name, features in COMPOSITES.items():
        frame[name] = frame[[each for each in features if each in frame]].mean(axis=1)
    yield Table("familiar-coverage-raters", "Coverage of features, by raters' consensus", frame.reset_index(),
                f"Raters differed on {disputed} answers; those without a majority are left out until they are settled "
                "by a rater called consensus.")  # fmt: skip
    if agreements:
        yield Table("familiar-agreement", "Agreement of raters on coverage", pd.DataFrame(agreements))


def _contrasts(tables: StudyTables) -> Iterator[Item]:
    rows, reason = [], "no scans of one session in several contrasts"
    for (method, name), part in composites(tables).groupby(["method", "composite"], sort=False):
        table = part.pivot_table("covered", ["participant", "session"], "contrast")
        try:
            found = repeated_measures_anova(table.groupby(level="participant").mean().to_numpy())
        except UsageError as error:
            reason = str(error)
            continue
        rows.append({"method": method, "composite": name, **asdict(found)})
    if not rows:
        raise UsageError(reason)
    note = (
        "gg: Greenhouse and Geisser's, hf: Huynh and Feldt's correction. What was covered alike is left out. " + SOURCES
    )
    yield Table("familiar-contrasts", "Coverage over contrasts: repeated-measures ANOVA", pd.DataFrame(rows), note)


def _age(tables: StudyTables) -> Iterator[Item]:
    rows, reason = [], "no ages are known; give them in the column age"
    for (method, name), part in composites(tables).groupby(["method", "composite"], sort=False):
        people = part.groupby("participant")[["age", "covered"]].mean()
        try:
            rows.append({"method": method, "composite": name, **asdict(pearson(people["age"], people["covered"]))})
        except UsageError as error:
            reason = str(error)
    if not rows:
        raise UsageError(reason)
    yield Table(
        "familiar-age", "Coverage and age (Pearson), one value a participant", _with_holm(pd.DataFrame(rows)), SOURCES
    )


def _groups(tables: StudyTables) -> Iterator[Item]:
    rows, reason = [], f"none of the columns {', '.join(tables.config.options.groups)} is in the table of scans"
    frame = composites(tables)
    for column in (name for name in tables.config.options.groups if name in frame):
        for (method, name), part in frame.groupby(["method", "composite"], sort=False):
            people = part.groupby(["participant", column])["covered"].mean().reset_index()
            values = {str(key): list(each["covered"]) for key, each in people.groupby(column)}
            try:
                found = one_way_anova(values)
            except UsageError as error:
                reason = str(error)
                continue
            groups = ", ".join(f"{key} {number}" for key, number in found.groups.items())
            rows.append({"method": method, "composite": name, "column": column, **asdict(found), "groups": groups})
    if not rows:
        raise UsageError(reason)
    title = "Coverage between groups: one-way ANOVA, one value a participant"
    yield Table("familiar-groups", title, _with_holm(pd.DataFrame(rows)), SOURCES)


def _with_holm(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(p_holm=corrected(frame["p"].tolist()))


def _volumes(tables: StudyTables) -> Iterator[Item]:
    values = paired_values(tables, lambda name: name.endswith(" volume") and "temporalis" not in name)
    table = comparison_table(values, tables.methods)
    summary = [
        {"method": method, "measures": len(part), "mean rank correlation": part["spearman"].mean(),
         "above 0.9": int((part["spearman"] > 0.9).sum()), "largest bias %": part["bias_percent"].abs().max(),
         "p < 0.05, Holm": int((part["p_holm"] < 0.05).sum())}
        for method, part in table.groupby("method", sort=False)
    ]  # fmt: skip
    note = "Over all structures of all pipelines, each contrast by itself."
    yield Table("familiar-volumes", "Volumes, before and after", pd.DataFrame(summary), note)
    worst = table.assign(size=table["bias_percent"].abs()).sort_values("size", ascending=False)
    yield Table("familiar-volumes-worst", "The volumes that changed most", short(worst.head(15)), NOTE)
    yield _agreement_figure("familiar-volumes-figure", "Bland-Altman: the volumes that changed most", worst, values)


def _temporalis(tables: StudyTables) -> Iterator[Item]:
    values = paired_values(tables, lambda name: "temporalis" in name)
    table = comparison_table(values, tables.methods)
    yield Table("familiar-temporalis", "Temporalis muscles, before and after", short(table),
                f"Where the atlas places the muscles, less what was removed. {NOTE}")  # fmt: skip
    worst = table.assign(size=table["bias_percent"].abs()).sort_values("size", ascending=False)
    yield _agreement_figure("familiar-temporalis-figure", "Bland-Altman: temporalis muscles", worst, values)


def _agreement_figure(key: str, title: str, ordered: pd.DataFrame, values: pd.DataFrame) -> Figure:
    chosen = list(ordered.head(FIGURES).itertuples())
    columns = min(3, len(chosen))
    lines = -(-len(chosen) // columns)
    figure, axes = new_figure(3.4 * columns, 2.6 * lines, lines, columns)
    for panel in axes.ravel()[len(chosen) :]:
        panel.set_axis_off()
    for panel, row in zip(axes.ravel(), chosen, strict=False):
        same = [values[name].eq(getattr(row, name)) for name in GROUPS]
        pairs = values[np.logical_and.reduce(same)][["original", "value"]].to_numpy()
        bland_altman(panel, pairs[:, 0], pairs[:, 1], f"{row.method}: {row.contrast} {row.measure}", str(row.unit))
    return Figure(key, title, figure, "Line: bias; dashed: limits of agreement. Those with the largest bias.")


def _external(tables: StudyTables, key: str, names: tuple[str, ...]) -> Iterator[Item]:
    values = paired_values(tables, lambda name: _named(name, names))
    if values.empty:
        message = (
            'no pipeline measured it; give one with measures = "path/{version}/{scan}.tsv" '
            f"whose measures are called {' or '.join(names)}"
        )
        raise UsageError(message)
    table = short(comparison_table(values, tables.methods))
    yield Table(f"familiar-{key}", f"{key.capitalize()}, before and after", table, NOTE)
    dice = tables["dice"]
    wanted = [
        kind == "label" and _named(name, names) for kind, name in zip(dice["kind"], dice["structure"], strict=True)
    ]
    labels = dice[wanted].dropna(subset="dice")
    labels = labels[labels["method"].isin(tables.methods)]
    if len(labels):
        grouped = labels.groupby(["method", "pipeline", "structure"], sort=False)["dice"]
        found = grouped.agg(["count", "mean", "median", "min"]).reset_index()
        yield Table(f"familiar-{key}-dice", f"{key.capitalize()}: Dice, defaced against original", found)


def _named(measure: str, names: tuple[str, ...]) -> bool:
    return any(name in str(measure).lower() for name in names)
