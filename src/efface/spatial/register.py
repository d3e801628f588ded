"""Find the head: affine registration of the atlas to a scan, whatever the header says.

The whole head is found first; then brain and skull alone decide, because faces and scalps differ more than brains, and
a child's face is small for its brain.

Mutual information (Mattes et al. 2003, IEEE TMI 22:120) through SimpleITK. The search starts from many poses, because a
head may lie turned by 30 degrees, off the origin, partly out of view, or under a header with its axes mixed up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import permutations, product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from efface.grid import FloatArray, Grid
from efface.spatial.itk import LPS, to_affine_transform, to_itk, to_matrix
from efface.spatial.resample import coarsen, on_ras_grid, resample

COARSE_MM = 8.0
FINE_MM = 4.0
TURNS_DEG = ((0, 0, 0), (30, 0, 0), (-30, 0, 0), (0, 30, 0), (0, -30, 0), (0, 0, 30), (0, 0, -30))
"""First poses to try: turned about the left-right, front-back and up-down axes."""
HEADER_TRUST = 1.12
"""A pose that contradicts the header must be better by this factor to be believed."""
KEPT_STARTS = 6
KEPT_POSES = 3


@dataclass(frozen=True, eq=False)
class Template:
    """What is registered: an average head, and where its brain is."""

    values: NDArray[np.float32] = field(repr=False)
    """(I, J, K) float32 array, an average head."""
    grid: Grid
    """Its grid."""
    brain: NDArray[np.uint8] = field(repr=False)
    """(I, J, K) uint8 array, 1 inside the skull and in the skull around it: what decides in the end."""
    center: FloatArray
    """(3,) middle of the brain, RAS+ mm of the template's world."""


@dataclass(frozen=True, eq=False)
class Registration:
    """Where the template lies in a scan."""

    atlas_to_scan: FloatArray
    """(4, 4) matrix from the atlas's to the scan's world, RAS+ mm."""
    mutual_information: float
    """Of the final pose at 4 mm, nats; higher is better."""
    follows_header: bool
    """Whether the head lies within 60 degrees of what the header's axes say."""


@dataclass(frozen=True, eq=False)
class _Pair:
    """One resolution: the scan (fixed) and the template (moving)."""

    fixed: sitk.Image
    moving: sitk.Image
    mask: sitk.Image

    def method(self) -> sitk.ImageRegistrationMethod:
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(32)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetMetricFixedMask(self.mask)
        method.SetOptimizerScalesFromPhysicalShift()
        return method

    def value(self, transform: sitk.Transform) -> float:
        """Return the negative mutual information of one pose; infinity where nothing overlaps."""
        method = self.method()
        method.SetInitialTransform(transform)
        try:
            return float(method.MetricEvaluate(self.fixed, self.moving))
        except RuntimeError:  # ITK: all samples map outside the moving image
            return float("inf")

    def optimise(self, transform: sitk.Transform, step: float, least: float, iterations: int) -> float:
        """Improve a pose in place; return its negative mutual information."""
        method = self.method()
        method.SetInitialTransform(transform, inPlace=True)
        method.SetOptimizerAsRegularStepGradientDescent(step, least, iterations, relaxationFactor=0.6)
        try:
            method.Execute(self.fixed, self.moving)
        except RuntimeError:  # the head left the field of view: this start is lost, others are not
            return float("inf")
        return self.value(transform)


def register(values: NDArray[np.float32], grid: Grid, template: Template) -> Registration:
    """Find the affine that carries the template onto a scan.

    Parameters
    ----------
    values : (I, J, K) float32 array, finite
    grid : the scan's grid
    template : the atlas's average head

    Returns
    -------
    registration : the pose; whether it is plausible is verification's business
    """
    fine_values, fine_grid = _prepare(values, grid)
    coarse = _pair(*coarsen(fine_values, fine_grid, COARSE_MM), template, COARSE_MM)
    fine = _pair(fine_values, fine_grid, template, FINE_MM)
    center = _head_center(fine_values, fine_grid)
    fits = [_fitted(fine, pose, center, template, fine_grid) for pose in _good_poses(coarse, center, template.center)]
    value, affine = min(fits, key=lambda fit: fit[0])
    scan_to_atlas = to_matrix(affine)
    turn = Rotation.from_matrix(_rotation_of(scan_to_atlas[:3, :3])).magnitude()
    return Registration(np.asarray(np.linalg.inv(scan_to_atlas).round(6)), -value, bool(np.rad2deg(turn) < 60))


def _prepare(values: NDArray[np.float32], grid: Grid) -> tuple[NDArray[np.float32], Grid]:
    """Clip bright outliers and resample to 4 mm along the world's axes."""
    small, ras = on_ras_grid(values, grid, FINE_MM)
    return np.minimum(small, np.percentile(small, 99.5)), ras


def _pair(values: NDArray[np.float32], grid: Grid, template: Template, spacing_mm: float) -> _Pair:
    moving, moving_grid = coarsen(template.values, template.grid, spacing_mm)
    head = values > _otsu(values)
    reach = max(1, round(24 / spacing_mm))
    mask = sitk.BinaryDilate(to_itk(head.astype(np.uint8), grid), [reach] * 3)
    return _Pair(to_itk(values, grid), to_itk(moving, moving_grid), mask)


def _carried_mask(template: Template, scan_to_atlas: FloatArray, grid: Grid) -> sitk.Image:
    """Return where the template's brain and skull lie in the scan, as found so far."""
    mask = resample(template.brain, template.grid, grid, target_to_source=scan_to_atlas, order=0)
    return to_itk(mask, grid)


def _otsu(values: NDArray[np.float32]) -> float:
    image = sitk.GetImageFromArray(values)
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.Execute(image)
    return float(otsu.GetThreshold()) * 0.6


def _head_center(values: NDArray[np.float32], grid: Grid) -> FloatArray:
    """Guess the middle of the brain: 65 mm under the top of what is bright, in the middle of what lies up there."""
    points = grid.ras(np.argwhere(values > _otsu(values)))
    top = np.percentile(points[:, 2], 99)
    upper = points[points[:, 2] > top - 100]
    return np.array([*np.median(upper[:, :2], axis=0), top - 65.0])


def _axis_rotations() -> list[FloatArray]:
    """Return the 24 ways in which a header can mix up the axes (the atlas is symmetric: mirror images are covered)."""
    matrices = []
    for order, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        matrix = np.zeros((3, 3))
        matrix[range(3), order] = signs
        if np.linalg.det(matrix) > 0:
            matrices.append(matrix)
    return matrices


def _starts(
    center: FloatArray, target: FloatArray, rotations: Iterable[FloatArray]
) -> list[sitk.Similarity3DTransform]:
    """Poses to start from: every rotation, three heights, two head sizes."""
    starts = []
    for rotation, offset, scale in product(rotations, (-25.0, 0.0, 25.0), (0.95, 1.2)):
        transform = sitk.Similarity3DTransform()
        transform.SetCenter((LPS @ center).tolist())
        transform.SetMatrix((LPS @ rotation @ LPS).ravel().tolist())
        transform.SetScale(scale)
        transform.SetTranslation((LPS @ (target + np.array([0, 0, offset]) - center)).tolist())
        starts.append(transform)
    return starts


def _fitted(
    fine: _Pair, pose: sitk.Transform, center: FloatArray, template: Template, grid: Grid
) -> tuple[float, sitk.AffineTransform]:
    """Fit an affine from a pose found at the coarse resolution, to the whole head and then to brain and skull alone.

    Returns
    -------
    value : negative mutual information over brain and skull
    affine : scan to template, LPS
    """
    affine = to_affine_transform(to_matrix(pose), center)
    fine.optimise(affine, step=2.0, least=0.1, iterations=50)
    inner = replace(fine, mask=_carried_mask(template, to_matrix(affine), grid))
    return inner.optimise(affine, step=1.0, least=0.02, iterations=100), affine


def _good_poses(pair: _Pair, center: FloatArray, target: FloatArray) -> list[sitk.Transform]:
    """Return the best few similarity transforms from scan to template at the coarse resolution."""
    turned = [Rotation.from_euler("xyz", turn, degrees=True).as_matrix() for turn in TURNS_DEG]
    upright = _race(pair, _starts(center, target, turned))
    mixed = [m for m in _axis_rotations() if not np.allclose(m, np.eye(3))]
    contrary = _race(pair, _starts(_field_center(pair), target, mixed))
    if contrary[0][0] < upright[0][0] * HEADER_TRUST:
        upright = contrary
    return _different([pose for _, pose in upright], center)[:KEPT_POSES]


def _different(poses: list[sitk.Transform], center: FloatArray) -> list[sitk.Transform]:
    """Leave out poses that carry the head to where a better one does, within a centimetre."""
    corners = (LPS @ (center + 60.0 * np.array(list(product((-1, 1), repeat=3)))).T).T
    kept: list[tuple[FloatArray, sitk.Transform]] = []
    for pose in poses:
        moved = np.array([pose.TransformPoint(corner.tolist()) for corner in corners])
        if all(np.abs(moved - other).max() > 10.0 for other, _ in kept):
            kept.append((moved, pose))
    return [pose for _, pose in kept]


def _field_center(pair: _Pair) -> FloatArray:
    """Return the centroid of the bright voxels, RAS+ mm: no direction is trusted here."""
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(pair.mask)
    return np.asarray(LPS @ np.array(statistics.GetCentroid(1)))


def _race(pair: _Pair, starts: list[sitk.Similarity3DTransform]) -> list[tuple[float, sitk.Transform]]:
    """Rank the starts and improve the best few; return them with their negative mutual information, best first."""
    ranked = sorted(((pair.value(start), i) for i, start in enumerate(starts)))[:KEPT_STARTS]
    improved = [(pair.optimise(starts[i], step=4.0, least=0.1, iterations=60), i) for _, i in ranked]
    return [(value, starts[i]) for value, i in sorted(improved)]


def _rotation_of(linear: FloatArray) -> FloatArray:
    u, _, vt = np.linalg.svd(linear)
    rotation = u @ vt
    return np.asarray(rotation if np.linalg.det(rotation) > 0 else u @ np.diag([1, 1, -1]) @ vt)
