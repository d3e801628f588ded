"""What an attacker and a reader see of one image: detectors, a recogniser, the head's surface, small pictures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from efface.anatomy import Anatomy
from efface.errors import UsageError
from efface.evaluate.attack import DlibRecognizer, HeadShape, detect_in, get, head_shape
from efface.evaluate.attack.detection import DEFAULT
from efface.evaluate.attack.detectors import Detector
from efface.evaluate.render import Frame, Picture, render_views
from efface.grid import FloatArray
from efface.scan import Scan

SURFACE, FEATURES = "surface.npz", "features.npz"
RENDER_SPACING_MM = 1.25
"""Of coarser scans, half of their voxels' edge: more would draw nothing."""


def render(scan: Scan, frame: Frame, views: Mapping[str, float]) -> dict[str, Picture]:
    """Draw some views."""
    spacing = max(RENDER_SPACING_MM, float(scan.grid.spacing_mm.min()) / 1.25)
    return render_views(scan.intensities(), scan.grid, views, frame=frame, spacing_mm=spacing)


def detection_rows(views: Mapping[str, Picture]) -> list[dict[str, Any]]:
    """Return a row for each detector and view; one for a detector that could not run, with its reason."""
    rows: list[dict[str, Any]] = []
    detectors: list[str | Detector] = [_detector(name) or name for name in DEFAULT]
    for found in detect_in(views, detectors):
        common = {"detector": found.detector, "outcome": found.outcome.value, "reason": found.reason}
        limit = {"seen_above": found.seen_above}
        if not found.confidence:
            rows.append({**common, **limit, "view": "", "confidence": None})
        rows += [{**common, **limit, "view": view, "confidence": sure} for view, sure in found.confidence.items()]
    return rows


@lru_cache(maxsize=4)
def _detector(name: str) -> Detector | None:
    try:
        return get(name)
    except UsageError:
        return None


@lru_cache(maxsize=1)
def recognizer() -> DlibRecognizer | None:
    """Return the recogniser; None where its packages are missing."""
    try:
        return DlibRecognizer()
    except UsageError:
        return None


def save_features(views: Mapping[str, Picture], folder: Path) -> None:
    """Keep what the recogniser makes of the views in which it finds a face."""
    known = recognizer()
    if known is not None:
        np.savez(folder / FEATURES, **dict(known.features(views)))  # type: ignore[arg-type] # names are views


def load_features(folder: Path) -> dict[str, FloatArray] | None:
    """Return what `save_features` kept; None where the recogniser did not look."""
    if not (folder / FEATURES).is_file():
        return None
    with np.load(folder / FEATURES, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def save_surface(scan: Scan, anatomy: Anatomy, changed: NDArray[np.bool_] | None, folder: Path) -> None:
    """Keep the head's surface; of a defaced scan only what was not replaced, which an attacker can find out."""
    shape = head_shape(scan, anatomy, changed)
    np.savez_compressed(folder / SURFACE, **{name.replace(" ", "."): each for name, each in shape.maps.items()})  # type: ignore[arg-type] # as above


def load_surface(folder: Path) -> HeadShape | None:
    """Return what `save_surface` kept; None where no brain was found to lay the surface on."""
    if not (folder / SURFACE).is_file():
        return None
    with np.load(folder / SURFACE, allow_pickle=False) as stored:
        return HeadShape({name.replace(".", " "): stored[name] for name in stored.files})


def save_picture(picture: NDArray[np.uint8], path: Path) -> None:
    """Write a grey or coloured picture as PNG."""
    Image.fromarray(picture).save(path)


def load_picture(path: Path) -> NDArray[np.uint8] | None:
    """Return a picture that `save_picture` wrote; None where there is none."""
    if not path.is_file():
        return None
    with Image.open(path) as picture:
        return np.asarray(picture)
