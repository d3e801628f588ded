"""The average head as ``reface`` paints it: weights of a few classes of tissue, and how deep below the skin.

Made by ``training/build_average_head.py`` from the bundled atlas, which is the average of 13 heads; nobody looks so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from io import BytesIO
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from efface.atlas import load_atlas
from efface.bundled import read_bundled
from efface.grid import FloatArray, Grid

ROOM = 10
"""Voxels around a scan that may be bent into it."""


@dataclass(frozen=True, eq=False)
class AverageHead:
    """The average head, RAS+ mm of the atlas."""

    weights: NDArray[np.uint8] = field(repr=False)
    """(classes, I, J, K) share of each class in every voxel, in 1/255; what is left is air."""
    grid: Grid
    """Grid of ``weights``: the face, the ears and the neck, with room."""
    classes: tuple[str, ...]
    """Name of each class."""
    depth_mm: NDArray[np.float32] = field(repr=False)
    """(X, Y, Z) depth below the skin, negative in the air; nostrils and airways count as head."""
    depth_grid: Grid
    """Grid of ``depth_mm``: the whole head."""
    pure: NDArray[np.uint8] = field(repr=False)
    """(A, B, C) on the atlas's grid: 1 + index in ``pure_classes`` where that tissue is nearly sure, else 0."""
    pure_classes: tuple[str, ...]
    """Names of the tissues of ``pure``."""
    pure_grid: Grid
    """The atlas's grid."""

    def near(self, grid: Grid, atlas_to_scan: FloatArray) -> AverageHead:
        """Return the same head, of which only what may lie on a scan's grid can be painted."""
        corners = np.array(list(product(*[(0, n - 1) for n in grid.shape])))
        world = np.hstack([grid.ras(corners), np.ones((8, 1))]) @ np.linalg.inv(atlas_to_scan)[:3].T
        index = self.grid.index(world)
        last = np.array(self.grid.shape) - 1
        low = np.clip(np.floor(index.min(axis=0)) - ROOM, 0, last).astype(int)
        high = np.clip(np.ceil(index.max(axis=0)) + ROOM, 0, last).astype(int)
        box = (slice(low[0], high[0] + 1), slice(low[1], high[1] + 1), slice(low[2], high[2] + 1))
        x, y, z = box
        return replace(self, weights=self.weights[:, x, y, z], grid=self.grid.part(box))

    def solid(self) -> NDArray[np.float32]:
        """Return the share of tissue, (I, J, K)."""
        total = self.weights.sum(axis=0, dtype=np.uint16)
        return np.asarray(np.minimum(total / np.float32(255), np.float32(1)))


@lru_cache(maxsize=1)
def load_average_head() -> AverageHead:
    """Read the bundled average head, hash-checked; cached.

    Raises
    ------
    DefaceError
        The installation is damaged.
    """
    folder = Path(__file__).parent
    described = json.loads((folder / "average_head.json").read_text("utf-8"))
    data = read_bundled(folder / "average_head.npz", described["sha256"])
    with np.load(BytesIO(data), allow_pickle=False) as stored:
        weights, steps, pure = stored["weights"], stored["depth"], stored["pure"]
    depth = described["depth"]
    return AverageHead(
        weights=weights,
        grid=Grid(weights.shape[1:], np.array(described["affine"])),
        classes=tuple(described["classes"]),
        depth_mm=steps * np.float32(depth["step_mm"]),
        depth_grid=Grid(steps.shape, np.array(depth["affine"])),
        pure=pure,
        pure_classes=tuple(described["pure"]),
        pure_grid=load_atlas().grid,
    )
