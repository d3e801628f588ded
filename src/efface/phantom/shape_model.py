"""The bundled shape model: how heads differ from the average, as modes without people.

Made by ``training/build_shape_model.py`` from the deformations between the atlas and the heads that it averages. A mode
is a deformation as large as its standard deviation over those heads and their mirror images.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.bundled import read_bundled
from efface.grid import FloatArray, Grid

KNOT_MM = 7.5
"""Spacing of the knots at which modes are kept."""
FOLDER = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """Principal modes of the deformations from the atlas to heads whose brains lie on the atlas's."""

    knots: Grid
    """Where the modes are kept; RAS+ mm of the atlas, symmetric about x = 0."""
    modes: NDArray[np.float32] = field(repr=False)
    """(modes, I, J, K, 3) displacement of atlas points, mm, of its standard deviation; symmetric ones first."""
    log_scale_covariance: FloatArray = field(repr=False)
    """(3, 3) of the logarithms of the brain's width, length and height against the atlas."""


def mirrored(shifts: NDArray[Any]) -> NDArray[Any]:
    """Mirror deformations (..., I, J, K, 3) about x = 0; the knots are symmetric."""
    return np.asarray(shifts[..., ::-1, :, :, :] * np.array([-1, 1, 1], shifts.dtype))


@lru_cache(maxsize=1)
def load_shape_model() -> ShapeModel:
    """Read the bundled shape model, hash-checked; cached.

    Raises
    ------
    DefaceError
        The installation is damaged.
    """
    description = json.loads((FOLDER / "shape_model.json").read_text("utf-8"))
    data = read_bundled(FOLDER / "shape_model.npz", description["sha256"])
    with np.load(BytesIO(data), allow_pickle=False) as stored:
        even = _whole(stored["symmetric"], stored["symmetric_mm"], 1)
        odd = _whole(stored["antisymmetric"], stored["antisymmetric_mm"], -1)
    modes = np.concatenate([even, odd])
    modes.flags.writeable = False
    affine = np.diag([KNOT_MM, KNOT_MM, KNOT_MM, 1.0])
    affine[:3, 3] = description["origin"]
    shape = int(modes.shape[1]), int(modes.shape[2]), int(modes.shape[3])
    return ShapeModel(Grid(shape, affine), modes, np.array(description["log_scale_covariance"]))


def _whole(half: NDArray[np.int8], steps_mm: NDArray[np.float32], sign: int) -> NDArray[np.float32]:
    """Turn (modes, 3, I/2, J, K) steps at x >= 0 into (modes, I, J, K, 3) mm on both sides."""
    right = np.moveaxis(half * steps_mm.reshape(-1, 1, 1, 1, 1), 1, -1)
    left = sign * mirrored(right[:, 1:])
    return np.asarray(np.concatenate([left, right], axis=1), np.float32)
