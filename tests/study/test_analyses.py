"""Analyses of records whose answers are known; no image is looked at."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("statsmodels")
pytest.importorskip("matplotlib")

import pandas as pd

from efface.errors import UsageError
from efface.study.analyses import analyse, familiar, gao, privacy, theyers
from efface.study.analyses.checklist import checklist
from efface.study.analyses.composites import composites
from efface.study.analyses.drawing import plain_drawing
from efface.study.analyses.gao import judged_units, outcome_counts
from efface.study.analyses.items import Figure, NotRun, Table, tried
from efface.study.config import ORIGINAL, MethodEntry, Options, PipelineEntry, ScanEntry, StudyConfig
from efface.study.keeping import BRAIN_MAP
from efface.study.looking import FEATURES
from efface.study.methods_text import methods_text
from efface.study.outcomes import FEATURES as FACE
from efface.study.page import _cell, write_page
from efface.study.ratings import COLUMNS
from efface.study.rescan import rescans_of
from efface.study.runner import rescan_path
from efface.study.tables import gather, write_tables
from efface.study.units import private_folder, unit_path, write_record

PEOPLE, CONTRASTS, SESSIONS = 6, ("T1w", "T2w"), ("1", "2")
SAFE, ROUGH = "anatomy", "template-mask"


def dice(value):
    kinds = {"whole": ["whole_brain"], "region": ["caudate", "cerebral_grey_matter"], "label": ["left_caudate"]}
    return [
        {"pipeline": "network", "kind": kind, "structure": name, "dice": value}
        for kind, names in kinds.items()
        for name in names
    ]


def measures(scale, thickness=None):
    rows = [
        ("network", "whole_brain volume", 1200.0, "ml"),
        ("network", "caudate volume", 7.0, "ml"),
        ("network", "subcortical_grey volume", 40.0, "ml"),
        ("network", "intracranial volume", 1500.0, "ml"),
        ("fs", "eTIV", 1.5e6, "mm^3"),
        ("network", "cnr", 1.4, ""),
        ("atlas", "left temporalis area", 340.0 * scale, "mm2"),
    ]
    rows += [("fs", "lh.MeanThickness", thickness, "mm")] if thickness else []
    return [dict(zip(("pipeline", "measure", "value", "unit"), row, strict=True)) for row in rows]


def scaled(rows, factor):
    return [{**row, "value": row["value"] * factor} for row in rows]


def detection(confidence):
    common = {"detector": "opencv-ssd", "seen_above": 0.5, "reason": "", "view": "front", "confidence": confidence}
    return [{**common, "outcome": "face" if confidence > 0.5 else "no face"}]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Six people: ``anatomy`` is fine everywhere, ``template-mask`` removes brain in T2w and a tenth of a muscle."""
    out = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    scans = tuple(
        ScanEntry(f"p{who}_{session}_{contrast}", out / "x.nii", f"p{who}", session, contrast,
                  "young" if who < 3 else "old", 20.0 + 10 * who, {"sex": "FM"[who % 2]})
        for who in range(PEOPLE) for session in SESSIONS for contrast in CONTRASTS
    )  # fmt: skip
    ratings = out / "ratings.tsv"
    config = StudyConfig(
        "Known answers", scans, (MethodEntry(SAFE, SAFE), MethodEntry(ROUGH, ROUGH)), (PipelineEntry("network"),),
        options=Options(ratings=ratings, groups=("sex",), permutations=50),
    )  # fmt: skip
    identity = rng.normal(size=(PEOPLE, 128))
    answers = []
    for scan in scans:
        who = int(scan.participant[1:])
        size = 1 + 0.05 * who
        base = scaled(measures(1.0, 2.5), size)
        records = {
            ORIGINAL: {"status": "done", "voxels_mm": "1 x 1 x 1.2", "measures": base, "detection": detection(0.99)}
        }
        for method, area, thin in ((SAFE, 1.0, 2.5), (ROUGH, 0.9, 2.5 - 0.01 * who)):
            hurt = method == ROUGH and scan.contrast == "T2w"
            shown = 0.9 - 0.05 * who if method == ROUGH and scan.contrast == "T1w" else 1.0
            noise = rng.normal(0, 0.002)
            records[method] = {
                "status": "done", "seconds": 2.0, "verified": not hurt, "registration_mm": 0.2,
                "outcome": "failure II" if hurt else "success", "two_criteria": not hurt,
                "strict": shown == 1 and not hurt,
                "brain_tissue_ml": 5.0 if hurt else 0.0, "parameters": {"clearance_mm": 4.0},
                "coverage": [{"feature": name, "covered": shown} for name in FACE],
                "dice": dice(0.99 + noise if method == SAFE else 0.97), "detection": detection(0.2),
                "overlap": [{"pipeline": "network", "tissue": "white", "overlap": 0.98}],
                "measures": scaled(measures(area * (1 + noise), thin), size),
            }  # fmt: skip
            for rater in ("r1", "r2", "r3"):
                said, nose = "no" if hurt and rater != "r3" else "yes", "0.75" if hurt else "1"
                answers.append((rater, "two-criterion", "pass", scan.name, method, scan.cohort, said, "0"))
                answers.append((rater, "coverage", "nose", scan.name, method, scan.cohort, nose, "0"))
                outcome = "failure II" if hurt else "success"
                answers.append((rater, "outcome", "outcome", scan.name, method, scan.cohort, outcome, "0"))
        for version, record in records.items():
            write_record(unit_path(out, scan.name, version), {"fingerprint": "x", **record})
            folder = private_folder(out, scan.name, version)
            folder.mkdir(parents=True)
            grey = np.full(40, 100 + who, np.uint8)
            grey[:4] -= 40 if version == ROUGH else 0
            np.savez(folder / BRAIN_MAP, grey=grey)
            seen = identity[who] if version != ROUGH else identity[(who + 1) % PEOPLE]
            if version != SAFE:
                np.savez(folder / FEATURES, front=seen + rng.normal(0, 0.01, 128))
    for pair in rescans_of(config):
        rows = [{"version": "rescan (1-2)", **row} for row in dice(0.95)]
        write_record(rescan_path(out, pair), {"fingerprint": "x", "status": "done", "dice": rows})
    lines = ["\t".join(COLUMNS), *("\t".join((str(n), *row)) for n, row in enumerate(answers))]
    ratings.write_text("\n".join(lines) + "\n", "utf-8")
    return gather(config, out)


@pytest.fixture(scope="module")
def sections(study):
    return analyse(study)


@pytest.fixture(scope="module")
def found(sections):
    return {item.key: item for section in sections for item in section.items}


def part(paper, study):
    """One paper's section alone."""
    with plain_drawing():
        return paper.section(study)


def frame(found, key):
    assert isinstance(found[key], Table), found[key]
    return found[key].frame


def test_success_and_failure(found):
    table = frame(found, "gao-table-1").set_index(["method", "cohort"])
    assert table.loc[(SAFE, "all"), ["total", "success", "failure I", "failure II"]].tolist() == [24, 24, 0, 0]
    assert table.loc[(ROUGH, "all"), ["total", "success", "failure II"]].tolist() == [24, 12, 12]
    assert table.loc[(ROUGH, "young"), "total"] == 12
    assert table.loc[(ROUGH, "all"), "95 % low"] == pytest.approx(31.4, abs=0.1)
    by_raters = frame(found, "gao-table-1-raters").set_index(["method", "cohort"])
    assert by_raters.loc[(ROUGH, "all"), "failure II"] == 12


def test_segmentations_and_rescans(found):
    medians = frame(found, "gao-figure-2-network-numbers").set_index("method")
    assert medians.loc[ROUGH, "whole_brain"] == 0.97
    rescans = frame(found, "gao-figure-4-network-numbers").set_index("version")
    assert rescans.loc["rescan (1-2)", ["n", "median"]].tolist() == [12, 0.95]
    assert rescans.loc[ROUGH, "n"] == 12  # as in the paper: the first sessions of those who were scanned again
    assert isinstance(found["gao-figure-2-network"], Figure)


def test_a_program_that_failed_is_failure_i_and_a_scan_that_cannot_be_read_is_none(study):
    """Gao et al. 2022: failure I is also a tool that did not run; but no tool can be blamed for a broken file."""
    units = study["units"].copy()
    failed = units.index[units["method"] == SAFE][:2]
    units.loc[failed, "status"] = "failed"
    units.loc[failed, "outcome"] = ["failure I", None]
    changed = replace(study, frames={**study.frames, "units": units})
    table = outcome_counts(judged_units(changed), changed.methods).set_index(["method", "cohort"])
    assert table.loc[(SAFE, "all"), ["total", "success", "failure I"]].tolist() == [23, 22, 1]


def test_criteria_and_raters(found):
    table = frame(found, "theyers-pass").groupby("method")["two_criteria %"].mean()
    assert table.to_dict() == {SAFE: 100, ROUGH: 50}
    pooled = frame(found, "theyers-figure-2").set_index(["method", "cohort"])
    assert pooled.loc[(ROUGH, "old"), ["r1", "r3", "pooled"]].tolist() == [50, 100, 50]
    kappas = frame(found, "theyers-agreement").set_index("method")
    # Of 24 scans 12 have one of three raters differ: a third of their pairs agree.
    assert kappas.loc[ROUGH, "percent agreement"] == pytest.approx(100 * (12 + 12 / 3) / 24)
    assert kappas.loc[ROUGH, "free-marginal kappa"] == pytest.approx(2 * (12 + 12 / 3) / 24 - 1)
    assert isinstance(found["theyers-intra"], NotRun)


def test_who_settles_disagreements_is_no_rater(study):
    """The consensus looks at what is disputed only: a column of its own would be a share of those."""
    ratings = study["ratings"]
    disputed = ratings[
        (ratings["method"] == ROUGH) & (ratings["scan"].str.endswith("T2w")) & (ratings["rater"] == "r1")
    ]
    settled = disputed.assign(rater="consensus", answer=disputed["answer"].replace("no", "yes"))
    frames = {**study.frames, "ratings": pd.concat([ratings, settled])}
    changed = replace(study, frames=frames)
    found = {item.key: item for item in (*part(theyers, changed).items, *checklist(changed))}
    table = frame(found, "theyers-figure-2")
    assert list(table.columns) == ["method", "cohort", "total", "r1", "r2", "r3", "pooled"]
    assert (table["pooled"] == 100).all()
    assert (frame(found, "theyers-agreement")["raters"] == 3).all()
    assert "raters: 3;" in frame(found, "familiar-claim").loc[15, "answer"]


def test_one_rater_alone_loses_only_the_agreement(study):
    """While a second rater is still at work: passed scans are shown, agreement is said to be missing."""
    ratings = study["ratings"]
    alone = ratings[ratings["rater"] == "r1"]
    found = {item.key: item for item in part(theyers, replace(study, frames={**study.frames, "ratings": alone})).items}
    assert frame(found, "theyers-figure-2").set_index(["method", "cohort"]).loc[(ROUGH, "old"), "r1"] == 50
    assert "two raters" in found["theyers-agreement"].reason
    begun = pd.concat([alone, ratings[(ratings["rater"] == "r2") & (ratings["method"] == SAFE)]])
    found = {item.key: item for item in part(theyers, replace(study, frames={**study.frames, "ratings": begun})).items}
    assert frame(found, "theyers-agreement")["method"].tolist() == ["all", SAFE]


def test_two_raters_who_never_agree_have_no_pooled_answer(study):
    ratings = study["ratings"][study["ratings"]["rater"].isin(["r1", "r2"])]
    turned = (ratings["rater"] == "r2") & (ratings["question"] == "pass")
    ratings = ratings.assign(answer=ratings["answer"].mask(turned, ratings["answer"].map({"yes": "no", "no": "yes"})))
    found = {
        item.key: item for item in part(theyers, replace(study, frames={**study.frames, "ratings": ratings})).items
    }
    assert frame(found, "theyers-figure-2")["pooled"].isna().all()
    assert isinstance(found["theyers-figure-2-drawn"], Figure)
    assert (frame(found, "theyers-agreement")["free-marginal kappa"] == -1).all()


def test_what_was_shown_before_an_analysis_failed_is_kept():
    def make():
        yield NotRun("a", "A", "shown")
        message = "no data for the rest"
        raise UsageError(message)

    assert [(item.key, item.reason) for item in tried("x", "X", make)] == [
        ("a", "shown"), ("x-rest", "no data for the rest"),
    ]  # fmt: skip


def test_a_bias_is_seen_beside_the_rank_correlation(found):
    table = frame(found, "familiar-temporalis").set_index("method")
    assert table.loc[ROUGH, "spearman"].min() == 1
    assert table.loc[ROUGH, "bias_percent"].to_numpy() == pytest.approx(-10, abs=0.2)
    assert table.loc[ROUGH, "p_holm"].max() < 0.001
    assert abs(table.loc[SAFE, "bias_percent"]).max() < 0.2
    thickness = frame(found, "theyers-thickness").set_index("method")
    assert (thickness.loc[SAFE, "bias"] == 0).all()
    assert (thickness.loc[ROUGH, "bias"] < 0).all()


def test_one_person_is_one_pair_and_contrasts_are_not_mixed(study, found):
    """Two sessions of a person are no two people: tests would find what is not there."""
    table = frame(found, "familiar-temporalis").set_index(["method", "contrast"])
    assert set(table["pairs"]) == {PEOPLE}
    assert sorted(table.index) == sorted((method, contrast) for method in (SAFE, ROUGH) for contrast in CONTRASTS)
    measures = study["measures"]
    mine = measures[(measures["measure"] == "left temporalis area") & (measures["contrast"] == "T1w")]
    people = mine.groupby(["method", "participant"])["value"].mean()
    bias = (people[ROUGH] - people[ORIGINAL]).mean()
    assert table.loc[(ROUGH, "T1w"), "bias"] == pytest.approx(bias)
    assert table.loc[(ROUGH, "T1w"), "df"] == PEOPLE - 1


def test_volumes_of_tissues_and_of_freesurfer_are_compared(found):
    table = frame(found, "theyers-volumes")
    assert {"whole_brain volume", "intracranial volume", "eTIV", "subcortical_grey volume"} <= set(table["measure"])
    assert "caudate volume" not in set(table["measure"])


def test_coverage_by_contrast_age_and_group(found):
    table = frame(found, "familiar-contrasts").set_index(["method", "composite"])
    assert set(table.index) == {(ROUGH, "face"), (ROUGH, "ears")}  # the other covered all alike
    assert table.loc[(ROUGH, "face"), ["subjects", "conditions"]].tolist() == [6, 2]
    assert table.loc[(ROUGH, "face"), "p_gg"] < 0.05
    age = frame(found, "familiar-age").set_index(["method", "composite"])
    assert age.loc[(ROUGH, "face"), "r"] == pytest.approx(-1)
    groups = frame(found, "familiar-groups").set_index(["method", "composite"])
    assert groups.loc[(ROUGH, "face"), ["df_between", "df_within"]].tolist() == [1, 4]
    rated = frame(found, "familiar-coverage-raters").set_index("method")
    assert rated.loc[ROUGH, "nose"] == pytest.approx(0.875)


def test_composites_are_measured_rated_and_of_masks(study):
    reference = study["units"][study["units"]["method"] == ROUGH][
        ["scan", "participant", "session", "contrast", "method"]
    ]
    reference = reference.assign(dice=0.78, sensitivity=0.9, hd95_mm=5.0)
    table = composites(replace(study, frames={**study.frames, "reference": reference}))
    assert set(table["composite"]) == {"face", "ears", "face, by raters", "Dice of masks"}
    one = table[(table["scan"] == "p2_1_T2w") & (table["method"] == ROUGH)].set_index("composite")["covered"]
    assert one[["face, by raters", "Dice of masks", "face"]].tolist() == [0.75, 0.78, 1.0]
    assert table.loc[table["composite"] == "face, by raters", "age"].notna().all()


def test_tumours_of_an_external_label_map_are_compared(study):
    rows = [
        {"scan": scan.name, "participant": scan.participant, "session": scan.session, "contrast": scan.contrast,
         "cohort": scan.cohort, "method": method, "pipeline": "tumours", "measure": "enhancing tumour volume",
         "value": 10.0 + int(scan.participant[1:]) - (method == ROUGH), "unit": "ml"}
        for scan in study.config.scans for method in (ORIGINAL, SAFE, ROUGH)
    ]  # fmt: skip
    labels = study["dice"][study["dice"]["kind"] == "label"].assign(structure="enhancing tumour", pipeline="tumours")
    frames = {
        "measures": pd.concat([study["measures"], pd.DataFrame(rows)]),
        "dice": pd.concat([study["dice"], labels]),
    }
    found = {item.key: item for item in part(familiar, replace(study, frames={**study.frames, **frames})).items}
    assert frame(found, "familiar-tumour").set_index(["method", "contrast"]).loc[(ROUGH, "T1w"), "bias"] == -1
    dice = frame(found, "familiar-tumour-dice").set_index("method")
    assert dice.loc[ROUGH, ["count", "median"]].tolist() == [24, 0.97]


def test_the_checklist_is_whole_and_says_what_the_run_knows(found, study):
    table = frame(found, "familiar-claim")
    assert table["number"].tolist() == [str(number) for number in range(1, 45)]
    answers = dict(zip(table["number"].astype(int), table["answer"], strict=True))
    assert "24 images of 6 participants" in answers[35]
    assert "T1w, T2w" in answers[13]
    assert "1 x 1 x 1.2" in answers[13]
    assert "success 36, failure I 0, failure II 12" in answers[39]
    assert study.config.sha256[:16] in answers[43]
    kappas = frame(found, "theyers-agreement").set_index("method")
    assert f"two-criterion: free-marginal kappa {kappas.loc['all', 'free-marginal kappa']:.2f}" in answers[18]
    assert answers[44] == "to be filled in by the authors"


def test_cohorts(found):
    table = frame(found, "familiar-table-1").set_index("characteristic")
    assert table.loc["participants", ["all", "young", "old"]].tolist() == ["6", "3", "3"]
    assert table.loc["age, range (years)", "all"] == "20 to 70"
    assert table.loc["sex: F", "young"] == "2 (67 %)"


def test_maps(found):
    table = frame(found, "theyers-maps").set_index("method")
    assert table.loc[ROUGH, ["participants", "voxels", "permutations"]].tolist() == [6, 40, 64]
    assert table.loc[ROUGH, "voxels that differ"] == 4
    assert table.loc[SAFE, "voxels that differ"] == 0


def test_identification(found):
    table = frame(found, "privacy-identification")
    table = table[table["attack"] == "face recogniser on renders"].set_index("version")
    assert table.loc[ORIGINAL, ["probes", "rank 1 %", "could not run"]].tolist() == [12, 100, 0]
    assert table.loc[ORIGINAL, "rank 1 chance"] == pytest.approx(100 / 6)
    assert table.loc[ROUGH, "rank 1 %"] == 0
    assert table.loc[SAFE, "could not run"] == 12  # no face was found to compare: not the same as not recognised
    seen = frame(found, "privacy-detection").set_index("version")
    assert seen.loc[ORIGINAL, "face seen"] == 24
    assert seen.loc[SAFE, "face seen"] == 0


def test_what_cannot_be_computed_is_told(found):
    for key in ("familiar-spatial", "familiar-centile", "familiar-tumour", "theyers-yardsticks", "theyers-recognition"):
        assert isinstance(found[key], NotRun)
        assert len(found[key].reason) > 20


def test_page_and_files(study, sections):
    paths = write_tables(study)
    assert pd.read_parquet(study.folder / "tables" / "units.parquet").shape[0] == 24 * 3
    assert {path.suffix for path in paths} == {".parquet", ".tsv"}
    units = pd.read_csv(study.folder / "tables" / "units.tsv", sep="\t")
    assert set(units["config_sha256"]) == {study.config.sha256}
    page = write_page(study, sections).read_text("utf-8")
    assert "PRIVATE" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert "Not run:" in page
    assert '<th scope="col">method</th>' in page
    assert '<th scope="col" class="number">total</th>' in page  # above its numbers
    assert "Familiar AM" in page
    for kind in ("png", "svg"):
        assert (study.folder / "figures" / f"gao-figure-2-network.{kind}").stat().st_size > 1000
    text = (study.folder / "methods.md").read_text("utf-8")
    assert "24 head MRI scans of 6 participants" in text
    assert "Randolph" in text
    assert "simulated" not in text


def renamed(study, cohort):
    """The same study with another name for the young."""
    frames = {
        name: frame.replace({"cohort": {"young": cohort}}) if "cohort" in frame else frame
        for name, frame in study.frames.items()
    }
    return replace(study, frames=frames)


def test_the_same_study_gives_the_same_files(study, tmp_path):
    written = []
    for name in ("one", "two"):
        changed = replace(study, folder=tmp_path / name)
        (tmp_path / name).mkdir()
        write_page(changed, [part(theyers, changed)])
        written.append({path.name: path.read_bytes() for path in (tmp_path / name / "figures").iterdir()})
    assert written[0] == written[1]


def test_any_name_of_a_cohort_can_be_shown(study, tmp_path):
    """Not as a formula, which matplotlib would take it for, and not as a page's script."""
    changed = replace(renamed(study, "$x$ and $\\frac$ <script>alert(1)</script>"), folder=tmp_path)
    page = write_page(changed, [part(theyers, changed)]).read_text("utf-8")
    assert "<script" not in page
    assert (tmp_path / "figures" / "theyers-figure-2-drawn.png").is_file()
    assert "please report it" not in page


def test_a_figure_that_cannot_be_drawn_costs_no_other(study, tmp_path, monkeypatch):
    sections = [part(gao, study)]
    figure = next(item for item in sections[0].items if isinstance(item, Figure))

    def fail(*_, **__):
        message = "no such font"
        raise ValueError(message)

    monkeypatch.setattr(figure.drawing, "savefig", fail)
    page = write_page(replace(study, folder=tmp_path), sections).read_text("utf-8")
    assert "no such font" in page
    assert page.count("<img") >= 2


def test_the_text_of_methods_says_what_was_done_and_nothing_else(study, sections, tmp_path):
    """A text to be pasted into a paper must not claim an analysis that could not be made."""
    text = methods_text(study, sections)
    for words in ("repeated-measures analysis of variance", "Pearson", "one-way analysis", "sign flips", "dlib"):
        assert words in text
    assert "CenterFace" not in text  # it is not among the detectors that ran
    scans = study["scans"].assign(contrast="T1w", age=None)
    few = study["coverage"].assign(contrast="T1w", age=None)
    options = replace(study.config.options, groups=("nothing",), attacks=())
    frames = {**study.frames, "scans": scans, "coverage": few, "detection": study["detection"].iloc[:0]}
    changed = replace(study, frames=frames, config=replace(study.config, options=options), folder=tmp_path)
    text = methods_text(changed, [part(familiar, changed), part(privacy, changed)])
    for words in ("repeated-measures", "Pearson", "Greenhouse", "one-way analysis", "sign flips", "dlib", "Schwarz"):
        assert words not in text
    assert "Bland" in text


def test_unknown_ages_are_told(study):
    frames = {**study.frames, "coverage": study["coverage"].assign(age=None), "scans": study["scans"].assign(age=None)}
    found = {item.key: item for item in part(familiar, replace(study, frames=frames)).items}
    assert isinstance(found["familiar-age"], NotRun)
    assert "please report it" not in found["familiar-age"].reason
    assert "participants" in set(frame(found, "familiar-table-1")["characteristic"])


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.56, "1235"), (339.91, "339.9"), (0.98765, "0.988"), (0.00001234, "1.23e-05"), (12, "12"), (-0.0, "0"),
     (float("nan"), "–"), (True, "True"), ("a_b", "a_b")],
)  # fmt: skip
def test_numbers_are_read_without_powers_of_ten(value, text):
    assert _cell(value).text == text
