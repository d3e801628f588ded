"""How bright skin and the fat under it are, from a profile through the scalp that the voxels have blurred."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy import optimize, special

from efface.grid import FloatArray

SKIN_MM, FAT_MM = 1.6, 5.0
"""Where skin and fat end, as in the average head."""
FROM_MM, TO_MM, BIN_MM = -4.0, 7.0, 0.5
LEAST_IN_BIN = 15
BLURS_MM = (0.8, 1.2, 1.8, 2.6, 3.6, 5.0)
"""Blurs that are tried: voxels, and skin that lies a little elsewhere than it was found."""
SHIFTS_MM = (-0.5, 0.0, 0.5, 1.0, 1.5)
"""Shifts that are tried: skin is found where it first rises above air, which is outside of where it is half of one."""
ALIKE = 0.4
"""How strongly skin, fat and what is under them are held alike; a blurred profile cannot part them."""


def scalp_levels(depth_mm: FloatArray, values: FloatArray) -> tuple[float, float] | None:
    """Return the brightness of skin and of fat.

    Fits layers of air, skin, fat and whatever lies below, blurred, to the median profile.

    Parameters
    ----------
    depth_mm : (n,) depth below the skin, negative in the air
    values : (n,) brightness, 0 in the air

    Returns
    -------
    levels : skin and fat; None where there is too little scalp
    """
    edges = np.arange(FROM_MM, TO_MM + BIN_MM / 2, BIN_MM)
    into = np.digitize(depth_mm, edges) - 1
    bins = [b for b in range(len(edges) - 1) if np.count_nonzero(into == b) >= LEAST_IN_BIN]
    at = edges[bins] + BIN_MM / 2
    if not bins or not ((at > -1) & (at < 1)).any() or not ((at > 2) & (at < 5)).any():
        return None
    profile = np.array([np.median(values[into == b]) for b in bins])
    fits = [_fit(at - shift, profile, blur) for blur, shift in product(BLURS_MM, SHIFTS_MM)]
    levels = min(fits, key=lambda fit: fit[1])[0]
    return float(levels[0]), float(levels[1])


def _fit(at: FloatArray, profile: FloatArray, blur: float) -> tuple[FloatArray, float]:
    """Return the levels of skin, fat and below for one blur, and how badly they fit."""
    starts = [special.ndtr((at - edge) / blur) for edge in (0.0, SKIN_MM, FAT_MM)]
    layers = np.stack([starts[0] - starts[1], starts[1] - starts[2], starts[2]], axis=1)
    alike = ALIKE * np.array([[1.0, -1.0, 0.0], [0.0, 0.3, -0.3]])
    levels, misfit = optimize.nnls(np.vstack([layers, alike]), np.append(profile, [0.0, 0.0]))
    return levels, float(misfit)
