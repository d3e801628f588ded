"""What face detectors see in a defaced scan. (Extra ``study``.)

They were trained on photographs: they miss heads that people would know, and take some holes for faces. Their word is
one check each, and only where they see the face in the original.
"""

from __future__ import annotations

from collections.abc import Sequence

from efface.evaluate.attack.detection import DEFAULT, Detection, Outcome, detect, get
from efface.evaluate.attack.detectors import Detector
from efface.scan import Scan
from efface.verdict import Check


def load_detectors() -> tuple[Detector, ...]:
    """Load the detectors whose verdicts count.

    Raises
    ------
    UsageError
        Their packages are missing; it says what to install.
    """
    return tuple(get(name) for name in DEFAULT)


def detector_checks(original: Scan, defaced: Scan, detectors: Sequence[Detector]) -> list[Check]:
    """Ask each detector whether it sees a face in any of five views; one check for each.

    Parameters
    ----------
    original, defaced : scans of one head
    detectors : what `load_detectors` loaded
    """
    before, after = (detect(scan.intensities(), scan.grid, detectors) for scan in (original, defaced))
    return [_check(one, two, detector.seen_above) for one, two, detector in zip(before, after, detectors, strict=True)]


def _check(before: Detection, after: Detection, seen_above: float) -> Check:
    name = f"face_seen_by_{after.detector.replace('-', '_')}"
    doubt = _doubt(before, after)
    sentence = f"The detector {after.detector} sees no face."
    if doubt:
        return Check(name, None, after.highest, seen_above, "confidence", f"{sentence} {doubt}")
    return Check(name, after.outcome is Outcome.no_face, after.highest, seen_above, "confidence", sentence)


def _doubt(before: Detection, after: Detection) -> str:
    """Say why what a detector saw proves nothing; empty if it proves something."""
    for detection, which in ((before, "original"), (after, "defaced scan")):
        if detection.outcome is Outcome.could_not_run:
            return f"It could not run on the {which}: {detection.reason}."
    sees_any = Outcome.face in (before.outcome, after.outcome)
    return "" if sees_any else "It saw none in the original either, which proves nothing."
