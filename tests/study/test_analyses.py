"""Analyses of records whose answers are known; no image is looked at."""

from dataclasses import replace

import pytest

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("statsmodels")
pytest.importorskip("matplotlib")

import pandas as pd
from known_answers import CONTRASTS, PEOPLE, ROUGH, SAFE, frame, known_study, part

from efface.errors import UsageError
from efface.study.analyses import analyse, familiar, theyers
from efface.study.analyses.checklist import checklist
from efface.study.analyses.composites import composites
from efface.study.analyses.gao import judged_units, outcome_counts
from efface.study.analyses.items import Figure, NotRun, tried
from efface.study.config import ORIGINAL


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return known_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def sections(study):
    return analyse(study)


@pytest.fixture(scope="module")
def found(sections):
    return {item.key: item for section in sections for item in section.items}


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


def test_unknown_ages_are_told(study):
    frames = {**study.frames, "coverage": study["coverage"].assign(age=None), "scans": study["scans"].assign(age=None)}
    found = {item.key: item for item in part(familiar, replace(study, frames=frames)).items}
    assert isinstance(found["familiar-age"], NotRun)
    assert "please report it" not in found["familiar-age"].reason
    assert "participants" in set(frame(found, "familiar-table-1")["characteristic"])
