"""The phantom's shape and pose: where each point of a scan lies in the average head."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from efface.atlas import load_atlas
from efface.grid import FloatArray
from efface.phantom.deformation import Deformation, draw_deformation, shift_at
from efface.phantom.shape_model import load_shape_model

OFF_CENTRE_MM = 5.0
"""Standard deviation of where the head lies in the scanner."""
OTHER_TURN_DEG = 4.0
"""Standard deviation of how else, about each axis, the head lies in a further scan."""
CLOSE_MM, ROUNDS = 0.01, 8
"""When `Shape.to_scan` is content, and after how many rounds it is so in any case."""


@dataclass(frozen=True, eq=False)
class Shape:
    """How one head differs from the average, and how it lies in the scanner."""

    to_average: FloatArray
    """(4, 4) the linear part: scan to a head of average proportions, RAS+ mm."""
    deformation: Deformation = field(repr=False)
    """From there to the average head, and back."""

    def to_atlas(self, xyz: ArrayLike) -> FloatArray:
        """Carry (..., 3) points of the scan to the atlas, RAS+ mm; exact."""
        points = np.asarray(xyz, float) @ self.to_average[:3, :3].T + self.to_average[:3, 3]
        return self._deformed(points)

    def to_scan(self, xyz: ArrayLike) -> FloatArray:
        """Carry (..., 3) points of the atlas to the scan, RAS+ mm; to about 0.01 mm."""
        target = np.asarray(xyz, float)
        warp, aim = self.deformation, target
        for _ in range(ROUNDS):  # lead the rough inverse to where the exact way back ends at the target
            points = aim + shift_at(warp.to_head_mm, warp.knots, aim)
            missed = target - self._deformed(points)
            if np.abs(missed).max(initial=0) < CLOSE_MM:
                break
            aim = aim + missed
        back = np.linalg.inv(self.to_average)
        return np.asarray(points @ back[:3, :3].T + back[:3, 3])

    def _deformed(self, points: FloatArray) -> FloatArray:
        return points + shift_at(self.deformation.to_atlas_mm, self.deformation.knots, points)


def draw_shape(seed: int, size: float, turn_deg: tuple[float, float, float], scan: int = 0) -> Shape:
    """Draw a shape at random.

    Parameters
    ----------
    seed : the person
    size : 1 is the average adult's head
    turn_deg : turns about x, y and z in this order, right-handed: positive x lifts the nose
    scan : which scan of the person; from 1 on, the head lies a little otherwise
    """
    rng = np.random.default_rng([seed, 5])
    log_scales = rng.multivariate_normal(np.zeros(3), load_shape_model().log_scale_covariance)
    scales = size * np.exp(np.clip(log_scales, -0.08, 0.08))
    rng = np.random.default_rng([seed, 6, scan])
    off_centre = OFF_CENTRE_MM * np.clip(rng.standard_normal(3), -2, 2)
    turn = np.array(turn_deg) + (OTHER_TURN_DEG * np.clip(rng.standard_normal(3), -2, 2) if scan else 0)
    forward = np.eye(4)
    forward[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix() * scales
    middle = load_atlas().brain_center
    forward[:3, 3] = middle - forward[:3, :3] @ middle + off_centre
    return Shape(np.asarray(np.linalg.inv(forward)), draw_deformation(seed, size))
