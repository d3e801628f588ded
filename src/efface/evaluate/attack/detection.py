"""Show the standard views of a scan to face detectors, and say what each of them sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from efface.errors import UsageError
from efface.evaluate.attack.detectors import CenterFace, Detector, OpenCvSsd
from efface.evaluate.render import Picture, render_views
from efface.grid import Grid
from efface.spatial.head_surface import Volume

DETECTORS: Mapping[str, Callable[[], Detector]] = MappingProxyType(
    {"opencv-ssd": OpenCvSsd, "centerface": CenterFace, "opencv-ssd-published": OpenCvSsd.published}
)
"""How to load every detector, by its name. The last gives the literature's figures; it mistakes backs for faces."""
DEFAULT = ("opencv-ssd", "centerface")
"""The detectors whose verdicts count."""


class Outcome(str, Enum):
    """What came of an attack."""

    face = "face"
    """A face was seen in at least one view."""
    no_face = "no face"
    """The detector looked at every view and saw none."""
    could_not_run = "could not run"
    """Nothing was looked at; says nothing about the scan."""


@dataclass(frozen=True)
class Detection:
    """What one detector saw."""

    detector: str
    """Key in `DETECTORS`."""
    confidence: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """For each view, how sure the detector is that it shows a face, 0 to 1; empty if it could not run."""
    seen_above: float = 1.0
    """The confidence above which a view shows a face."""
    reason: str = ""
    """Why it could not run, and what to try; empty if it ran."""

    @property
    def outcome(self) -> Outcome:
        """Whether it saw a face, saw none, or could not look."""
        if not self.confidence:
            return Outcome.could_not_run
        return Outcome.face if self.views_seen else Outcome.no_face

    @property
    def views_seen(self) -> tuple[str, ...]:
        """The views in which it saw a face."""
        return tuple(view for view, sure in self.confidence.items() if sure > self.seen_above)

    @property
    def highest(self) -> float | None:
        """The highest confidence of all views; None if it could not run."""
        return max(self.confidence.values(), default=None)


def get(name: str) -> Detector:
    """Load a detector.

    Raises
    ------
    UsageError
        There is none of that name, or the packages it needs are not installed.
    """
    if name not in DETECTORS:
        message = f"there is no face detector {name!r}; use one of {', '.join(DETECTORS)}"
        raise UsageError(message)
    return DETECTORS[name]()


def detect(values: Volume, grid: Grid, detectors: Iterable[str | Detector] = DEFAULT) -> list[Detection]:
    """Look for a face in the five standard views of a scan.

    Parameters
    ----------
    values : (I, J, K) float32 array
        Any contrast.
    grid : Grid
        Where the voxels lie.
    detectors : iterable of str or Detector
        Names, or detectors made before (which saves loading them again); by default two of different families.

    Returns
    -------
    detections : list of Detection
        One per detector, in order. Those whose packages are missing, and all if there is no head, could not run.
    """
    return detect_in(render_views(values, grid), detectors)


def detect_in(views: Mapping[str, Picture], detectors: Iterable[str | Detector] = DEFAULT) -> list[Detection]:
    """Look for a face in pictures that were drawn before; parameters and result as in `detect`."""
    return [_detection(views, detector) for detector in detectors]


def _detection(views: Mapping[str, Picture], detector: str | Detector) -> Detection:
    name = detector if isinstance(detector, str) else detector.name
    if not any(picture.any() for picture in views.values()):
        return Detection(name, reason="there is no head in the pictures; check that this is the right scan")
    try:
        ready = get(detector) if isinstance(detector, str) else detector
    except UsageError as error:
        if name not in DETECTORS:
            raise
        return Detection(name, reason=str(error))
    confidence = {view: ready.confidence(picture) for view, picture in views.items()}
    return Detection(name, MappingProxyType(confidence), ready.seen_above)
