"""How far the skin of a feature moved back. A face whose skin alone was peeled off still shows its shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.evaluate.coverage import LEAST_IN_VIEW, VisibleSkin, in_view
from efface.grid import FloatArray
from efface.spatial.head_surface import Head
from efface.spatial.resample import resample

DEEPEST_MM = 100.0
"""What is counted where nothing is left behind the skin, and at most."""


def removed_depth_mm(skin: VisibleSkin, left: Head, anatomy: Anatomy) -> dict[str, float | None]:
    """Measure how far back the surface lies behind the visible skin of features that are seen from the front.

    Parameters
    ----------
    skin : what `efface.evaluate.coverage.visible_skin` found in the original; ears are left out
    left : what `efface.spatial.head_surface.head_mask` found in the defaced scan
    anatomy : what was found in the original

    Returns
    -------
    depths : per feature, the median over its skin, mm; None if it is not in view
    """
    carried = resample(
        left.mask.astype(np.uint8), left.grid, skin.grid, target_to_source=anatomy.atlas_to_scan, order=0
    )
    step_mm = float(np.linalg.norm(anatomy.atlas_to_scan[:3, 1]) * skin.grid.spacing_mm[1])
    return {
        name: _median(_steps_back(points, carried > 0) * step_mm) if in_view(name, anatomy) >= LEAST_IN_VIEW else None
        for name, points in skin.first.items()
        if not name.endswith("ear")
    }


def _steps_back(points: NDArray[np.int64], left: NDArray[np.bool_]) -> FloatArray:
    """Return how many voxels behind each of (N, 3) points the foremost of what is left lies, infinity for nothing."""
    columns = left[points[:, 0], :, points[:, 2]]
    foremost = columns.shape[1] - 1 - columns[:, ::-1].argmax(axis=1)
    return np.where(columns.any(axis=1), points[:, 1] - foremost, np.inf)


def _median(depths_mm: FloatArray) -> float | None:
    return float(np.median(np.minimum(depths_mm, DEEPEST_MM))) if depths_mm.size else None
