"""Place the atlas in a scan from what the network labelled: structure centroids first, then the brain's surface.

Rotation, three scales and a shift; no shear, because heads differ in width, length and height but are not skewed. Only
the brain decides, so that the face has no say in where the atlas's face region goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.grid import FloatArray, Grid

LEAST_STRUCTURES = 6
"""With fewer, one scale serves all three axes."""
CENTROID_MM, SURFACE_MM = 3.0, 2.0
"""How far centroids and the brain's surface scatter between people after the best placement, mm."""
SCALE_SPREAD = 0.05
"""Standard deviation of one axis's scale from the mean of the three."""
FAR_MM = 9.0
"""A surface point farther than this from the atlas's surface counts no more than one at this distance."""
STEPS = 12


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Where brain structures are, and the surface around them, in one frame."""

    centroids: Mapping[str, FloatArray] = field(repr=False)
    """Structure name -> (3,) RAS+ mm."""
    surface: FloatArray = field(repr=False)
    """(N, 3) points on the brain's outer surface, RAS+ mm; none where the view cuts the brain off."""


@dataclass(frozen=True, eq=False)
class Model:
    """The atlas's side: the same structures, and a signed distance to the brain's surface."""

    centroids: Mapping[str, FloatArray] = field(repr=False)
    """Structure name -> (3,) RAS+ mm of the atlas's world."""
    distance_mm: NDArray[np.float32] = field(repr=False)
    """(X, Y, Z) signed distance to the brain's surface, positive outside."""
    grid: Grid
    """Its grid, axes along the world's."""


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the atlas lies in a scan."""

    atlas_to_scan: FloatArray
    """(4, 4) matrix from the atlas's to the scan's world, RAS+ mm."""
    structures: int
    """How many centroids were matched."""
    centroid_error_mm: float
    """Median distance of the matched centroids after placement; infinity where there are none."""
    surface_error_mm: float
    """Median distance of the surface points from the atlas's surface; infinity where there are none."""


@dataclass(frozen=True, eq=False)
class _Pose:
    """p = shift + rotation @ (scales * a)."""

    rotation: FloatArray
    scales: FloatArray
    shift: FloatArray

    def forward(self, points: FloatArray) -> FloatArray:
        return np.asarray((points * self.scales) @ self.rotation.T + self.shift)

    def back(self, points: FloatArray) -> FloatArray:
        return np.asarray(((points - self.shift) @ self.rotation) / self.scales)

    def matrix(self) -> FloatArray:
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation * self.scales
        matrix[:3, 3] = self.shift
        return matrix


def place(found: Landmarks, model: Model) -> Placement | None:
    """Find rotation, scales and shift that carry the atlas onto a scan.

    Parameters
    ----------
    found : structures and surface seen in the scan
    model : the same of the atlas

    Returns
    -------
    placement : None where fewer than three structures were found
    """
    names = [name for name in model.centroids if name in found.centroids]
    if len(names) < 3:
        return None
    here = np.array([found.centroids[name] for name in names])
    there = np.array([model.centroids[name] for name in names])
    pose = _from_centroids(there, here, one_scale=len(names) < LEAST_STRUCTURES)
    if len(found.surface):
        pose = _refined(pose, there, here, found.surface, model, one_scale=len(names) < LEAST_STRUCTURES)
    errors = np.linalg.norm(pose.forward(there) - here, axis=1)
    distances = np.abs(_distance(model, pose.back(found.surface))) if len(found.surface) else np.array([np.inf])
    return Placement(pose.matrix(), len(names), float(np.median(errors)), float(np.median(distances)))


def _from_centroids(there: FloatArray, here: FloatArray, *, one_scale: bool) -> _Pose:
    """Fit a pose to matched points in closed form, repeatedly, with less weight for points that do not fit."""
    weights = np.ones(len(there))
    pose = _Pose(np.eye(3), np.ones(3), np.zeros(3))
    for _ in range(8):
        pose = _weighted(there, here, weights, pose.scales, one_scale=one_scale)
        errors = np.linalg.norm(pose.forward(there) - here, axis=1)
        weights = 1 / (1 + (errors / (2 * CENTROID_MM)) ** 2)
    return pose


def _weighted(
    there: FloatArray, here: FloatArray, weights: FloatArray, scales: FloatArray, *, one_scale: bool
) -> _Pose:
    """Turn by Kabsch's method (1976, Acta Cryst A32:922) with scales as they are, then scale each axis, then shift."""
    share = weights / weights.sum()
    a, b = there - share @ there, here - share @ here
    u, _, vt = np.linalg.svd(b.T @ (a * scales * share[:, None]))
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    turned = b @ rotation
    products, squares = share @ (a * turned), share @ (a * a)
    mean = products.sum() / squares.sum()
    pull = 0.0 if one_scale else CENTROID_MM**2 / (SCALE_SPREAD**2 * weights.sum())
    each = (products + pull * mean) / (squares + pull)
    scales = np.full(3, mean) if one_scale else each
    scales = np.clip(scales, 0.4, 1.8)
    return _Pose(rotation, scales, share @ here - rotation @ (scales * (share @ there)))


def _refined(
    pose: _Pose, there: FloatArray, here: FloatArray, surface: FloatArray, model: Model, *, one_scale: bool
) -> _Pose:
    """Improve a pose by Gauss-Newton steps on surface distances, centroids and the prior on the scales together."""
    for _ in range(STEPS):
        rows, values = _surface_rows(pose, surface, model)
        more_rows, more_values = _centroid_rows(pose, there, here)
        prior_rows = np.zeros((3, 9))
        prior_rows[:, 6:] = (np.eye(3) - 1 / 3) / (SCALE_SPREAD * (0.01 if one_scale else 1))
        prior_values = prior_rows[:, 6:] @ np.log(pose.scales)
        matrix = np.concatenate([rows, more_rows, prior_rows])
        target = -np.concatenate([values, more_values, prior_values])
        step = np.linalg.lstsq(matrix, target, rcond=None)[0]
        pose = _moved(pose, step)
        if np.abs(step[:3]).max() * 100 < 0.02 and np.abs(step[3:6]).max() < 0.02:
            break
    return pose


def _moved(pose: _Pose, step: FloatArray) -> _Pose:
    """Take a step: a small turn, a shift, and factors of the scales."""
    angle = float(np.linalg.norm(step[:3]))
    x, y, z = step[:3]
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn = np.eye(3) + np.sinc(angle / np.pi) * skew + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (skew @ skew)
    return _Pose(turn @ pose.rotation, np.clip(pose.scales * np.exp(step[6:]), 0.4, 1.8), pose.shift + step[3:6])


def _change(pose: _Pose, points: FloatArray) -> FloatArray:
    """Return (N, 3, 9): how the places of the atlas's ``points`` in the scan change with turn, shift and scales."""
    arms = (points * pose.scales) @ pose.rotation.T
    change = np.zeros((len(points), 3, 9))
    for axis, unit in enumerate(np.eye(3)):
        change[:, :, axis] = np.cross(unit, arms)
    change[:, :, 3:6] = np.eye(3)
    change[:, :, 6:] = pose.rotation[None] * (points * pose.scales)[:, None, :]
    return change


def _surface_rows(pose: _Pose, surface: FloatArray, model: Model) -> tuple[FloatArray, FloatArray]:
    """Return rows and values of the distances of the scan's surface points from the atlas's surface, robustly."""
    points = pose.back(surface)
    distance, slope = _distance(model, points), _slope(model, points)
    weights = np.sqrt(SURFACE_MM**2 / (SURFACE_MM**2 + distance**2)) * (np.abs(distance) < FAR_MM) / SURFACE_MM
    weights *= np.sqrt(60.0 / len(surface))  # neighbouring points err together: all of them count like some 60
    # A point of the scan stays where it is; if the atlas moves by d there, the point moves by -d in the atlas.
    back = (pose.rotation / pose.scales) @ slope[..., None]
    change = _change(pose, points)
    rows = -np.einsum("ni,nik->nk", back[..., 0], change)
    return rows * weights[:, None], distance * weights


def _centroid_rows(pose: _Pose, there: FloatArray, here: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return rows and values of the centroids' distances, robustly."""
    errors = pose.forward(there) - here
    length = np.linalg.norm(errors, axis=1)
    weights = 1 / (CENTROID_MM * np.sqrt(1 + (length / (2 * CENTROID_MM)) ** 2))
    change = _change(pose, there) * weights[:, None, None]
    return change.reshape(-1, 9), (errors * weights[:, None]).ravel()


def _distance(model: Model, points: FloatArray) -> FloatArray:
    """Return the atlas's signed distance at (N, 3) points of its world, mm."""
    index = model.grid.index(points).T
    return np.asarray(ndimage.map_coordinates(model.distance_mm, index, order=1, mode="nearest"), float)


def _slope(model: Model, points: FloatArray, step_mm: float = 1.5) -> FloatArray:
    """Return the gradient of the signed distance, (N, 3)."""
    sides = [(_distance(model, points + d) - _distance(model, points - d)) / (2 * step_mm) for d in step_mm * np.eye(3)]
    return np.stack(sides, axis=1)
