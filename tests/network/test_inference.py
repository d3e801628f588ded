"""A trained network: checked when it is read, the same answer every time."""

import json

import numpy as np
import pytest

from efface import phantom
from efface.anatomy import MODEL
from efface.errors import DefaceError
from efface.io import read_scan
from efface.network.confidence import Evidence
from efface.network.inference import load_network
from efface.network.preparing import prepare


@pytest.fixture(scope="module")
def looks():
    """The same scan, looked at twice."""
    scan = read_scan(phantom.head("T1w", spacing_mm=(3, 3, 3), seed=1))
    prepared = prepare(scan.intensities(), scan.grid, 3.0)
    return scan, [load_network(MODEL).look(prepared) for _ in range(2)]


def test_the_same_scan_gives_the_same_answer(looks):
    _, (one, two) = looks
    assert np.array_equal(one.labels, two.labels)
    assert np.array_equal(one.inside, two.inside)


def test_the_answer_lies_where_the_scan_lies(looks):
    scan, (look, _) = looks
    brain = look.grid.ras(np.argwhere(look.inside > 0.5)).mean(axis=0)
    assert ((scan.grid.index(brain) > 0) & (scan.grid.index(brain) < scan.grid.shape)).all()
    assert look.labels.shape == look.inside.shape == look.grid.shape


def test_the_model_is_small_and_says_what_it_answers():
    described = json.loads((MODEL / "labels.json").read_text("utf-8"))
    assert (MODEL / "model.onnx").stat().st_size < 10e6
    names = [entry["name"] for entry in described["classes"]]
    assert tuple(names) == load_network(MODEL).classes
    for entry in described["classes"]:
        assert described["classes"][entry["mirror"]]["mirror"] == entry["value"]


def test_damaged_weights_are_noticed(tmp_path):
    for path in MODEL.glob("*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = bytearray((tmp_path / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(DefaceError, match="damaged"):
        load_network(tmp_path)


def test_a_folder_without_a_network_is_said_so(tmp_path):
    with pytest.raises(DefaceError, match="holds no network"):
        load_network(tmp_path)


def test_a_network_for_another_spacing_is_refused(tmp_path):
    for path in MODEL.glob("*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    described = json.loads((tmp_path / "labels.json").read_text("utf-8"))
    described["input"]["spacing_mm"] = 1.0
    (tmp_path / "labels.json").write_text(json.dumps(described), "utf-8")
    with pytest.raises(DefaceError, match=r"1\.0 mm"):
        load_network(tmp_path)


def test_the_bundled_network_is_calibrated_and_described():
    described = json.loads((MODEL / "labels.json").read_text("utf-8"))
    assert described["confidence"]["scans"] >= 50
    card = (MODEL / "MODEL_CARD.md").read_text("utf-8")
    assert "@" not in card
    assert "No real scan was trained on" in card


def test_weights_can_be_weighed():
    evidence = Evidence(0.9, 0.9, 3.0, 2.0, 15)
    assert len(load_network(MODEL).trust) == len(evidence.numbers())
