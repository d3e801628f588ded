"""A face recogniser: turns pictures of a head into numbers that are close for one person and far for two.

It needs no photographs: renders of original scans are the gallery, renders of defaced ones the probes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from efface.errors import UsageError
from efface.evaluate.attack.detectors import EXTRA, Weights, padded
from efface.evaluate.render import Picture
from efface.grid import FloatArray

Features = Mapping[str, FloatArray]
"""For each view in which a face was found, (128,) numbers."""


@dataclass(frozen=True)
class DlibRecognizer:
    """dlib's recogniser, a ResNet of 29 layers; it looks only where dlib's own detector finds a face."""

    name: str = "dlib"
    margin: float = 0.5
    """How much empty space is added around a picture, share of its size."""
    _parts: Any = field(init=False, repr=False, compare=False)

    citation: ClassVar[str] = "King 2009, Dlib-ml, JMLR 10:1755; dlib_face_recognition_resnet_model_v1"
    WEIGHTS: ClassVar[Weights] = Weights(
        "face_recognition_models",
        "models/dlib_face_recognition_resnet_model_v1.dat",
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    )
    POINTS: ClassVar[Weights] = Weights(
        "face_recognition_models",
        "models/shape_predictor_5_face_landmarks.dat",
        "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    )

    def __post_init__(self) -> None:
        weights, points = self.WEIGHTS.checked_path(), self.POINTS.checked_path()
        try:
            dlib = import_module("dlib")
        except ImportError as error:
            message = f"dlib cannot be loaded ({error}); install what the attacks need: {EXTRA}"
            raise UsageError(message) from error
        parts = (
            dlib.get_frontal_face_detector(),
            dlib.shape_predictor(str(points)),
            dlib.face_recognition_model_v1(str(weights)),
        )
        object.__setattr__(self, "_parts", parts)

    def features(self, views: Mapping[str, Picture]) -> Features:
        """Return the features of a head; views in which no face is found are left out."""
        found = {view: self._look(padded(picture, self.margin)) for view, picture in views.items()}
        return {view: numbers for view, numbers in found.items() if numbers is not None}

    def _look(self, picture: Picture) -> FloatArray | None:
        detector, points, network = self._parts
        colours = np.ascontiguousarray(np.repeat(picture[..., None], 3, axis=2))
        boxes, sure, _ = detector.run(colours, 1, FAINT)
        if not boxes:
            return None
        return np.array(network.compute_face_descriptor(colours, points(colours, boxes[int(np.argmax(sure))])))


FAINT = -0.3
"""The detector's score above which a face is compared; below 0, as renders are no photographs."""


def feature_distances(probes: Sequence[Features], gallery: Sequence[Features]) -> NDArray[np.float64]:
    """Return how unlike probes and gallery are: the mean distance over the views that both have.

    Returns
    -------
    distances : (P, G) array
        NaN where no view shows a face in both; see `efface.evaluate.attack.identification.identify`.
    """
    return np.array([[_distance(probe, entry) for entry in gallery] for probe in probes])


def _distance(one: Features, other: Features) -> float:
    common = [view for view in one if view in other]
    return float(np.mean([np.linalg.norm(one[view] - other[view]) for view in common])) if common else float("nan")
