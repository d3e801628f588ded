"""A text of methods, ready to paste into a paper: what was done to which data, with citations."""

from __future__ import annotations

from collections.abc import Iterator

from efface.methods import method_class
from efface.study.analyses import familiar, gao, privacy, theyers
from efface.study.config import NETWORK, MethodEntry
from efface.study.ratings import of_raters
from efface.study.simulated_raters import RATERS
from efface.study.tables import StudyTables
from efface.study.templates import templates
from efface.version import __version__

STATISTICS = (
    "Fleiss JL. Measuring nominal scale agreement among many raters. Psychol Bull 76:378-382, 1971.",
    "Randolph JJ. Free-marginal multirater kappa. Joensuu Learning and Instruction Symposium, 2005.",
    "Bland JM, Altman DG. Statistical methods for assessing agreement between two methods of clinical measurement. "
    "Lancet 1:307-310, 1986.",
    "Wilson EB. Probable inference, the law of succession, and statistical inference. J Am Stat Assoc 22:209, 1927.",
    "Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the binomial. "
    "Biometrika 26:404-413, 1934.",
    "Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 6:65-70, 1979.",
    "Benjamini Y, Hochberg Y. Controlling the false discovery rate. J R Stat Soc B 57:289-300, 1995.",
    "Greenhouse SW, Geisser S. On methods in the analysis of profile data. Psychometrika 24:95-112, 1959.",
    "Huynh H, Feldt LS. Estimation of the Box correction for degrees of freedom. J Educ Stat 1:69-82, 1976.",
    "Nichols TE, Holmes AP. Nonparametric permutation tests for functional neuroimaging. Hum Brain Mapp 15:1-25, 2002.",
)
BUILT_IN = "efface's network (trained on synthetic images alone; nine regions, 2 mm)"
ATTACKS = {
    "detection": "Two face detectors (OpenCV's single-shot detector and CenterFace) looked at five renders of a scan",
    "surface": "The surfaces of face and skull vault were matched, after small rigid corrections, with those of "
    "originals of all participants",
    "recognition": "dlib's face recogniser compared renders with those of originals of all participants",
}


def methods_text(tables: StudyTables) -> str:
    """Return the text in Markdown; only what this run did is in it."""
    config, scans, ratings = tables.config, tables["scans"], of_raters(tables["ratings"])
    people = scans.drop_duplicates("participant")
    age = people["age"].astype(float).dropna()
    raters = sorted(set(ratings["rater"].dropna()))
    contrasts = scans["contrast"].value_counts().items()
    return (
        templates()
        .get_template("study_methods.md.jinja")
        .render(
            scans=len(scans),
            people=len(people),
            ages=f", aged {age.min():g} to {age.max():g} years (median {age.median():g})" if len(age) else "",
            contrasts=", ".join(f"{number} {name or 'of unnamed contrast'}" for name, number in contrasts),
            synthetic=config.synthetic,
            methods=list(_methods(tables)),
            options=config.options,
            pipelines=[BUILT_IN if each.name == NETWORK else each.name for each in config.pipelines],
            rescanned=len(tables["rescan"]) > 0,
            yardsticks=tables.yardsticks,
            raters=raters,
            answers=len(ratings),
            simulated=bool(raters) and set(raters) <= set(RATERS),
            attacks=[ATTACKS[name] for name in config.options.attacks],
            references=_references(tables),
            version=__version__,
        )
    )


def _methods(tables: StudyTables) -> Iterator[str]:
    for entry in tables.config.methods:
        if entry.name not in tables.missing_methods and not entry.yardstick:
            yield f"{entry.name} ({_described(entry)})"


def _described(entry: MethodEntry) -> str:
    if not entry.method:
        return "results made elsewhere"
    given = ", ".join(f"{name} = {value}" for name, value in entry.parameters.items())
    fill = f"fill {entry.fill}" if entry.fill else ""
    return "; ".join(each for each in (entry.method, fill, given, method_class(entry.method).citation) if each)


def _references(tables: StudyTables) -> list[str]:
    papers = [part.CITATION for part in (gao, theyers, familiar, privacy)]
    own = [method_class(each.method).citation for each in tables.config.methods if each.method]
    return list(dict.fromkeys([*papers, *own, *STATISTICS]))
