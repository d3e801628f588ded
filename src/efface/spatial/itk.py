"""Between efface's RAS+ arrays and SimpleITK's LPS+ images; the only place where the two frames meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from efface.grid import Grid

LPS = np.diag([-1.0, -1.0, 1.0])
"""RAS+ to LPS+, and back."""


def to_itk(values: NDArray[Any], grid: Grid) -> sitk.Image:
    """Wrap an (I, J, K) array on a grid with perpendicular axes as an ITK image."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.T))
    spacing = grid.spacing_mm
    image.SetSpacing(spacing.tolist())
    image.SetDirection((LPS @ grid.affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin((LPS @ grid.affine[:3, 3]).tolist())
    return image


def to_matrix(transform: sitk.Transform) -> NDArray[np.float64]:
    """Return an ITK linear transform as a (4, 4) matrix between RAS+ mm frames."""
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    columns = [np.array(transform.TransformPoint(tuple(axis.tolist()))) - origin for axis in np.eye(3)]
    matrix = np.eye(4)
    matrix[:3, :3] = LPS @ np.stack(columns, axis=1) @ LPS
    matrix[:3, 3] = LPS @ origin
    return matrix


def to_affine_transform(matrix: NDArray[np.float64], center: NDArray[np.float64]) -> sitk.AffineTransform:
    """Return a (4, 4) RAS+ mm matrix as an ITK transform that turns about ``center``, RAS+ mm."""
    transform = sitk.AffineTransform(3)
    transform.SetCenter((LPS @ center).tolist())
    transform.SetMatrix((LPS @ matrix[:3, :3] @ LPS).ravel().tolist())
    moved = matrix[:3, :3] @ center + matrix[:3, 3]
    transform.SetTranslation((LPS @ (moved - center)).tolist())
    return transform
