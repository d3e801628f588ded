"""The phantom's shape and pose: where each point of a scan lies in the average head."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage
from scipy.spatial.transform import Rotation

from efface.atlas import load_atlas
from efface.grid import FloatArray, Grid

KNOT_MM = 20.0
"""Spacing of the deformation's knots."""
BROAD_MM, FINE_MM = 2.6, 0.8
"""Standard deviation of the deformation along each axis: over half a head, and over a feature of the face."""
PROPORTION = 0.03
"""Standard deviation of width, length and height, beside the head's size."""
OFF_CENTRE_MM = 5.0
"""Standard deviation of where the head lies in the scanner."""


@dataclass(frozen=True, eq=False)
class Shape:
    """How one head differs from the average, and how it lies in the scanner."""

    to_average: FloatArray
    """(4, 4) the linear part: scan to average head, RAS+ mm."""
    knots: Grid = field(repr=False)
    """Where the deformation's knots lie in the average head."""
    shifts_mm: FloatArray = field(repr=False)
    """(3, I, J, K) cubic B-spline coefficients of the deformation, added after the linear part."""

    def to_atlas(self, xyz: ArrayLike) -> FloatArray:
        """Carry (..., 3) points of the scan to the atlas, RAS+ mm; exact."""
        points = np.asarray(xyz, float) @ self.to_average[:3, :3].T + self.to_average[:3, 3]
        return np.asarray(points + self._shift(points))

    def to_scan(self, xyz: ArrayLike) -> FloatArray:
        """Carry (..., 3) points of the atlas to the scan, RAS+ mm; to about 0.01 mm."""
        target = np.asarray(xyz, float)
        points = target
        for _ in range(6):
            points = target - self._shift(points)
        back = np.linalg.inv(self.to_average)
        return np.asarray(points @ back[:3, :3].T + back[:3, 3])

    def _shift(self, points: FloatArray) -> FloatArray:
        at = np.moveaxis(self.knots.index(points), -1, 0)
        return np.stack(
            [ndimage.map_coordinates(part, at, order=3, mode="nearest", prefilter=False) for part in self.shifts_mm],
            axis=-1,
        )


def draw_shape(seed: int, size: float, turn_deg: tuple[float, float, float]) -> Shape:
    """Draw a shape at random.

    Parameters
    ----------
    seed : the person
    size : 1 is the average adult's head
    turn_deg : turns about x, y and z in this order, right-handed: positive x lifts the nose
    """
    rng = np.random.default_rng([seed, 2])
    atlas = load_atlas()
    scales = size * np.clip(1 + PROPORTION * rng.standard_normal(3), 0.92, 1.08)
    forward = np.eye(4)
    forward[:3, :3] = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix() * scales
    middle = atlas.brain_center
    forward[:3, 3] = middle - forward[:3, :3] @ middle + OFF_CENTRE_MM * np.clip(rng.standard_normal(3), -2, 2)
    knots = _knots(atlas.grid)
    noise = rng.standard_normal((2, 3, *knots.shape))
    broad, fine = (_scaled(part, sigma) for part, sigma in zip(noise, (1.6, 0.6), strict=True))
    return Shape(np.asarray(np.linalg.inv(forward)), knots, BROAD_MM * broad + FINE_MM * fine)


def _knots(grid: Grid) -> Grid:
    """Cover a grid and 60 mm around it with knots."""
    low, high = grid.ras([0, 0, 0]) - 60, grid.ras(np.array(grid.shape) - 1) + 60
    affine = np.diag([KNOT_MM] * 3 + [1.0])
    affine[:3, 3] = low
    count = np.ceil((high - low) / KNOT_MM).astype(int) + 1
    return Grid((int(count[0]), int(count[1]), int(count[2])), affine)


def _scaled(noise: FloatArray, sigma: float) -> FloatArray:
    """Blur each of three volumes of noise, to unit variance."""
    blurred = ndimage.gaussian_filter(noise, (0, sigma, sigma, sigma), mode="wrap")
    return np.asarray(blurred / blurred.std())
