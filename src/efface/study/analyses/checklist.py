"""The 2024 checklist for artificial intelligence in medical imaging, with what the run knows filled in."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from efface.study.analyses.items import Item, Table
from efface.study.ratings import of_raters
from efface.study.tables import StudyTables

AUTHORS = "to be filled in by the authors"


def checklist(tables: StudyTables) -> Iterator[Item]:
    """Yield the items of the checklist (Tejani et al. 2024) that a run of a study can answer, and those it cannot."""
    config, scans = tables.config, tables["scans"]
    contrasts = ", ".join(sorted(filter(None, set(scans["contrast"])))) or "not named"
    raters = sorted(set(of_raters(tables["ratings"])["rater"].dropna()))
    references = sum(scan.reference_mask is not None for scan in config.scans)
    failed = tables["problems"]
    answers = [
        ("Title or abstract", "Identification as a study of artificial intelligence", AUTHORS),
        ("Introduction", "Background, objectives, hypotheses", AUTHORS),
        ("Study design", "Prospective or retrospective", AUTHORS),
        ("Data sources", "Where and when images were taken",
         f"{len(scans)} images of {len(set(scans['participant']))} participants; contrasts: {contrasts}. "
         f"Sites and dates: {AUTHORS}"),
        ("Inclusion and exclusion", "Who was eligible", AUTHORS),
        ("Preprocessing", "What was done to images before", "none: methods see images as they were given"),
        ("Data subsets", "What was used", "all images of the table of scans"),
        ("De-identification", "How", f"methods compared: {', '.join(tables.methods) or 'none'}"),
        ("Missing data", "How it was handled",
         f"{len(failed)} problems, each listed; tests leave out incomplete pairs"),
        ("Reference standard", "Definition and rationale",
         f"reference masks of {references} images; raters: {len(raters)}"),
        ("Annotators", "Number and qualifications", f"{len(raters)} raters; qualifications: {AUTHORS}"),
        ("Variability", "Between and within annotators",
         "see agreement of raters" if raters else "not run: no ratings"),
        ("Partitions", "Training, tuning, testing",
         "testing only; efface's network was trained on synthetic images alone, see its model card"),
        ("Model", "Description, software, parameters", "see the text of methods; per row in tables/units (parameters)"),
        ("Metrics", "Of performance", "outcome classes, Dice, overlap, coverage, detection and identification rates"),
        ("Statistical measures", "Of significance and uncertainty",
         "see the text of methods; Wilson and exact intervals"),
        ("Robustness", "Or sensitivity analysis", "by cohort, contrast, age and group, where columns name them"),
        ("Failure analysis", "Of incorrect results", "Table 1 and Figure 3 of the section on neuroanalysis"),
        ("Limitations, biases, ethics, funding, registration", "", AUTHORS),
        ("Availability", "Of software and data", f"efface {_version()}; study sha256 {config.sha256[:16]}"),
    ]  # fmt: skip
    frame = pd.DataFrame(answers, columns=["item", "asks for", "answer"])
    note = (
        "After the 2024 update (Tejani et al., Radiol Artif Intell 6:e240300), shortened: fill in the rest from "
        "the checklist itself."
    )
    yield Table("familiar-claim", "Checklist for artificial intelligence in imaging (CLAIM)", frame, note)


def _version() -> str:
    from efface.version import __version__

    return __version__
