"""A text of methods, ready to paste into a paper: what was done to which data, with citations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from efface.methods import method_class
from efface.study.analyses import familiar, gao, privacy, theyers
from efface.study.config import NETWORK, MethodEntry
from efface.study.tables import StudyTables
from efface.version import __version__

STATISTICS = (
    "Fleiss JL. Measuring nominal scale agreement among many raters. Psychol Bull 76:378-382, 1971.",
    "Randolph JJ. Free-marginal multirater kappa. Joensuu Learning and Instruction Symposium, 2005.",
    "Bland JM, Altman DG. Statistical methods for assessing agreement between two methods of clinical measurement. "
    "Lancet 1:307-310, 1986.",
    "Wilson EB. Probable inference, the law of succession, and statistical inference. J Am Stat Assoc 22:209-212, 1927.",
    "Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the binomial. "
    "Biometrika 26:404-413, 1934.",
    "Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 6:65-70, 1979.",
    "Benjamini Y, Hochberg Y. Controlling the false discovery rate. J R Stat Soc B 57:289-300, 1995.",
    "Greenhouse SW, Geisser S. On methods in the analysis of profile data. Psychometrika 24:95-112, 1959.",
    "Huynh H, Feldt LS. Estimation of the Box correction for degrees of freedom. J Educ Stat 1:69-82, 1976.",
    "Nichols TE, Holmes AP. Nonparametric permutation tests for functional neuroimaging. Hum Brain Mapp 15:1-25, 2002.",
)


def methods_text(tables: StudyTables) -> str:
    """Return the text in Markdown; only what this run did is in it."""
    paragraphs = [
        "# Methods",
        _data(tables),
        _methods(tables),
        _outcomes(tables),
        _downstream(tables),
        *_yardsticks(tables),
        _raters(tables),
        _attacks(tables),
        _statistics(tables),
        "## References",
        "\n".join(f"{number}. {each}" for number, each in enumerate(_references(tables), start=1)),
    ]
    return "\n\n".join(each for each in paragraphs if each) + "\n"


def _data(tables: StudyTables) -> str:
    scans = tables["scans"]
    people = scans.drop_duplicates("participant")
    age = people["age"].astype(float).dropna()
    ages = f", aged {age.min():g} to {age.max():g} years (median {age.median():g})" if len(age) else ""
    contrasts = ", ".join(f"{number} {name or 'of unnamed contrast'}" for name, number in scans["contrast"].value_counts().items())
    synthetic = " All of them are synthetic." if tables.config.title.startswith("Demonstration") else ""
    return f"**Data.** {len(scans)} head MRI scans of {len(people)} participants were used{ages}: {contrasts}.{synthetic}"


def _methods(tables: StudyTables) -> str:
    parts = []
    for entry in tables.config.methods:
        if entry.name in tables.missing_methods or entry.yardstick:
            continue
        parts.append(f"{entry.name} ({_described(entry)})")
    return (
        f"**Defacing.** Every scan was defaced with {len(parts)} methods: {'; '.join(parts)}. Methods were run through "
        f"efface {__version__}, with default parameters unless stated; results made elsewhere were read as they were."
    )


def _described(entry: MethodEntry) -> str:
    if not entry.method:
        return "results made elsewhere"
    given = ", ".join(f"{name} = {value}" for name, value in entry.parameters.items())
    fill = f"fill {entry.fill}" if entry.fill else ""
    return "; ".join(each for each in (entry.method, fill, given, method_class(entry.method).citation) if each)


def _outcomes(tables: StudyTables) -> str:
    options = tables.config.options
    return (
        "**Outcome.** Following Gao et al. (2022), a result was a failure II if brain was damaged, a failure I if the "
        "method gave nothing or left the face untouched, and a success otherwise. This was decided automatically: damaged "
        f"if more than {options.brain_tolerance_ml:g} ml of tissue that efface's network labels as brain in the original, "
        "its outermost 2 mm voxels excluded, had changed; untouched if on average less than "
        f"{options.untouched_below:.0%} of the visible skin of eyes, nose and mouth was covered. Following Theyers et al. "
        "(2021), a scan passed if at most one of eyes, nose and mouth was partly left (less than 95 % covered), none was "
        "left standing, and no brain was removed."
    )


def _downstream(tables: StudyTables) -> str:
    names = [each.name for each in tables.config.pipelines]
    built_in = (
        "efface's network, trained on synthetic images alone, which labels nine regions at 2 mm" if NETWORK in names else ""
    )
    others = ", ".join(name for name in names if name != NETWORK)
    return (
        f"**Downstream analysis.** Original and defaced scans were segmented by {' and '.join(filter(None, (built_in, others)))}. "
        "The segmentation of the original was the reference for Dice coefficients of labels, of nine merged regions and of "
        "the whole brain. Volumes, the contrast-to-noise ratio of cerebral grey and white matter, the overlap of cortical "
        "grey, subcortical grey and white matter (intersection over union), the placement of a common atlas, and volume, "
        "cross-section and thickness of the temporalis muscles (as placed by the atlas, less what was removed) were "
        "compared between versions."
    )


def _yardsticks(tables: StudyTables) -> Iterator[str]:
    if len(tables["rescan"]):
        yield (
            "**Rescanning.** As a yardstick, two sessions of one participant in one contrast were registered to one another "
            "in both directions (affine, mutual information, weighted by the brain mask), and segmentations compared."
        )
    if tables.yardsticks:
        yield (
            f"**Other versions.** The same measures were taken of other versions of the originals: {', '.join(tables.yardsticks)}."
        )


def _raters(tables: StudyTables) -> str:
    ratings = tables["ratings"]
    if ratings.empty:
        return ""
    raters = sorted(set(ratings["rater"].dropna()))
    simulated = " Raters were simulated by a computer." if all(re.match("simulated", each) for each in raters) else ""
    return (
        f"**Raters.** {len(raters)} raters gave {len(ratings)} answers; the pooled answer is that of most of them. Agreement is "
        f"given as percent agreement and free-marginal kappa.{simulated}"
    )


def _attacks(tables: StudyTables) -> str:
    texts = {
        "detection": "two face detectors (OpenCV's single-shot detector and CenterFace) looked at five renders of each scan",
        "surface": "the surfaces of face and skull vault were matched, after small rigid corrections, with those of original "
        "scans of all participants",
        "recognition": "dlib's face recogniser compared renders with those of original scans of all participants",
    }
    asked = [texts[name] for name in tables.config.options.attacks]
    return f"**Privacy.** {'; '.join(asked).capitalize()}. Chance and exact intervals are given with each rate." if asked else ""


def _statistics(tables: StudyTables) -> str:
    return (
        "**Statistics.** Measures before and after were compared by bias with its 95 % confidence interval, limits of "
        "agreement, paired t-tests with Cohen's d, and Spearman's rank correlation, p-values corrected after Holm and after "
        "Benjamini and Hochberg. Coverage was compared over contrasts by repeated-measures analysis of variance with "
        "Greenhouse-Geisser and Huynh-Feldt corrections, with age by Pearson's correlation, and between groups by one-way "
        f"analysis of variance. Maps were compared voxel by voxel by {tables.config.options.permutations} sign flips, or all "
        "that there are, with control of the family-wise error by the maximum statistic. Shares have Wilson's intervals. "
        "scipy and statsmodels were used."
    )


def _references(tables: StudyTables) -> list[str]:
    papers = [part.CITATION for part in (gao, theyers, familiar, privacy)]
    own = [method_class(each.method).citation for each in tables.config.methods if each.method]
    return list(dict.fromkeys([*papers, *own, *STATISTICS]))
