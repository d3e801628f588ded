"""The phantom's deformation: the shape model's modes, mixed region by region, and a child's proportions.

Each region of the head takes its own coefficients, which only partly follow the rest of the head's: no drawn face is
the face of one set of coefficients throughout, and what is drawn leaves the span of the model's modes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.atlas import load_atlas
from efface.grid import FloatArray, Grid
from efface.phantom.growth import grow
from efface.phantom.shape_model import KNOT_MM, load_shape_model
from efface.phantom.tissue import NECK_CUT, NECK_DOWN

PARTS: tuple[tuple[str, ...], ...] = (
    ("brain",),
    ("left_eye", "right_eye", "brow"),
    ("nose",),
    ("left_cheek", "right_cheek"),
    ("mouth", "chin", "tongue"),
    ("left_ear", "right_ear"),
    ("neck",),
)
"""Regions that take coefficients of their own. Both sides share them: faces are far more symmetric than they are
alike, and what asymmetry there is, is in the antisymmetric modes."""
BLEND_MM = 18.0
"""How gently one region passes into the next: standard deviation of a Gaussian of the distance to each."""
COMMON = 0.65
"""Share of a region's variance that it has in common with the whole head."""
SPREAD = 1.13
"""Root mean square of every region's coefficients, in standard deviations. It is the same for all: nobody is near the
average, from where every training head is as near as can be, and nobody is grotesque. A little above 1, it makes up for
the modes that the model leaves out."""
BROAD_MM, FINE_MM = 0.8, 0.7
"""Standard deviation along each axis of the random deformation that comes in addition."""
BROAD_SCALE_MM, FINE_SCALE_MM = 30.0, 11.0
"""Scales of their blurs: over half a head, and over a feature of the face."""
GROWTH = (0.33, 2.4)
"""Least and largest growth of volume from knot to knot; beyond, the deformation is smoothed."""
MARGIN = 4
"""Knots around the model's."""
ROUNDS = 14
"""Steps that invert the deformation; ``Shape`` makes up for what they leave."""


@dataclass(frozen=True, eq=False)
class Deformation:
    """How one head differs from the average, its proportions and pose aside."""

    knots: Grid
    """Where the knots lie; RAS+ mm of the atlas, and of the head laid on it."""
    to_head_mm: FloatArray = field(repr=False)
    """(3, I, J, K) cubic B-spline coefficients of the shift of atlas points to the head."""
    to_atlas_mm: FloatArray = field(repr=False)
    """(3, I, J, K) the same for its inverse."""


@lru_cache(maxsize=8)
def draw_deformation(seed: int, size: float) -> Deformation:
    """Draw how a head differs from the average; cached.

    Parameters
    ----------
    seed : the person
    size : 1 is an adult's head; smaller ones have a child's proportions
    """
    rng = np.random.default_rng([seed, 2])
    knots = _knots()
    shift = mix(draw_coefficients(rng))
    shift = np.pad(shift, ((0, 0), *[(MARGIN, MARGIN)] * 3), mode="edge")
    shift = _tamed(shift + BROAD_MM * _noise(rng, BROAD_SCALE_MM) + FINE_MM * _noise(rng, FINE_SCALE_MM))
    places = knots.ras(np.moveaxis(np.indices(knots.shape), 0, -1))
    shift = np.moveaxis(grow(places + np.moveaxis(shift, 0, -1), size) - places, -1, 0)
    return Deformation(knots, _spline(shift), _spline(_inverse(shift)))


def draw_coefficients(rng: np.random.Generator) -> FloatArray:
    """Draw (parts, modes) coefficients in standard deviations."""
    count = len(load_shape_model().modes)
    common, own = rng.standard_normal(count), rng.standard_normal((len(PARTS), count))
    drawn = np.sqrt(COMMON) * common + np.sqrt(1 - COMMON) * own
    return np.asarray(drawn * SPREAD / np.sqrt((drawn**2).mean(axis=1, keepdims=True)))


def mix(coefficients: FloatArray) -> FloatArray:
    """Blend the parts' deformations, (3, I, J, K) mm at the model's knots; the spread is the same everywhere."""
    model, weights = load_shape_model(), _part_weights()
    per_part = np.tensordot(coefficients, model.modes, axes=1)
    blended = np.einsum("pijk,pijkc->cijk", weights, per_part, optimize=True)
    return np.asarray(blended / np.sqrt(COMMON + (1 - COMMON) * (weights**2).sum(axis=0)))


def shift_at(coefficients: FloatArray, knots: Grid, points: FloatArray) -> FloatArray:
    """Evaluate a deformation's B-spline at (..., 3) points."""
    at = np.moveaxis(knots.index(points), -1, 0)
    parts = [ndimage.map_coordinates(part, at, order=3, mode="nearest", prefilter=False) for part in coefficients]
    return np.stack(parts, axis=-1)


def _knots() -> Grid:
    """Return the model's knots and a margin around them."""
    inner = load_shape_model().knots
    affine = inner.affine.copy()
    affine[:3, 3] -= MARGIN * KNOT_MM
    i, j, k = (n + 2 * MARGIN for n in inner.shape)
    return Grid((i, j, k), affine)


@lru_cache(maxsize=1)
def _part_weights() -> NDArray[np.float32]:
    """Return what each part counts at the model's knots, (parts, I, J, K); sums to 1."""
    knots, atlas = load_shape_model().knots, load_atlas()
    places = knots.ras(np.moveaxis(np.indices(knots.shape), 0, -1))
    at = tuple(np.moveaxis(np.rint(atlas.grid.index(places)).astype(int), -1, 0))
    regions = atlas.regions[at]
    neck = ((places - NECK_CUT) @ NECK_DOWN > -15) & (regions == 0) & (atlas.tissues[at] > 0)
    closeness = []
    for names in PARTS:
        inside = neck if names == ("neck",) else np.isin(regions, [atlas.region(name) for name in names])
        distance = ndimage.distance_transform_edt(~inside, sampling=KNOT_MM)
        closeness.append(-0.5 * (distance / BLEND_MM) ** 2)
    weights = np.exp(np.array(closeness) - np.max(closeness, axis=0))
    weights = ndimage.gaussian_filter(weights, (0, 1, 1, 1), mode="nearest")
    return np.asarray(weights / weights.sum(axis=0), np.float32)


def _noise(rng: np.random.Generator, scale_mm: float) -> FloatArray:
    """Return (3, I, J, K) noise at the knots, blurred, of unit variance."""
    noise = rng.standard_normal((3, *_knots().shape))
    sigma = scale_mm / KNOT_MM
    blurred = ndimage.gaussian_filter(noise, (0, sigma, sigma, sigma), mode="wrap")
    return np.asarray(blurred / blurred.std())


def _tamed(shift: FloatArray) -> FloatArray:
    """Smooth a deformation where it comes near to folding, or its inverse does; most need it nowhere or in the neck."""
    for _ in range(ROUNDS):
        growth = _volume_growth(shift)
        wild = (growth < GROWTH[0]) | (growth > GROWTH[1])
        if not wild.any():
            break
        near = ndimage.gaussian_filter(ndimage.binary_dilation(wild, iterations=2).astype(float), 1.0)
        shift = shift + near * (ndimage.gaussian_filter(shift, (0, 1, 1, 1), mode="nearest") - shift)
    return shift


def _volume_growth(shift: FloatArray) -> FloatArray:
    """Return the Jacobian's determinant at the knots, (I, J, K)."""
    slopes = np.array([np.gradient(part, KNOT_MM) for part in shift])
    return np.asarray(np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1)) + np.eye(3)))


def _inverse(shift: FloatArray) -> FloatArray:
    """Invert a deformation given at the knots by fixed-point steps, linear between the knots.

    Full steps converge where it compresses, half steps where it stretches: they take turns.
    """
    own = np.indices(shift.shape[1:]).astype(float)
    back = np.zeros_like(shift)
    for step in (1.0, 0.5) * (ROUNDS // 2):
        at = own + back / KNOT_MM
        there = np.stack([ndimage.map_coordinates(part, at, order=1, mode="nearest") for part in shift])
        back -= step * (back + there)
    return back


def _spline(shift: FloatArray) -> FloatArray:
    """Turn values at the knots into coefficients of the cubic B-spline through them."""
    return np.stack([ndimage.spline_filter(part, order=3, mode="nearest") for part in shift])
