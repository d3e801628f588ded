"""The fill ``noise``: this scan's own air, so that neither a void nor an edge is left for a pipeline to find."""

from __future__ import annotations

from typing import Any

import numpy as np

from efface.fill.air import Air, measure_air
from efface.fill.filling import Filling
from efface.fill.grain import draw_scores
from efface.fill.kept import Kept
from efface.spatial.mask import bounding_box


def fill_noise(kept: Kept) -> Filling:
    """Fill with noise drawn as the scan's air is distributed, for every voxel and every volume.

    Parameters
    ----------
    kept : what is kept of the scan

    Returns
    -------
    filling : (N,) or (N, T) values, or one value where the air is constant and volumes agree
    """
    air = measure_air(kept)
    if air.constant and (air.table == air.table[0, 0]).all():
        return Filling(np.asarray(air.table[0, 0]), facts_of(air, kept))
    box = bounding_box(kept.mask, kept.grid)
    if box is None:
        return Filling(np.empty(0, kept.scan.stored.dtype), facts_of(air, kept))
    rng = kept.random()
    drawn = [
        air.values(draw_scores(kept.mask, box, air.correlation, rng), volume) for volume in range(kept.scan.volumes)
    ]
    values = drawn[0] if kept.scan.stored.ndim == 3 else np.stack(drawn, axis=1)
    return Filling(values, facts_of(air, kept))


def facts_of(air: Air, kept: Kept) -> dict[str, Any]:
    """Return what was measured in the air, for the sidecar: the first volume's quartiles, in stored units."""
    first = air.table[:, 0].astype(float)
    low, middle, high = (float(f"{first[at]:.5g}") for at in (425, 511, 597))
    return {
        "seed": kept.seed,
        "air_quartiles": [low, middle, high],
        "air_correlation": list(air.correlation),
        "air_constant": air.constant,
    }
