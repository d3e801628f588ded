"""What a fill may see of a scan: the kept voxels, and where the brain places the atlas. The face is not in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.grid import FloatArray, Grid
from efface.scan import Scan

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]
Slices = tuple[slice, slice, slice]

LOOKED_AT = 8
"""Volumes of a 4-D scan that are averaged to see what all of them share."""
LEAST_AROUND = 0.3
"""Share of what is kept that must lie outside the skull for its darkest values to be the air's."""
SAMPLES = 200_000
"""Voxels that say what background and tissues are like."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A scan without the voxels that are to be replaced.

    Fills get this and nothing else, so that no value of the person's face can reach what is written in its place: not
    its voxels, and not the network's labels, which come from a look at them.
    """

    scan: Scan = field(repr=False)
    """The scan; every voxel in ``mask`` holds 0."""
    mask: Mask = field(repr=False)
    """(I, J, K) True where voxels are replaced."""
    brain: Mask = field(repr=False)
    """(I, J, K) True inside the skull."""
    atlas_to_scan: FloatArray
    """(4, 4) matrix from the atlas's world to the scan's, RAS+ mm; decided by the brain alone."""

    @property
    def grid(self) -> Grid:
        """The scan's grid."""
        return self.scan.grid

    @cached_property
    def seed(self) -> str:
        """Hash of kept voxels, 32 hexadecimal digits: the same scan draws the same noise. Every other voxel counts."""
        every_other = self.scan.stored[::2, ::2, ::2].tobytes()
        return hashlib.sha256(every_other).hexdigest()[:32]

    def random(self) -> np.random.Generator:
        """Return a generator that starts from ``seed``."""
        return np.random.default_rng(int(self.seed, 16))

    @cached_property
    def background(self) -> float:
        """What nothing measures, in the scan's units: 0, or the darkest common value where 0 would be bright."""
        some = lattice(self.grid.shape)
        known = ~self.mask[some]
        values = self._values(some, None)[known]
        values = values[np.isfinite(values)]
        if not values.size:
            return 0.0
        if (known & ~self.brain[some]).sum() < LEAST_AROUND * known.sum():  # no air is kept that could be asked
            return min(0.0, float(np.quantile(values, 0.001)))
        low, middle, high = (float(q) for q in np.quantile(values, (0.001, 0.5, 0.99)))
        spread = high - low
        return 0.0 if spread > 0 and low - 0.02 * spread <= 0.0 <= low + 0.05 * spread else min(low, middle)

    def brightness(self, where: Slices, volume: int | None = None) -> Volume:
        """Return how bright voxels are above the background, that of what is not finite; meaningless in the mask.

        Parameters
        ----------
        where : part of the grid
        volume : of a 4-D scan; the mean of the first ones if not given

        Returns
        -------
        values : float32 array, 3-D
        """
        values = self._values(where, volume)
        if self.background != 0:
            values = values - np.float32(self.background)
        return np.nan_to_num(values, copy=False, nan=0.0) if np.isnan(values).any() else values

    def _values(self, where: Slices, volume: int | None) -> Volume:
        """Return one volume in the scan's units, or the mean of the first ones; NaN where it is not finite."""
        stored = self.scan.stored[where]
        if stored.ndim == 4:
            stored = stored[..., :LOOKED_AT] if volume is None else stored[..., volume]
        values = scaled(stored, self.scan)
        return values if values.ndim == 3 else np.asarray(values.mean(axis=3, dtype=np.float32))


def what_is_kept(scan: Scan, anatomy: Anatomy, mask: Mask) -> Kept:
    """Take the voxels that are to be replaced out of a scan.

    Parameters
    ----------
    scan, anatomy : the scan, and what was found in it
    mask : (I, J, K) bool array, True where voxels are replaced
    """
    stored = scan.stored.copy(order="K")
    stored[mask] = 0
    return Kept(scan.with_stored(stored), mask, anatomy.brain, anatomy.atlas_to_scan)


def lattice(shape: tuple[int, int, int]) -> Slices:
    """Return every few voxels, and enough of them along every axis."""
    step = max(1, int(np.ceil((np.prod(shape) / SAMPLES) ** (1 / 3))))
    x, y, z = (slice(0, n, max(1, min(step, n // 24))) for n in shape)
    return x, y, z


def scaled(stored: NDArray[np.generic], scan: Scan) -> Volume:
    """Return stored values of a scan in its own units, float32; what is not finite or padding becomes NaN."""
    values = np.asarray(stored, np.float32)
    if scan.slope != 1 or scan.inter != 0:
        with np.errstate(over="ignore", invalid="ignore"):
            values = values * np.float32(scan.slope) + np.float32(scan.inter)
    if stored.dtype.kind == "f" or scan.slope != 1:
        values = np.where(np.isfinite(values), values, np.float32(np.nan))
    if scan.padding is not None:
        values = np.where(scan.is_padding(np.asarray(stored)), np.float32(np.nan), values)
    return values


def to_stored(values: NDArray[np.floating[Any]], scan: Scan) -> NDArray[np.generic]:
    """Return values in a scan's units as it stores them: unscaled, rounded, within its limits."""
    dtype = scan.stored.dtype
    unscaled = values if scan.slope == 1 and scan.inter == 0 else (values - scan.inter) / scan.slope
    if dtype.kind in "iu":
        lowest, highest = scan.limits or (np.iinfo(dtype).min, np.iinfo(dtype).max)
        wide = np.rint(unscaled, dtype=np.float32 if dtype.itemsize <= 2 else np.float64)
        return np.asarray(np.clip(wide, float(lowest), float(highest)), dtype)
    return np.asarray(unscaled, dtype)
