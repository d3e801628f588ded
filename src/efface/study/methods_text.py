"""A text of methods, ready to paste into a paper: what was done to which data, and nothing else, with citations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from efface.evaluate.attack import CenterFace, DlibRecognizer, OpenCvSsd
from efface.methods import method_class
from efface.study.analyses import familiar, gao, privacy, theyers
from efface.study.analyses.items import Item, NotRun, Section, Table
from efface.study.config import NETWORK, MethodEntry
from efface.study.ratings import of_raters
from efface.study.simulated_raters import RATERS
from efface.study.tables import StudyTables
from efface.study.templates import templates
from efface.version import __version__

PAIRED = ("theyers-volumes", "theyers-cnr", "theyers-thickness", "familiar-volumes", "familiar-temporalis")
SHARES = ("gao-table-1", "theyers-pass")
AGREEMENT = ("theyers-agreement", "familiar-agreement")
STATISTICS: Mapping[str, tuple[str, ...]] = {
    "Fleiss JL. Measuring nominal scale agreement among many raters. Psychol Bull 76:378-382, 1971.": AGREEMENT[:1],
    "Randolph JJ. Free-marginal multirater kappa. Joensuu Learning and Instruction Symposium, 2005.": AGREEMENT,
    "Cohen J. A coefficient of agreement for nominal scales. Educ Psychol Meas 20:37-46, 1960.": ("theyers-intra",),
    "Bland JM, Altman DG. Statistical methods for assessing agreement between two methods of clinical measurement. "
    "Lancet 1:307-310, 1986.": PAIRED,
    "Wilson EB. Probable inference, the law of succession, and statistical inference. J Am Stat Assoc 22:209, 1927.":
        SHARES,
    "Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the binomial. "
    "Biometrika 26:404-413, 1934.": ("privacy-identification",),
    "Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 6:65-70, 1979.":
        (*PAIRED, "familiar-age", "familiar-groups"),
    "Benjamini Y, Hochberg Y. Controlling the false discovery rate. J R Stat Soc B 57:289-300, 1995.": PAIRED,
    "Greenhouse SW, Geisser S. On methods in the analysis of profile data. Psychometrika 24:95-112, 1959.":
        ("familiar-contrasts",),
    "Huynh H, Feldt LS. Estimation of the Box correction for degrees of freedom. J Educ Stat 1:69-82, 1976.":
        ("familiar-contrasts",),
    "Nichols TE, Holmes AP. Nonparametric permutation tests for functional neuroimaging. Hum Brain Mapp 15:1-25, 2002.":
        ("theyers-maps",),
}  # fmt: skip
"""Citation -> the tables that rest on it."""
BUILT_IN = "efface's network (trained on synthetic images alone; nine regions, 2 mm)"
DETECTORS = {"opencv-ssd": OpenCvSsd.citation, "centerface": CenterFace.citation}
IDENTIFIED = {
    "surface of the face": "The surfaces of face and skull vault were matched, after small rigid corrections, with "
    "those of originals of all participants",
    "face recogniser on renders": "dlib's face recogniser compared renders with those of originals of all participants",
}
"""Attack, as the table calls it -> what was done."""


def methods_text(tables: StudyTables, sections: Sequence[Section]) -> str:
    """Return the text in Markdown; only what this run did is in it.

    Parameters
    ----------
    tables : what was measured
    sections : what the analyses gave
    """
    config, scans, ratings = tables.config, tables["scans"], of_raters(tables["ratings"])
    items = {item.key: item for section in sections for item in section.items if not isinstance(item, NotRun)}
    people = scans.drop_duplicates("participant")
    age = people["age"].astype(float).dropna()
    raters = sorted(set(ratings["rater"].dropna()))
    contrasts = scans["contrast"].value_counts().items()
    detectors = _detectors(tables) if "privacy-detection" in items else []
    identified = _identified(items)
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
            detectors=detectors,
            identified=[IDENTIFIED[name] for name in identified],
            ran=set(items),
            paired=bool(set(PAIRED) & set(items)),
            references=_references(tables, set(items), detectors, identified),
            version=__version__,
        )
    )


def _detectors(tables: StudyTables) -> list[str]:
    """Return the detectors that looked at something."""
    frame = tables["detection"]
    return sorted(set(frame[frame["confidence"].notna()]["detector"]))


def _identified(items: Mapping[str, Item]) -> list[str]:
    """Return the attacks that could compare something."""
    table = items.get("privacy-identification")
    if not isinstance(table, Table) or "rank 1 %" not in table.frame:
        return []
    ran = set(table.frame[table.frame["rank 1 %"].notna()]["attack"])
    return [name for name in IDENTIFIED if name in ran]


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


def _references(tables: StudyTables, ran: Set[str], detectors: list[str], identified: list[str]) -> list[str]:
    papers = [part.CITATION for part in (gao, theyers, familiar)]
    papers += [privacy.CITATION] if detectors or identified else []
    used = [each for each in tables.config.methods if each.method and each.name not in tables.missing_methods]
    own = [method_class(each.method).citation for each in used]
    looked = [DETECTORS[name] for name in detectors if name in DETECTORS]
    looked += [DlibRecognizer.citation] if "face recogniser on renders" in identified else []
    statistics = [citation for citation, tables_of in STATISTICS.items() if set(tables_of) & ran]
    return list(dict.fromkeys(each for each in (*papers, *own, *looked, *statistics) if each))
