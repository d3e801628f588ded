"""Registration by intensity, for the published methods that rest on one.

efface's own method needs none: it is placed by the brain's structures. Here SimpleITK's registration does the work,
from the placement by the brain as a start, so that a wrong orientation in a header costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from efface.errors import VerificationError
from efface.grid import FloatArray, Grid
from efface.spatial.resample import on_ras_grid

Freedom = Literal["scales", "affine"]
"""Rotation, shift and three scales (9 parameters), or shears as well (12)."""
SPACING_MM = 4.0
"""Of both volumes while they are compared."""
BINS = 48
SAMPLED = 0.25
"""Share of the voxels that are compared, evenly spread."""
SEED = 1
DIGITS = 5
"""Of what is found: sums over several threads differ in their last digits, and the answer shall not."""
STEPS = 80
LONGEST_MM, SHORTEST_MM, RELAXED = 3.0, 0.05, 0.6
"""A step's length at first, and at the end, and by what it gets shorter where the way turns."""
MESH = (5, 6, 5)
"""Pieces of the spline along each axis of `warp`, about 40 mm each."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Brightness on a grid along the world's axes."""

    values: NDArray[np.float32] = field(repr=False)
    """(X, Y, Z) float32 array."""
    grid: Grid
    """Where the voxels lie; isotropic, RAS+ mm."""


def volume_of(values: NDArray[np.float32], grid: Grid) -> Volume:
    """Return a scan's brightness as it is compared, on any grid; its brightest thousandth is cut off."""
    coarse, ras = on_ras_grid(values, grid, SPACING_MM)
    return Volume(np.clip(coarse, None, np.percentile(coarse, 99.9)), ras)


def register(
    fixed: Volume,
    moving: Volume,
    start: FloatArray,
    freedom: Freedom = "affine",
    *,
    where: NDArray[np.bool_] | None = None,
) -> FloatArray:
    """Lay one volume on another by their mutual information (Mattes et al. 2003, IEEE TMI 22:120).

    Parameters
    ----------
    fixed, moving : what is compared
    start : (4, 4) matrix from the moving world to the fixed one, RAS+ mm
    freedom : what may change
    where : (X, Y, Z) on the fixed grid, True where volumes are compared; everywhere if not given

    Returns
    -------
    moving_to_fixed : (4, 4) matrix, RAS+ mm

    Raises
    ------
    VerificationError
        They do not overlap.
    """
    middle = fixed.grid.ras((np.array(fixed.grid.shape) - 1) / 2) if where is None else _middle(where, fixed.grid)
    change = _free(freedom, middle)
    method = _method(where, fixed.grid)
    method.SetMovingInitialTransform(_affine(np.asarray(np.linalg.inv(start))))
    method.SetInitialTransform(change, inPlace=True)
    method.SetOptimizerAsRegularStepGradientDescent(LONGEST_MM, SHORTEST_MM, STEPS, RELAXED)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([SPACING_MM, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    _execute(method, fixed, moving)
    return np.asarray(np.round(np.linalg.inv(_matrix(change)) @ start, DIGITS))


def warp(fixed: Volume, moving: Volume, placed: FloatArray, where: NDArray[np.bool_]) -> FloatArray:
    """Bend one volume onto another by a cubic spline (Rueckert et al. 1999, IEEE TMI 18:712).

    Parameters
    ----------
    fixed, moving : what is compared
    placed : (4, 4) matrix from the moving world to the fixed one, as `register` finds it
    where : (X, Y, Z) on the fixed grid, True where volumes are compared

    Returns
    -------
    shifts_mm : (X, Y, Z, 3) array on the fixed grid
        How far each place moves in the fixed world before ``placed`` leads it back to the moving one.

    Raises
    ------
    VerificationError
        They do not overlap.
    """
    spline = sitk.BSplineTransformInitializer(_image(fixed), list(MESH), 3)
    method = _method(where, fixed.grid)
    method.SetMovingInitialTransform(_affine(np.asarray(np.linalg.inv(placed))))
    method.SetInitialTransform(spline, inPlace=True)
    method.SetOptimizerAsLBFGSB(gradientConvergenceTolerance=1e-4, numberOfIterations=25, maximumNumberOfCorrections=5)
    method.SetShrinkFactorsPerLevel([2])
    method.SetSmoothingSigmasPerLevel([SPACING_MM])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    _execute(method, fixed, moving)
    reference = _image(fixed)
    shifts = sitk.TransformToDisplacementField(
        spline, sitk.sitkVectorFloat64, reference.GetSize(), reference.GetOrigin(), reference.GetSpacing(),
        reference.GetDirection(),
    )  # fmt: skip
    return np.asarray(np.round(np.moveaxis(sitk.GetArrayFromImage(shifts), (0, 1, 2), (2, 1, 0)), DIGITS))


def _free(freedom: Freedom, middle: FloatArray) -> sitk.Transform:
    """Return a transform that changes nothing yet and turns about a point, RAS+ mm."""
    if freedom == "affine":
        return sitk.AffineTransform(np.eye(3).ravel().tolist(), [0.0] * 3, middle.tolist())
    return sitk.ScaleVersor3DTransform([1.0] * 3, [0.0, 0.0, 0.0, 1.0], [0.0] * 3, middle.tolist())


def _method(where: NDArray[np.bool_] | None, grid: Grid) -> sitk.ImageRegistrationMethod:
    """Return a comparison by mutual information."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(SAMPLED, SEED)  # regular places are shaken a little
    method.SetInterpolator(sitk.sitkLinear)
    if where is not None:
        method.SetMetricFixedMask(_image(Volume(where.astype(np.float32), grid), sitk.sitkUInt8))
    return method


def _execute(method: sitk.ImageRegistrationMethod, fixed: Volume, moving: Volume) -> None:
    try:
        method.Execute(_image(fixed), _image(moving))
    except RuntimeError as error:
        message = "the template cannot be laid on this scan by its brightness; try the method anatomy, which needs none"
        raise VerificationError(message) from error


def _middle(where: NDArray[np.bool_], grid: Grid) -> FloatArray:
    return np.asarray(grid.ras(np.argwhere(where).mean(axis=0)))


def _image(volume: Volume, kind: int = sitk.sitkFloat32) -> sitk.Image:
    """Return a volume as ITK knows it. World axes stay RAS+, which is no matter as both volumes' do."""
    image: sitk.Image = sitk.Cast(sitk.GetImageFromArray(np.ascontiguousarray(volume.values.T)), kind)
    image.SetSpacing(volume.grid.spacing_mm.tolist())
    image.SetOrigin(volume.grid.affine[:3, 3].tolist())
    return image


def _affine(matrix: FloatArray) -> sitk.AffineTransform:
    return sitk.AffineTransform(matrix[:3, :3].ravel().tolist(), matrix[:3, 3].tolist())


def _matrix(change: sitk.Transform) -> FloatArray:
    """Return a linear transform's (4, 4) matrix."""
    points = np.vstack([np.zeros(3), np.eye(3)])
    moved = np.array([change.TransformPoint(point.tolist()) for point in points])
    matrix = np.eye(4)
    matrix[:3, :3] = (moved[1:] - moved[0]).T
    matrix[:3, 3] = moved[0]
    return matrix
