"""Training heads in memory: what ``targets.py`` wrote, and a few things derived from it once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage

from classes import BRAIN, TISSUE, VALUE

HALO_MM = 14
"""How far from the skin hair and markers may lie."""
TILE = 64
"""Side of the periodic tiles of random texture, voxels."""
NECK_MAX_MM2 = 14_500
"""A head cut off below with a face smaller than this was cut through the neck, which may be continued."""


@dataclass(frozen=True, eq=False)
class Head:
    """One person, axes R, A, S."""

    number: int
    spacing_mm: float
    """1 mm; or 2 mm for coarse scans, which are drawn eight times as fast."""
    tissues: np.ndarray = field(repr=False)
    """(I, J, K) uint8 index into ``TISSUES``."""
    classes: np.ndarray = field(repr=False)
    """(I, J, K) uint8 value of ``CLASSES``."""
    regions: np.ndarray = field(repr=False)
    """(I, J, K) uint8 the atlas's regions."""
    soft: np.ndarray = field(repr=False)
    """(N,) int32 flat indices of skin and soft tissue."""
    soft_depth: np.ndarray = field(repr=False)
    """(N,) uint8 their depth below the skin, half mm."""
    halo: np.ndarray = field(repr=False)
    """(M,) int32 flat indices of the air around the head."""
    halo_mm: np.ndarray = field(repr=False)
    """(M,) uint8 their distance from the skin, mm."""
    brain_center: np.ndarray
    """(3,) centroid of the brain, voxel index."""
    atlas_to_index: np.ndarray
    """(4, 4) the atlas's RAS+ mm to voxel indices."""
    neck_plane: float | None
    """A low voxel plane through the neck, from where it may be continued as it is there."""

    half: Head | None = field(repr=False)
    """The same person at 2 mm."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        return self.tissues.shape

    def tile_index(self, flat: np.ndarray) -> np.ndarray:
        """Return the flat index into a periodic tile of the given voxels."""
        i, j, k = np.unravel_index(flat, self.shape)
        return ((i % TILE) * TILE + j % TILE) * TILE + k % TILE


def load(path: Path) -> Head:
    """Read one head's file."""
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    number, head = int(path.stem.removeprefix("head_")), arrays["tissues"] > 0
    lowest = int(np.flatnonzero(head.any(axis=(0, 1)))[0])
    neck = bool(arrays["cut"][2, 0]) and np.count_nonzero(head[:, :, lowest + 1]) < NECK_MAX_MM2
    plane = lowest + 3.0 if neck else None
    return _derive(number, arrays, plane, 1, half=_derive(number, arrays, plane, 2))


def _derive(
    number: int, arrays: dict[str, np.ndarray], neck_plane: float | None, step: int, half: Head | None = None
) -> Head:
    """Work out a head at ``step`` mm from its 1 mm arrays."""
    tissues, classes, regions, depth = (
        np.ascontiguousarray(arrays[name][::step, ::step, ::step])
        for name in ("tissues", "classes", "regions", "depth")
    )
    soft = np.flatnonzero((tissues == TISSUE["soft_tissue"]) | (tissues == TISSUE["skin"])).astype(np.int32)
    halo, halo_mm = _halo(tissues > 0, 2 // step)
    brain = np.isin(classes[::2, ::2, ::2], [VALUE[name] for name in BRAIN])
    return Head(
        number=number,
        spacing_mm=float(step),
        tissues=tissues,
        classes=classes,
        regions=regions,
        soft=soft,
        soft_depth=depth.reshape(-1)[soft],
        halo=halo,
        halo_mm=halo_mm,
        brain_center=np.argwhere(brain).mean(axis=0) * 2,
        atlas_to_index=np.diag([1 / step, 1 / step, 1 / step, 1]) @ arrays["atlas_to_index"],
        neck_plane=None if neck_plane is None else np.ceil(neck_plane / step),
        half=half,
    )


def load_all(work: Path, numbers: list[int]) -> list[Head]:
    """Read several heads."""
    return [load(work / f"head_{number:02d}.npz") for number in numbers]


def _halo(head: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxels of outer air near the skin and their distance, found at 2 mm, every ``step``-th voxel."""
    solid = ndimage.binary_fill_holes(ndimage.binary_closing(head[::step, ::step, ::step], iterations=2))
    distance = ndimage.distance_transform_edt(~solid) * 2
    coarse = np.where((distance > 0) & (distance <= HALO_MM), distance, 0).astype(np.uint8)
    fine = coarse.repeat(step, 0).repeat(step, 1).repeat(step, 2)[: head.shape[0], : head.shape[1], : head.shape[2]]
    fine[head] = 0
    flat = np.flatnonzero(fine).astype(np.int32)
    return flat, fine.reshape(-1)[flat]


def texture_tiles(seed: int = 0) -> np.ndarray:
    """Return (4, TILE, TILE, TILE) float32 periodic noise of unit variance: white, and smooth over 1.2, 4 and 10 mm."""
    rng = np.random.default_rng(seed)
    tiles = []
    for sigma in (0.0, 1.2, 4.0, 10.0):
        tile = ndimage.gaussian_filter(rng.standard_normal((TILE,) * 3), sigma, mode="wrap")
        tiles.append((tile / tile.std()).astype(np.float32))
    return np.stack(tiles)
