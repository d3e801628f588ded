"""Scans of no head: balls, boxes and blobs with all kinds of texture, for the network to doubt itself on."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SHAPE = (96, 112, 96)
"""Voxels of 2 mm."""


def draw_object(rng: np.random.Generator) -> np.ndarray:
    """Return a (X, Y, Z) float32 image of something that is no head."""
    solid = _solid(rng)
    image = np.where(solid, _texture(rng, solid), 0.0)
    image = ndimage.gaussian_filter(image, rng.uniform(0, 1.0))
    return np.abs(image + rng.normal(0, rng.uniform(0.005, 0.08), SHAPE)).astype(np.float32)


def _solid(rng: np.random.Generator) -> np.ndarray:
    """Return an ellipsoid, a box, or a few blobs, about as large as heads are."""
    at = [
        np.abs(np.arange(n) - n / 2 - rng.normal(0, 3)).reshape([-1 if axis == i else 1 for i in range(3)])
        / rng.uniform(25, 48)
        for axis, n in enumerate(SHAPE)
    ]
    kind = rng.integers(3)
    if kind == 0:
        return at[0] ** 2 + at[1] ** 2 + at[2] ** 2 < 1
    if kind == 1:
        return np.maximum(np.maximum(at[0], at[1]), at[2]) < 0.8
    bumps = ndimage.gaussian_filter(rng.standard_normal(SHAPE), rng.uniform(8, 14))
    return (bumps > 0) & (at[0] ** 2 + at[1] ** 2 + at[2] ** 2 < 1.3)


def _texture(rng: np.random.Generator, solid: np.ndarray) -> np.ndarray:
    """Return noise, patches of several tissues, or layers as of an onion, each sometimes with a bright rim."""
    kind = rng.integers(3)
    if kind == 0:
        texture = 1 + rng.uniform(0.05, 0.4) * rng.standard_normal(SHAPE)
    else:
        depth = ndimage.distance_transform_edt(solid)
        smooth = ndimage.gaussian_filter(rng.standard_normal(SHAPE), rng.uniform(2, 7))
        levels = rng.uniform(0.1, 1.5, 8)
        order = smooth.argsort(axis=None).argsort().reshape(SHAPE) * 8 // smooth.size if kind == 1 else depth // 5
        texture = levels[np.clip(order, 0, 7).astype(int)]
        if rng.random() < 0.5:
            texture = np.where(depth < 4, rng.uniform(0.8, 2.0), texture)
    return texture
