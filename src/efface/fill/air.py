"""What air looks like in one scan: how its noise is distributed, and how it is correlated from voxel to voxel.

Nothing is assumed about the noise. Magnitude images are Rician (Gudbjartsson and Patz 1995, Magn Reson Med 34:910),
sums over coils are not, filtered and rounded ones are neither; the distribution is taken as it is found.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from efface.fill.kept import Kept, Mask, Slices, scaled, to_stored
from efface.spatial.head_surface import head_threshold

LATTICE = 300_000
"""Air is looked for at about this many places."""
LEAST = 200
"""Fewer voxels of air say nothing; the background's value stands in."""
APART = 3
"""Voxels this far apart have noise of their own."""
FLAT = 0.9
"""Where more of the air than this holds one value, the scanner or a program wrote it: there is no noise."""
ENTRIES, REACH = 1024, 4.0
"""The distribution is kept as a table over normal scores from -REACH to REACH."""
DEVIATIONS = 6.0
"""Brighter than this many robust deviations above the middle is ghost or head, not air."""


@dataclass(frozen=True, eq=False)
class Air:
    """A scan's air."""

    table: NDArray[np.generic] = field(repr=False)
    """(ENTRIES, T) stored values, a volume's quantiles over normal scores."""
    correlation: tuple[float, float, float]
    """Correlation of neighbours along each axis of the grid."""
    constant: bool
    """Whether the air is one value."""

    def values(self, scores: NDArray[np.float32], volume: int) -> NDArray[np.generic]:
        """Return the stored value that belongs to each normal score."""
        at = (scores + np.float32(REACH)) * np.float32((ENTRIES - 1) / (2 * REACH)) + np.float32(0.5)
        return np.asarray(self.table[:, volume][np.clip(at, 0, ENTRIES - 1).astype(np.intp)])


def measure_air(kept: Kept) -> Air:
    """Measure the air in kept voxels.

    Parameters
    ----------
    kept : what is kept of the scan
    """
    here = _places(kept.grid.shape)
    stored = kept.scan.stored[here]
    where = _clear_of_head(scaled(stored, kept.scan), ~kept.mask[here])
    stored = stored.reshape(*where.shape, -1)
    beside, apart = ([_beside(kept, here, axis, lag) for axis in range(3)] for lag in (1, APART))
    if where.sum() < LEAST:
        return _constant(kept, None)
    flat = where & np.logical_and.reduce([stored[..., 0] == values for values in beside])
    if flat.sum() > FLAT * where.sum():
        return _constant(kept, np.median(stored[where].astype(np.float64), axis=0))
    where &= ~_written(flat)
    sample = stored[where]
    across = [_correlation(sample[:, 0], near[where], far[where]) for near, far in zip(beside, apart, strict=True)]
    return Air(_table(sample), (across[0], across[1], across[2]), constant=False)


def _places(shape: tuple[int, int, int]) -> Slices:
    """Return a lattice of places that all have the next few voxels along each axis."""
    step = max(1, int(np.ceil((np.prod(shape) / LATTICE) ** (1 / 3))))
    x, y, z = (slice(0, max(1, n - APART), max(1, min(step, n // 16))) for n in shape)
    return x, y, z


def _beside(kept: Kept, here: Slices, axis: int, lag: int) -> NDArray[np.generic]:
    """Return the first volume some voxels further along an axis; the same voxels where the axis is too short."""
    moved = list(here)
    if kept.grid.shape[axis] > APART:
        moved[axis] = slice(lag, here[axis].stop + lag, here[axis].step)
    beside = kept.scan.stored[tuple(moved)]
    return beside if beside.ndim == 3 else beside[..., 0]


def _clear_of_head(values: NDArray[np.float32], known: Mask) -> Mask:
    """Return which places of a lattice are known and lie clear of the head and of what is not known."""
    values = values if values.ndim == 3 else values[..., :8].mean(axis=3)
    finite = known & np.isfinite(values)
    if finite.sum() < LEAST:
        return np.zeros(known.shape, bool)
    head = finite & (values > head_threshold(values[finite].reshape(-1, 1, 1)))
    near = ndimage.binary_dilation(ndimage.binary_opening(head) | ~known)
    return np.asarray(finite & ~head & ~ndimage.binary_dilation(near))


def _written(flat: Mask) -> Mask:
    """Return blocks of the lattice that hold one value, and their edges: written by a program (gradient correction)."""
    cross = ndimage.generate_binary_structure(3, 1)
    blocks = ndimage.binary_dilation(ndimage.binary_erosion(flat, cross), cross) & flat
    return np.asarray(ndimage.binary_dilation(blocks, ndimage.generate_binary_structure(3, 3), iterations=2))


def _correlation(here: NDArray[np.generic], near: NDArray[np.generic], far: NDArray[np.generic]) -> float:
    """Return the correlation of neighbours' noise; bright outliers do not count.

    By differences, to near voxels and to ones so far that their noise is another: ghosts, and air that is brighter on
    one side, change little over a few voxels and do not count.
    """
    one, two, three = (np.asarray(values, np.float64) for values in (here, near, far))
    limit = _limit(one)
    dark = (one <= limit) & (two <= limit) & (three <= limit)
    one, two, three = one[dark], two[dark], three[dark]
    most = float(((three - one) ** 2).mean()) if dark.any() else 0.0
    return round(1 - float(((two - one) ** 2).mean()) / most, 3) if most > 0 else 0.0


def _limit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what is too bright for air, for each column of (n, ...)."""
    middle = np.median(values, axis=0)
    noise = 1.4826 * np.median(np.abs(values - middle), axis=0)
    return np.asarray(np.maximum(middle + DEVIATIONS * noise, np.quantile(values, 0.99, axis=0)))


def _clipped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave out (n, ...) what is too bright for air."""
    return np.where(values > _limit(values), np.median(values, axis=0), values)


def _table(sample: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the quantiles of (n, T) stored values; the values of integers are ones that occur."""
    thin = sample[:: max(1, sample.size // 4_000_000)]
    shares = special.ndtr(np.linspace(-REACH, REACH, ENTRIES))
    values = np.sort(_clipped(np.asarray(thin, np.float64)), axis=0)
    at = np.clip((shares * len(values)).astype(int), 0, len(values) - 1)
    return np.asarray(values[at], sample.dtype)


def _constant(kept: Kept, values: NDArray[np.float64] | None) -> Air:
    """Return air of one value per volume; the background's where none is given."""
    if values is None:
        background = to_stored(np.array(kept.background, np.float32), kept.scan)
        values = np.full(kept.scan.volumes, float(background))
    return Air(np.tile(values.astype(kept.scan.stored.dtype), (ENTRIES, 1)), (0.0, 0.0, 0.0), constant=True)
