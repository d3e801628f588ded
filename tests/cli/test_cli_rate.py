"""``efface rate``: what cannot be rated is refused before a page is served; ratings come out as a table."""

import socket

import pytest

from efface.rating.desk import Desk
from efface.rating.folder import read_folder
from efface.rating.form import load_form
from efface.rating.store import Store


@pytest.fixture
def folder(phantom_file, tmp_path):
    (tmp_path / "a.nii.gz").symlink_to(phantom_file)
    (tmp_path / "scans.tsv").write_text("scan\tmethod\tcohort\tdefaced\nsub-01\tanatomy\tX\ta.nii.gz\n")
    return tmp_path


def test_ratings_come_out_as_a_table(efface, folder, tmp_path):
    store = Store(folder)
    desk = Desk(read_folder(folder), {"outcome": load_form("outcome")}, store)
    shown = desk.place("Anna B.", "outcome").shown
    desk.confirm("Anna B.", "outcome", shown.rating_id, {"outcome": "failure II"})
    store.close()
    table = tmp_path / "ratings.tsv"
    assert efface("rate", folder, "--export", table).status == 0
    head, row = (line.split("\t") for line in table.read_text("utf-8").splitlines())
    assert head == ["rating_id", "rater", "form", "question", "scan", "method", "cohort", "answer", "repeat"]
    assert row[1:] == ["Anna B.", "outcome", "outcome", "sub-01", "anatomy", "X", "failure II", "0"]
    assert efface("rate", folder, "--export", table).status == 2
    assert efface("rate", folder, "--export", table, "--overwrite").status == 0


def test_a_folder_without_a_table_is_refused(efface, tmp_path):
    said = efface("rate", tmp_path)
    assert said.status == 4
    assert "scans.tsv" in said.line


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--form", "beauty"], "no such form"),
        (["--form", "recognition"], "photographs.tsv"),
        (["--form", "outcome", "--form", "outcome"], "two forms"),
        (["--port", "70000"], "--port"),
    ],
)
def test_wrong_options_are_refused(efface, folder, options, word):
    said = efface("rate", folder, *options)
    assert said.status == 2
    assert word in said.line


def test_a_port_that_is_taken_is_refused(efface, folder):
    pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = efface("rate", folder, "--port", taken.getsockname()[1])
    assert said.status == 2
    assert "leave --port out" in said.line
