"""Where the skin of people lies once their brains are laid on one another (``training/build_surface_maps.py``)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from efface.bundled import read_bundled
from efface.grid import FloatArray, Grid

Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Expected:
    """The skin of synthetic people whose brains are of one size class, in the atlas's frame; NaN where few have any."""

    front: Map = field(repr=False)
    """(X, Z) median of the foremost y, mm."""
    side: Map = field(repr=False)
    """(Y, Z) median of the outermost distance from the midplane, mm; both sides together."""
    auricle: NDArray[np.bool_] = field(repr=False)
    """(Y, Z) columns that most people's auricles cover."""
    grid: Grid
    """(X, Y, Z) grid of the maps' columns, RAS+ mm of the atlas."""


@lru_cache(maxsize=4)
def expected_skin(size_class: int) -> Expected:
    """Read the maps of one class of brain size (as ``Envelope.size_class``), hash-checked; cached.

    Raises
    ------
    DefaceError
        The installation is damaged.
    """
    folder = Path(__file__).parent
    described = json.loads((folder / "surface_maps.json").read_text("utf-8"))
    data = read_bundled(folder / "surface_maps.npz", described["sha256"])
    with np.load(BytesIO(data), allow_pickle=False) as stored:
        maps = {name: stored[name][size_class] for name in stored.files}
    affine = np.diag([described["spacing_mm"]] * 3 + [1.0])
    affine[:3, 3] = described["origin_mm"]
    (x, z), y = maps["front"].shape, maps["side"].shape[0]
    front, side = (_mm(maps[name], described) for name in ("front", "side"))
    return Expected(front, side, maps["auricle"], Grid((x, y, z), affine))


def _mm(steps: NDArray[np.int16], described: dict[str, float]) -> Map:
    return np.where(steps == described["none"], np.nan, steps * described["step_mm"]).astype(np.float32)


def column_points(expected: Expected, view: str) -> FloatArray:
    """Return where the expected skin of every column lies: (X, Z, 3) from the ``front``, (Y, Z, 3) from a ``side``."""
    grid = expected.grid
    x, y, z = (grid.affine[axis, 3] + grid.affine[axis, axis] * np.arange(n) for axis, n in enumerate(grid.shape))
    if view == "front":
        return np.stack([*np.broadcast_arrays(x[:, None], expected.front, z)], axis=-1)
    return np.stack([*np.broadcast_arrays(expected.side, y[:, None], z)], axis=-1)
