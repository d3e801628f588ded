"""From the network's labels to what places the atlas: structure centroids, and points on the brain's surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.grid import FloatArray
from efface.network.inference import Look
from efface.spatial.placing import Landmarks

LEAST_ML = 0.15
"""A structure smaller than this was not found."""
SURFACE_POINTS = 2000


def landmarks(look: Look, classes: Sequence[str]) -> Landmarks:
    """Measure a labelled scan.

    Parameters
    ----------
    look : the network's answer
    classes : class name by value

    Returns
    -------
    landmarks : structures that touch the edge of the view, and surface there, are left out: they are cut
    """
    return Landmarks(_centroids(look, classes), _surface(look))


def _centroids(look: Look, classes: Sequence[str]) -> dict[str, FloatArray]:
    counts = np.bincount(look.labels.ravel(), minlength=len(classes))
    sums = []
    for axis, length in enumerate(look.labels.shape):
        along = np.moveaxis(look.labels, axis, 0).reshape(length, -1)
        each = np.stack([np.bincount(plane, minlength=len(classes)) for plane in along])
        sums.append(np.arange(length) @ each)
    cut = _at_the_edge(look.labels)
    least = LEAST_ML * 1000 / float(np.prod(look.grid.spacing_mm))
    return {
        name: look.grid.ras([total[value] / counts[value] for total in sums])
        for value, name in enumerate(classes)
        if counts[value] > least and value not in cut
    }


def _at_the_edge(labels: NDArray[np.uint8]) -> set[int]:
    """Return the labels that touch the edge of the view."""
    faces = [labels[(slice(None),) * axis + (end,)] for axis in range(3) for end in (0, -1)]
    return set(np.unique(np.concatenate([face.ravel() for face in faces])).tolist())


def _surface(look: Look) -> FloatArray:
    """Return (N, 3) points where the probability of being inside the skull crosses one half, RAS+ mm."""
    inside = look.inside > 0.5
    parts, count = ndimage.label(inside)
    if count > 1:
        inside = parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
    points = [_crossings(look.inside, inside, axis) for axis in range(3)]
    found = np.concatenate(points)
    return look.grid.ras(found[:: max(1, len(found) // SURFACE_POINTS)])


def _crossings(values: NDArray[np.float32], inside: NDArray[np.bool_], axis: int) -> FloatArray:
    """Return (N, 3) indices, between neighbours along an axis, where the values cross one half."""
    one, two = (np.take(inside, np.arange(a, inside.shape[axis] - 1 + a), axis) for a in (0, 1))
    at = np.argwhere(one != two)
    after = at.copy()
    after[:, axis] += 1
    first, second = values[tuple(at.T)].astype(float), values[tuple(after.T)].astype(float)
    step = np.clip((0.5 - first) / np.where(first == second, 1, second - first), 0, 1)
    crossings = at.astype(float)
    crossings[:, axis] += step
    return crossings
