"""A child's proportions: below the skull's base a small head is smaller than its vault.

Face to cranium is about 1 : 8 by volume at birth, 1 : 5 at five years and 1 : 2.5 in adults (Enlow and Hans 1996,
Essentials of Facial Growth); most of it is height.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from efface.grid import FloatArray

FACE_SIZE = ((0.5, 0.64), (0.62, 0.68), (0.82, 0.74), (0.91, 0.79), (1.0, 1.0))
"""A head's size beside an adult's (newborn, one year, five years, adult), and its face's beside its own vault's: the
cube root of the volumes' ratio over the adults'."""
HEIGHT, DEPTH, WIDTH = 1.7, 0.6, 0.7
"""Powers of the face's size along each axis; their sum is 3."""
UNDER_EYES = np.array([0.0, 62.0, -46.0])
"""Where the plane under the brain and the eyeballs comes out in front; RAS+ mm of the atlas."""
DOWN = np.array([0.0, 0.342, -0.940])
"""From the plane into the face, a unit vector: the plane passes below the cerebellum."""
EAR_Y = -18.0
"""The face recedes towards this coronal plane."""
SOFT_MM, NARROWING_MM = 6.0, 14.0
"""Scales of the passage from vault to face: downwards, and that in which the face grows narrower and shallower."""


def face_size(size: float) -> float:
    """Return how large the face of a head of this size is beside an adult's face on the same vault."""
    table = np.array(FACE_SIZE)
    return float(np.interp(size, table[:, 0], table[:, 1]))


def grow(points: FloatArray, size: float) -> FloatArray:
    """Give (..., 3) points of an adult's head the proportions of one of this size, before it is scaled; one-to-one."""
    face = face_size(size)
    if face == 1:
        return points
    below = (points - UNDER_EYES) @ DOWN
    moved = points.copy()
    moved[..., 2] += (1 - face**HEIGHT) * _past(below) / -DOWN[2]
    share = special.expit((below - NARROWING_MM) / NARROWING_MM)
    moved[..., 0] -= (1 - face**WIDTH) * share * points[..., 0]
    moved[..., 1] -= (1 - face**DEPTH) * share * _past(points[..., 1] - EAR_Y)
    return np.asarray(moved)


def _past(distance: FloatArray) -> FloatArray:
    """Return the distance where it is positive, 0 where not, rounded off between."""
    return np.asarray(SOFT_MM * np.logaddexp(0, distance / SOFT_MM))
