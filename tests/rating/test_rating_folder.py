"""What is rated comes from a table; what is wrong with it is said before anybody begins."""

import pytest

from efface.errors import UnreadableImageError, UsageError
from efface.rating.folder import read_folder


def test_rows_become_items_and_people_have_right_answers(folder, rated):
    assert len(folder.items) == 18
    first = folder.items[0]
    assert (first.scan, first.method, first.cohort, first.person) == ("sub-00", "quickshear", "A", "person-0")
    assert first.path == rated / "cut.nii.gz"
    assert folder.right_answers() == {"person-0": "photograph 1", "person-1": "photograph 2", "person-2": "none"}


def test_each_original_is_there_once(folder):
    (original,) = folder.originals()
    assert (original.method, original.path.name, original.original) == ("original", "original.nii.gz", None)


def test_a_small_table_is_enough(rated):
    (rated / "photographs.tsv").unlink()
    (rated / "scans.tsv").write_text("scan\tmethod\tdefaced\na\tm\tcut.nii.gz\nb\tm\tn/a\n")
    folder = read_folder(rated)
    assert [(item.scan, item.cohort, item.original, item.person) for item in folder.items] == [("a", "", None, "a")]
    assert folder.photographs == ()


@pytest.mark.parametrize(
    ("text", "error", "word"),
    [
        ("scan\tmethod\na\tm\n", UsageError, "no column defaced"),
        ("scan,method,defaced\na,m,cut.nii.gz\n", UsageError, "separate columns by tabs"),
        ("scan\tmethod\tdefaced\na\tm\tgone.nii.gz\n", UnreadableImageError, "gone.nii.gz: no such file"),
        ("scan\tmethod\tdefaced\n", UsageError, "names no defaced scan"),
        ("scan\tmethod\tdefaced\na\tm\tcut.nii.gz\na\tm\tcut.nii.gz\n", UsageError, "a by m is there twice"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(rated, text, error, word):
    (rated / "scans.tsv").write_text(text)
    with pytest.raises(error, match=word):
        read_folder(rated)


def test_two_photographs_of_one_person_are_refused(rated):
    (rated / "photographs.tsv").write_text("person\tfile\nperson-0\tone.png\nperson-0\ttwo.jpg\n")
    with pytest.raises(UsageError, match="person-0 is there twice"):
        read_folder(rated)


def test_a_folder_without_a_table_is_refused(tmp_path):
    with pytest.raises(UnreadableImageError, match=r"scans\.tsv"):
        read_folder(tmp_path)
