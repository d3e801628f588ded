"""Names come from the standard's own schema; .bidsignore is read as .gitignore is."""

import pytest

pytest.importorskip("bidsschematools")


from efface.bids.ignoring import read_ignored
from efface.bids.names import read_name


@pytest.mark.parametrize(
    ("path", "datatype", "suffix"),
    [
        ("sub-01/anat/sub-01_T1w.nii.gz", "anat", "T1w"),
        ("sub-01/ses-a/anat/sub-01_ses-a_acq-x_ce-gd_run-1_T2w.nii", "anat", "T2w"),
        ("sub-01/anat/sub-01_inv-1_part-mag_MP2RAGE.nii.gz", "anat", "MP2RAGE"),
        ("sub-01/anat/sub-01_echo-2_part-phase_MEGRE.nii.gz", "anat", "MEGRE"),
        ("sub-01/anat/sub-01_inplaneT2.nii.gz", "anat", "inplaneT2"),
        ("sub-01/anat/sub-01_angio.nii.gz", "anat", "angio"),
        ("sub-01/pet/sub-01_pet.nii.gz", "pet", "pet"),
        ("T1w.json", None, "T1w"),
    ],
)
def test_known_names(path, datatype, suffix):
    name = read_name(path)
    assert (name.datatype, name.suffix) == (datatype, suffix)
    assert name.is_image == (not path.endswith(".json"))


@pytest.mark.parametrize(
    "path",
    [
        "sub-01/anat/face.nii.gz",
        "sub-01/anat/sub-02_T1w.nii.gz",
        "sub-01/anat/sub-01_scout.nii.gz",
        "sub-01/anat/../../x_T1w.nii.gz",
        "sub-01/anat/sub-01_T1w.nii.gz.orig",
        "../sub-01/anat/sub-01_T1w.nii.gz",
    ],
)
def test_names_that_the_standard_does_not_know(path):
    assert read_name(path) is None


def test_masks_are_named_as_the_standard_says():
    mask = read_name("sub-01/ses-1/anat/sub-01_ses-1_run-1_T1w.nii.gz").sibling("defacemask", ".nii.gz", mod="T1w")
    assert mask == "sub-01/ses-1/anat/sub-01_ses-1_run-1_mod-T1w_defacemask.nii.gz"
    assert read_name(mask) is not None
    echo = read_name("sub-01/anat/sub-01_echo-1_MEGRE.nii.gz").sibling("defacemask", ".nii.gz", mod="MEGRE")
    assert read_name(echo) is None


def test_inheritance():
    image = read_name("sub-01/ses-1/anat/sub-01_ses-1_run-1_T1w.nii.gz")
    for path in ("T1w.json", "sub-01/sub-01_T1w.json", "sub-01/ses-1/anat/sub-01_ses-1_T1w.json"):
        assert read_name(path).applies_to(image)
    for path in (
        "T2w.json",
        "sub-02/sub-02_T1w.json",
        "sub-01/ses-1/anat/sub-01_ses-1_run-2_T1w.json",
        "acq-x_T1w.json",
    ):
        assert not read_name(path).applies_to(image)


@pytest.mark.parametrize(
    ("line", "ignored", "kept"),
    [
        ("*_localizer.*", ["a/b_localizer.nii.gz", "b_localizer.json"], ["b_localizer"]),
        ("extra/", ["extra/a.nii", "a/extra/b.nii"], ["extra", "extras/a.nii"]),
        ("/top.txt", ["top.txt"], ["a/top.txt"]),
        ("a/*.nii", ["a/b.nii"], ["a/b/c.nii", "x/a/b.nii"]),
        ("a/**", ["a/b/c.nii"], ["b/a"]),
        ("**/x?.nii", ["x1.nii", "a/b/x2.nii"], ["a/x.nii"]),
        ("sub-[!1]*", ["sub-2/anat/a.nii"], ["sub-1/anat/a.nii"]),
        ("*.nii\n!keep.nii", ["a.nii"], ["a/keep.nii"]),
        ("# *\n\n", [], ["a"]),
        ("a.b", ["a.b", "a.b/c"], ["axb"]),
    ],
)
def test_bidsignore(tmp_path, line, ignored, kept):
    (tmp_path / ".bidsignore").write_text(line)
    rule = read_ignored(tmp_path)
    assert [rule(path) for path in ignored] == [True] * len(ignored)
    assert [rule(path) for path in kept] == [False] * len(kept)
