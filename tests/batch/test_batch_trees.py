"""Walking a folder never leaves it."""

import os

import pytest

from efface.batch.folders import read_folder
from efface.batch.trees import check_apart, files_below, work_folder
from efface.errors import UnreadableImageError, UsageError


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "scans"
    (folder / "a b" / "<b>").mkdir(parents=True)
    (folder / "a b" / "<b>" / "x\ny.nii.gz").write_bytes(b"1")
    (folder / "T1w.nii").write_bytes(b"2")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "T1w.nii").write_bytes(b"3")
    return folder


def found(folder):
    return {each.name: each.refused for each in files_below(folder)}


def test_every_file_by_its_relative_name(tree):
    assert found(tree) == {"T1w.nii": "", "a b/<b>/x\ny.nii.gz": ""}


def test_links_out_loops_and_dead_ends_are_reported_and_not_followed(tree):
    (tree.parent / "other.nii").write_bytes(b"secret")
    (tree / "out.nii").symlink_to(tree.parent / "other.nii")
    (tree / "up").symlink_to(tree.parent)
    (tree / "loop").symlink_to(tree)
    (tree / "dead.nii").symlink_to("nowhere")
    (tree / "round.nii").symlink_to("round.nii")
    (tree / "inside.nii").symlink_to("T1w.nii")
    os.mkfifo(tree / "pipe.nii")
    refused = {name: reason for name, reason in found(tree).items() if reason}
    assert set(refused) == {"out.nii", "up", "loop", "dead.nii", "round.nii", "pipe.nii"}
    assert "leads out" in refused["out.nii"]
    assert found(tree)["inside.nii"] == ""


@pytest.mark.parametrize("output", [".", "below", "..", "LINK"])
def test_output_and_input_lie_apart(tree, output):
    if output == "LINK":
        (tree.parent / "link").symlink_to(tree)
        output = "../link/below"
    with pytest.raises(UsageError, match="elsewhere"):
        check_apart(tree, tree / output)


def test_a_folder_of_a_similar_name_is_apart(tree):
    check_apart(tree, tree.parent / "scans2")


def test_logs_never_go_into_the_output(tmp_path):
    assert work_folder(tmp_path / "out", None) == tmp_path / "out_efface"
    with pytest.raises(UsageError, match="shared"):
        work_folder(tmp_path / "out", tmp_path / "out" / "logs")


@pytest.mark.parametrize("other", ["T1w.nii.gz", "t1W.mgz"])
def test_names_that_clash_are_refused(tree, other):
    (tree / other).write_bytes(b"4")
    with pytest.raises(UsageError, match="one name"):
        read_folder(tree, tree.parent / "out", {})


def test_a_folder_without_scans(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(UnreadableImageError, match="dcm2niix"):
        read_folder(tmp_path / "in", tmp_path / "out", {})
