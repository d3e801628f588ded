"""A face recogniser on renders; what needs the extra ``study`` is skipped without it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from efface.errors import UsageError
from efface.evaluate.attack import detectors as detectors_module
from efface.evaluate.attack.identification import identify
from efface.evaluate.attack.recognizers import DlibRecognizer, feature_distances
from efface.evaluate.render import STANDARD_VIEWS, render_views
from efface.phantom import make


def test_only_common_views_are_compared():
    one = {"front": np.zeros(3), "left_30": np.full(3, 9.0)}
    other = {"front": np.array([3.0, 0, 4]), "right_30": np.zeros(3)}
    assert feature_distances([one, {}], [other, one]) == pytest.approx(np.array([[5, 0], [np.nan] * 2]), nan_ok=True)


def test_a_probe_without_a_face_has_no_rank():
    face = {"front": np.zeros(3)}
    found = identify(feature_distances([{}, face], [face, face]), ["a", "b"], ["a", "b"])
    assert found.could_not_run == 1


@pytest.mark.parametrize("missing", ["weights", "dlib"])
def test_what_is_missing_is_named(monkeypatch, missing):
    if missing == "weights":
        monkeypatch.setattr(detectors_module, "find_spec", lambda package: None)
    else:
        monkeypatch.setattr(detectors_module.Weights, "checked_path", lambda weights: weights.file)
        monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(UsageError, match="study"):
        DlibRecognizer()


@pytest.fixture(scope="module")
def recognizer():
    for package in ("dlib", "face_recognition_models"):
        if not detectors_module.find_spec(package):
            pytest.skip(f"{package} is missing (extra: study)")
    return DlibRecognizer()


@pytest.mark.slow
def test_a_synthetic_person_is_recognised(recognizer):
    """Scanned again, each of three people is nearest to their own first scan."""
    people = (200, 201, 203)
    first, again = ([views(recognizer, seed, scan) for seed in people] for scan in (0, 1))
    names = [str(seed) for seed in people]
    assert all("front" in features and features["front"].shape == (128,) for features in first)
    assert identify(feature_distances(again, first), names, names).rate(1).hits == len(people)


def views(recognizer, seed, scan):
    person = make("T1w", seed=seed, scan=scan, spacing_mm=(1.6, 1.6, 1.6))
    values = np.asarray(person.image.dataobj, np.float32)
    return recognizer.features(render_views(values, person.grid, STANDARD_VIEWS))


def test_a_picture_without_a_face_has_no_features(recognizer):
    assert recognizer.features({"front": np.full((64, 64), 90, np.uint8)}) == {}
