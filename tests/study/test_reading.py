"""A study's file: what it says arrives, and every mistake is told with its place."""

import pytest

from efface.errors import UnreadableImageError, UsageError
from efface.study.reading import load_config
from efface.study.scan_lists import scans_of

GOOD = """
title = "Ours"
[scans]
table = "scans.tsv"
[[methods]]
method = "anatomy"
name = "new-face"
fill = "reface"
parameters = { extent = "full" }
[[methods]]
name = "theirs"
results = "theirs/{participant}_{session}.nii.gz"
[[methods]]
name = "converter"
results = "other/{scan}.nii.gz"
yardstick = true
[[pipelines]]
name = "network"
[[pipelines]]
name = "seg"
results = "seg/{version}/{scan}.mgz"
measures = ["stats/{version}/{scan}/lh.aparc.stats"]
labels = "synthseg"
[[maps]]
name = "activation"
path = "maps/{version}/{scan}.nii.gz"
[options]
workers = 3
attacks = []
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"x")
    (tmp_path / "b.nii").write_bytes(b"x")
    (tmp_path / "scans.tsv").write_text(
        "path\tparticipant\tsession\tage\tsex\tsite\na.nii.gz\tp1\t1\t7.5\tF\tn/a\nb.nii\tp2\t1\tn/a\tM\tNorth\n",
        "utf-8",
    )
    return tmp_path


def write(folder, text):
    path = folder / "study.toml"
    path.write_text(text, "utf-8")
    return path


def test_all_that_is_written_arrives(folder):
    config = load_config(write(folder, GOOD))
    assert [scan.name for scan in config.scans] == ["a", "b"]
    assert (config.scans[0].age, config.scans[1].age) == (7.5, None)
    assert [dict(scan.facts) for scan in config.scans] == [{"sex": "F"}, {"sex": "M", "site": "North"}]
    assert (config.methods[0].fill, config.methods[0].parameters) == ("reface", {"extent": "full"})
    assert config.methods[1].results == str(folder / "theirs/{participant}_{session}.nii.gz")
    assert config.methods[2].yardstick
    assert config.pipelines[1].measures == (str(folder / "stats/{version}/{scan}/lh.aparc.stats"),)
    assert (config.options.workers, config.options.attacks) == (3, ())
    assert config.sha256 == load_config(write(folder, GOOD)).sha256
    assert config.sha256 != load_config(write(folder, GOOD.replace("workers = 3", "workers = 4"))).sha256


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('title = "Ours"', 'titel = "Ours"', "unknown key titel"),
        ("[scans]\n", "[scans\n", "not TOML"),
        ('table = "scans.tsv"', 'table = "none.tsv"', "none.tsv: cannot be read"),
        ('table = "scans.tsv"', 'table = "scans.tsv"\nbids = "x"', "either table"),
        ('method = "anatomy"', 'method = "anatomie"', "'anatomie' is unknown"),
        ('extent = "full"', 'extend = "full"', "no parameter extend"),
        ('fill = "reface"', 'fill = "grey"', "grey"),
        ('name = "theirs"', 'name = "original"', "cannot be used"),
        ('name = "theirs"', 'name = "new-face"', "given more than once"),
        ('name = "theirs"', 'name = "../theirs"', "cannot be used"),
        ('method = "anatomy"\nname = "new-face"\n', "", "without a name: give either method"),
        ("theirs/{participant}_{session}", "theirs/all", "must hold {scan} or {participant}"),
        ("seg/{version}/{scan}.mgz", "seg/{subject}.mgz", "must hold {scan}"),
        ('labels = "synthseg"', 'labels = "brainvisa"', "no label table"),
        ('labels = "synthseg"', 'labels = "synthseg"\ncommand = "x {input} {output}"', "not both"),
        ("workers = 3", 'workers = "three"', "is not int"),
        ("workers = 3", "workers = 0", "at least 1"),
        ("workers = 3", "worker = 3", "unknown key worker"),
        ("attacks = []", 'attacks = ["hypnosis"]', "hypnosis"),
        ("yardstick = true", "yardstick = 1", "is not bool"),
        ("[[methods]]", "[methods]", "not TOML"),
        ("[[maps]]", "[maps]", "write [[maps]], with two brackets"),
        ('title = "Ours"', 'methods = "anatomy"', "not TOML"),
        ("[scans]", "[[scans]]", "[scans]: give either table"),
        ('table = "scans.tsv"', "table = 3", "[scans]: give either table"),
        ("[options]", "[[options]]", "[options] is list, not a table"),
        ("attacks = []", 'attacks = "surface"', "attacks = 'surface' is not a list of words"),
        ("attacks = []", 'groups = "sex"', "groups = 'sex' is not a list of words"),
        ("attacks = []", "permutations = 0", "permutations = 0; give at least 1"),
        ("attacks = []", "untouched_below = 5", "give 0 to 1"),
        ("attacks = []", "ratings = 3", "ratings = 3 is no path"),
        ('extent = "full"', 'clearance_mm = "4"', "method new-face: its parameters cannot be used"),
        ('extent = "full"', "clearance_mm = -4", "clearance_mm"),
        ('fill = "reface"', 'fill = "own"', "writes nothing of its own"),
        ('["stats/{version}/{scan}/lh.aparc.stats"]', "3", "measures = 3 is not a list of words"),
        ('["stats/{version}/{scan}/lh.aparc.stats"]', "[3]", "is not a list of words"),
        ('results = "seg/{version}/{scan}.mgz"', 'command = "x {input} {output} {"', "pipeline seg: '{'"),
        ('results = "seg/{version}/{scan}.mgz"', 'command = "x \'{input} {output}"', "No closing quotation"),
        ('name = "network"', 'name = "network"\nresults = "x/{scan}.nii"', "name of the built-in pipeline"),
    ],
)
def test_mistakes_are_told(folder, old, new, told):
    assert old in GOOD
    with pytest.raises((UsageError, UnreadableImageError)) as caught:
        load_config(write(folder, GOOD.replace(old, new, 1)))
    assert told in str(caught.value)


def test_one_method_as_a_table_is_told(folder):
    with pytest.raises(UsageError, match=r"write \[\[methods\]\], with two brackets"):
        load_config(write(folder, '[scans]\ntable = "scans.tsv"\n[methods]\nmethod = "anatomy"\n'))


def test_a_methods_own_files_start_at_the_studys_folder(folder):
    more = '[[methods]]\nmethod = "quickshear"\nparameters = { brain_mask = "a.nii.gz" }\n[[pipelines]]'
    config = load_config(write(folder, GOOD.replace("[[pipelines]]", more, 1)))
    assert config.methods[-1].parameters == {"brain_mask": folder / "a.nii.gz"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("\tp3\t1\t8\tF\t\n", "line 4: columns path and participant"),
        ("a.nii.gz\tp3\t2\teight\tF\t\n", "line 4: age 'eight'"),
        ("a.nii.gz\tp3\t2\t8\tF\t\n", "name of several scans"),
        ("c.nii\tp3\t2\t8\tF\t\n", "c.nii: no such file"),
    ],
)
def test_mistakes_in_the_table_are_told(folder, line, told):
    table = folder / "scans.tsv"
    table.write_text(table.read_text("utf-8") + line, "utf-8")
    with pytest.raises((UsageError, UnreadableImageError)) as caught:
        load_config(write(folder, GOOD))
    assert told in str(caught.value)


def test_bids(tmp_path):
    names = (
        "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
        "sub-01/ses-a/anat/sub-01_ses-a_run-2_T1w.nii.gz",
        "sub-01/ses-b/anat/sub-01_ses-b_ce-gad_T1w.nii.gz",
        "sub-02/anat/sub-02_FLAIR.nii.gz",
        "sub-02/anat/sub-02_mod-FLAIR_defacemask.nii.gz",
        "sub-02/func/sub-02_task-rest_bold.nii.gz",
        "derivatives/x/sub-02/anat/sub-02_T1w.nii.gz",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "participants.tsv").write_text("participant_id\tage\tsex\tgroup\nsub-01\t8\tF\tpatient\n", "utf-8")
    scans = {scan.name: scan for scan in scans_of({"bids": "."}, tmp_path)}
    assert sorted(scans) == sorted(
        ["sub-02_FLAIR", *(f"sub-01_ses-{each}" for each in ("a_T1w", "a_run-2_T1w", "b_ce-gad_T1w"))]
    )
    assert scans["sub-01_ses-b_ce-gad_T1w"].contrast == "T1w-ce"
    assert scans["sub-01_ses-a_run-2_T1w"].session == "a_run-2"
    assert (scans["sub-01_ses-a_T1w"].age, scans["sub-01_ses-a_T1w"].cohort) == (8, "patient")
    assert scans["sub-01_ses-a_T1w"].facts == {"sex": "F", "group": "patient"}
    assert scans["sub-02_FLAIR"].age is None
    with pytest.raises(UsageError, match="no scan"):
        scans_of({"bids": ".", "suffixes": ["PDw"]}, tmp_path)
