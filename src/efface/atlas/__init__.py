"""The bundled atlas as values: an average head with named regions, symmetric, in millimetres.

Made by ``training/build_average.py`` and ``training/build_atlas.py`` from 13 complete heads of SynthSeg's training
label maps (Billot et al. 2023, Medical Image Analysis 86:102789). The frame is MNI's in orientation and origin, its
size is the heads' own mean size, and x = 0 is the plane of symmetry.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from efface.bundled import read_bundled
from efface.grid import FloatArray, Grid

FACE = ("left_eye", "right_eye", "nose", "mouth", "chin", "left_cheek", "right_cheek", "brow", "left_ear", "right_ear")
"""Regions that show who a person is."""
FEATURES = ("left_eye", "right_eye", "nose", "mouth", "left_ear", "right_ear")
"""Regions whose coverage is judged one by one (Familiar et al. 2025)."""
SHOWN = (*FEATURES, "chin", "left_cheek", "right_cheek")
"""Regions whose visible skin must go."""


@dataclass(frozen=True, eq=False)
class Atlas:
    """The average head."""

    grid: Grid
    """Grid of every volume below; RAS+ mm."""
    tissues: NDArray[np.uint8] = field(repr=False)
    """(I, J, K) most probable tissue."""
    tissue_names: tuple[str, ...]
    """Name of each tissue value."""
    regions: NDArray[np.uint8] = field(repr=False)
    """(I, J, K) named regions; face regions reach through the air to the edge of the grid, 0 is none."""
    region_names: dict[int, str]
    """Name of each region value."""
    brain_center: FloatArray
    """(3,) centroid of the brain, RAS+ mm."""
    between_eyes: FloatArray
    """(3,) middle between the eyeballs, RAS+ mm."""
    centroids: dict[str, FloatArray]
    """Centroid of each brain structure that the network labels, by its class: (3,) RAS+ mm."""
    sha256: str
    """Over all atlas files."""

    def region(self, name: str) -> int:
        """Return a region's value."""
        return next(value for value, label in self.region_names.items() if label == name)


@dataclass(frozen=True, eq=False)
class Envelope:
    """Where faces lie when brains are laid on one another, by size of the brain; see ``training/build_envelope.py``."""

    grid: Grid
    """Grid of every volume below; RAS+ mm of the atlas."""
    sizes: tuple[float, ...]
    """Where each class of brain size begins, beside the average adult's."""
    distance_mm: NDArray[np.float32] = field(repr=False)
    """(sizes, X, Y, Z) signed distance from the region that holds 99.5 % of people's faces, negative in it."""
    regions: NDArray[np.uint8] = field(repr=False)
    """(sizes, X, Y, Z) the nearest region of the face, a value of ``Atlas.region_names``."""
    chin_ends_mm: tuple[float, ...]
    """Down to where a chin is looked for, z, RAS+ mm of the atlas."""
    ear_ends_mm: tuple[float, ...]
    """The same for ears; what lies beside the head below them is jaw and neck."""

    def size_class(self, atlas_to_scan: FloatArray) -> int:
        """Return the index of the class of the brain's size, given the (4, 4) matrix that lays the atlas on it."""
        scale = float(np.cbrt(abs(np.linalg.det(atlas_to_scan[:3, :3]))))
        return max(int(np.searchsorted(self.sizes, scale, side="right")) - 1, 0)


def _checked(name: str) -> bytes:
    """Read one atlas file and compare it with its recorded hash."""
    folder = Path(__file__).parent
    return read_bundled(folder / name, json.loads((folder / "atlas.json").read_text("utf-8"))["sha256"][name])


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """Read the bundled atlas, hash-checked; cached.

    Raises
    ------
    DefaceError
        The installation is damaged.
    """
    text = (Path(__file__).parent / "atlas.json").read_text("utf-8")
    description = json.loads(text)
    with np.load(BytesIO(_checked("labels.npz")), allow_pickle=False) as stored:
        tissues, regions = stored["tissues"], stored["regions"]
    for array in (tissues, regions):
        array.flags.writeable = False
    return Atlas(
        grid=Grid(tissues.shape, np.array(description["affine"])),
        tissues=tissues,
        tissue_names=tuple(description["tissues"]),
        regions=regions,
        region_names={int(value): name for value, name in description["regions"].items()},
        brain_center=np.array(description["brain_center"]),
        between_eyes=np.array(description["between_eyes"]),
        centroids={name: np.array(place) for name, place in description["centroids"].items()},
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


@lru_cache(maxsize=1)
def load_probabilities() -> NDArray[np.uint8]:
    """Return tissue probabilities, (I, J, K, tissues) uint8 array in 1/255, on the atlas's grid; cached.

    Raises
    ------
    DefaceError
        The installation is damaged.
    """
    with np.load(BytesIO(_checked("probabilities.npz")), allow_pickle=False) as stored:
        maps: NDArray[np.uint8] = np.moveaxis(stored["maps"], 0, -1)
    maps.flags.writeable = False
    return maps


@lru_cache(maxsize=1)
def load_brain_distance() -> tuple[NDArray[np.float32], Grid]:
    """Return the signed distance from the brain's surface, positive outside, in mm, and where it lies; cached.

    Raises
    ------
    DefaceError
        The installation is damaged.
    """
    description = json.loads((Path(__file__).parent / "atlas.json").read_text("utf-8"))["brain_distance"]
    with np.load(BytesIO(_checked("brain_distance.npz")), allow_pickle=False) as stored:
        distance = stored["steps"] * np.float32(description["step_mm"])
    return distance, Grid(distance.shape, np.array(description["affine"]))


@lru_cache(maxsize=1)
def load_envelope() -> Envelope:
    """Read the region that holds 99.5 % of people's faces, hash-checked; cached.

    Raises
    ------
    DefaceError
        The installation is damaged.
    """
    description = json.loads((Path(__file__).parent / "atlas.json").read_text("utf-8"))["envelope"]
    with np.load(BytesIO(_checked("envelope.npz")), allow_pickle=False) as stored:
        distance, regions = stored["steps"] * np.float32(description["step_mm"]), stored["regions"]
    for array in (distance, regions):
        array.flags.writeable = False
    grid = Grid(distance.shape[1:], np.array(description["affine"]))
    ends = (tuple(description[name]) for name in ("chin_ends_mm", "ear_ends_mm"))
    return Envelope(grid, tuple(description["sizes"]), distance, regions, *ends)
