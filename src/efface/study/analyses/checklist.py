"""The 2024 checklist for artificial intelligence in medical imaging, with what the run knows filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pandas as pd

from efface.evaluate.agreement import agreement
from efface.study.analyses.items import Item, Table
from efface.study.outcomes import Outcome
from efface.study.ratings import first_answers, given_answers, of_raters
from efface.study.scan_lists import read_rows
from efface.study.tables import StudyTables
from efface.study.units import DONE, FAILED, REFUSED

AUTHORS = "to be filled in by the authors"
CARD = "see the model card of efface's network"
PACKAGES = ("numpy", "scipy", "statsmodels", "pandas", "nibabel", "onnxruntime", "SimpleITK")
QUESTIONS = (("outcome", "outcome", tuple(each.value for each in Outcome)), ("two-criterion", "pass", ("yes", "no")))
"""Form, question and its answers, of which the agreement is told."""


def checklist(tables: StudyTables) -> Iterator[Item]:
    """Yield all 44 items of the checklist (Tejani et al. 2024); what a run cannot know is left to the authors."""
    asked = read_rows(Path(str(files("efface.study.analyses") / "claim.tsv")))
    known = {**_of_data(tables), **_of_raters(tables), **_of_methods(tables), **_of_results(tables)}
    frame = pd.DataFrame(asked).assign(answer=[known.get(int(row["number"]), AUTHORS) for row in asked])
    note = (
        "Numbered as in the 2024 update (Tejani et al., Radiol Artif Intell 6:e240300); what each item asks for is "
        "told here in short, read the checklist itself."
    )
    yield Table("familiar-claim", "Checklist for artificial intelligence in imaging (CLAIM)", frame, note)


def _of_data(tables: StudyTables) -> Mapping[int, str]:
    scans, units = tables["scans"], tables["units"]
    contrasts = ", ".join(sorted(filter(None, set(scans["contrast"])))) or "not named"
    voxels = ", ".join(sorted(set(units["voxels_mm"].dropna()))) or "unknown"
    counts = f"{len(scans)} images of {scans['participant'].nunique()} participants"
    people = "synthetic people" if tables.config.synthetic else f"{AUTHORS}; {counts}"
    return {
        6: f"to compare ways to remove faces from head MRI: {', '.join(tables.methods) or 'none was run'}",
        7: f"{people}; contrasts: {contrasts}. Sites and dates: {AUTHORS}",
        9: "none: methods see images as they were given",
        10: "all images that the study's file names",
        11: "it is what is studied; see 6",
        12: f"{len(tables['problems'])} problems, each listed; comparisons leave out incomplete pairs",
        13: f"contrasts: {contrasts}; voxels, mm: {voxels}. Scanners and sequences: {AUTHORS}",
        19: "testing only: no model is trained in a study",
        20: "participants: the network was trained on synthetic images alone",
        21: f"{counts}; how it was decided: {AUTHORS}",
        35: f"{counts}; units measured {_count(units, DONE)}, refused {_count(units, REFUSED)}, "
            f"failed {_count(units, FAILED)}",
        36: "see Table 1: cohorts",
    }  # fmt: skip


def _of_raters(tables: StudyTables) -> Mapping[int, str]:
    raters = sorted(set(of_raters(tables["ratings"])["rater"].dropna()))
    references = sum(scan.reference_mask is not None for scan in tables.config.scans)
    masks = f"face masks that people drew or mended, of {references} images; " if references else ""
    return {
        14: f"{masks}of segmentations and measures: those of the original; of outcomes: raters' pooled answers, where "
            "there are any",
        16: f"raters: {len(raters)}; qualifications: {AUTHORS}",
        17: "blinded, in an order drawn by lot for each rater, some images twice" if raters else "not rated by people",
        18: _agreement(tables),
    }  # fmt: skip


def _agreement(tables: StudyTables) -> str:
    found = []
    for form, question, possible in QUESTIONS:
        answers = first_answers(tables["ratings"], form, question)
        kappa = None if answers.empty else agreement(given_answers(answers), possible).kappa
        found += [] if kappa is None else [f"{form}: free-marginal kappa {kappa:.2f}"]
    return "; ".join(found) or "no two raters rated the same images"


def _of_methods(tables: StudyTables) -> Mapping[int, str]:
    from efface.version import __version__

    software = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return {
        22: f"{CARD}; of other methods see the text of methods",
        23: f"efface {__version__}, {software}; parameters in tables/units",
        **dict.fromkeys((24, 25, 26), CARD),
        27: "none",
        28: "outcome classes, Dice, overlap, coverage, volumes, detection and identification rates",
        29: "see the text of methods",
        30: "by cohort, contrast, age and group, where columns name them; scan and rescan as a yardstick",
        31: "not applicable: a method's result is the mask of what it changed",
        43: f"efface {__version__}, Apache-2.0, network included; study sha256 {tables.config.sha256[:16]}. "
            f"Data: {AUTHORS}",
    }  # fmt: skip


def _of_results(tables: StudyTables) -> Mapping[int, str]:
    units = tables["units"]
    counts = units[units["method"].isin(tables.methods)]["outcome"].value_counts()
    failures = ", ".join(f"{name.value} {int(counts.get(name.value, 0))}" for name in Outcome)
    return {
        37: "see the tables of each section",
        38: "intervals beside each share and bias; exact for identification, otherwise Wilson's or Student's",
        39: f"{failures}; Figure 3 shows the worst",
        40: "automatic outcomes are no rater's judgement; the built-in segmentation is a small network at 2 mm; "
            f"temporalis muscles are placed by the atlas. Further: {AUTHORS}",
    }  # fmt: skip


def _count(units: pd.DataFrame, status: str) -> int:
    return int((units["status"] == status).sum())
