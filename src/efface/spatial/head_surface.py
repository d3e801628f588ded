"""Where the head ends and the air begins, from intensity alone.

Nothing here knows anatomy or contrast: it serves T1, T2, FLAIR and PD, defaced or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.grid import FloatArray, Grid
from efface.scan import Scan
from efface.spatial.flat_ends import flat_ends
from efface.spatial.resample import on_ras_grid

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]
SPACING_MM = 2.0
"""Spacing at which a head's surface is judged."""
SAMPLES = 500_000
"""Voxels that are enough to find a threshold."""
NOISE_DEVIATIONS = 4.0
"""How far above the background's noise the threshold stays at least."""
TISSUE_FRACTION = 0.21
"""Where the threshold lies between the air and the darker quarter of the tissue.

A fifth, not a half: skin is often much darker than brain (far from the coil, or its fat suppressed), and must not be
lost. Lower still, ghosts of the eyes and of a swallowing throat begin to show.
"""
CLOSED_MM = 5.0
"""Openings up to about twice this wide (nostrils, ear canals, cut airways) do not make a hole part of the outside."""


@dataclass(frozen=True, eq=False)
class Head:
    """The head in a scan, as `head_mask` finds it. Unpacks to ``mask, grid``."""

    mask: Mask = field(repr=False)
    """(X, Y, Z) True in the head."""
    grid: Grid
    """Where its voxels lie: isotropic, along the world's axes."""
    volume: Volume = field(repr=False)
    """(X, Y, Z) the scan's intensities there."""

    def __iter__(self) -> Iterator[Any]:
        return iter((self.mask, self.grid))

    @cached_property
    def flat_ends(self) -> FloatArray:
        """(P, 4) planes at which the view cuts the head (see `efface.spatial.flat_ends`)."""
        return flat_ends(self.mask, self.grid)


_HEADS: WeakKeyDictionary[Scan, Head] = WeakKeyDictionary()


def head_of(scan: Scan) -> Head:
    """Find a scan's head (see `head_mask`); found once, and remembered as long as the scan lives."""
    if scan not in _HEADS:
        _HEADS[scan] = head_mask(scan.intensities(), scan.grid)
        _HEADS[scan].mask.flags.writeable = False
    return _HEADS[scan]


def head_threshold(values: Volume) -> float:
    """Find the intensity between air and head.

    Otsu's threshold on square roots parts the two roughly; the background's own level and noise, and the darker quarter
    of the tissue, then place the limit low enough to keep dark skin and high enough to leave noise out.

    Parameters
    ----------
    values : (I, J, K) float32 array

    Returns
    -------
    threshold : float
        In the units of ``values``; values above it are head. The highest value where the volume is constant.
    """
    return _levels(values)[1]


def _levels(values: Volume) -> tuple[float, float]:
    """Return the air's level and the threshold between air and head."""
    sample = _sample(values)
    low, high = (float(v) for v in np.percentile(sample, (0.1, 99.5)))
    if high <= low:
        return high, high
    middle = _otsu(np.sqrt(np.clip(sample, low, high) - low)) ** 2 + low
    air, noise = _background(sample[sample < middle])
    tissue = float(np.percentile(sample[sample >= middle], 25))
    above_air = max(NOISE_DEVIATIONS * noise, TISSUE_FRACTION * (tissue - air))
    return air, min(air + above_air, middle)


def _sample(values: Volume) -> Volume:
    """Return about `SAMPLES` voxels, evenly spread along every axis."""
    step = max(1, int(np.ceil((values.size / SAMPLES) ** (1 / 3))))
    steps = [slice(None, None, min(step, max(1, n // 16))) for n in values.shape]
    return np.asarray(values[tuple(steps)].ravel())


def _otsu(sample: Volume) -> float:
    """Return the threshold that parts a sample into two classes of least variance (Otsu 1979)."""
    counts, edges = np.histogram(sample, 256)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1].astype(float)
    total, moments = float(counts.sum()), np.cumsum(counts * centres)
    between = (moments[-1] * below / total - moments[:-1]) ** 2 / np.maximum(below * (total - below), 1e-12)
    return float(edges[1:][int(between.argmax())])


def _background(dark: Volume) -> tuple[float, float]:
    """Return level and noise of the air, leaving out partial volume and ghosts by repeated clipping."""
    level, noise = 0.0, 0.0
    for _ in range(4):
        level = float(np.median(dark))
        noise = 1.4826 * float(np.median(np.abs(dark - level)))
        dark = dark[dark <= level + NOISE_DEVIATIONS * noise]
    return level, noise


def head_mask(values: Volume, grid: Grid, spacing_mm: float = SPACING_MM) -> Head:
    """Find the head: the largest thing brighter than air, with the air inside it (sinuses, airways) filled.

    Parameters
    ----------
    values : (I, J, K) float32 array
    grid : Grid
        Where the voxels lie.
    spacing_mm : float
        Spacing of the mask's own grid.

    Returns
    -------
    head : its mask is False everywhere in a constant volume
    """
    volume, ras = on_ras_grid(values, grid, spacing_mm)
    field = _field(volume, *_levels(values), spacing_mm, float(grid.spacing_mm.max()))
    return Head(_filled(field > 0, max(1, round(CLOSED_MM / spacing_mm))), ras, volume)


def _filled(mask: Mask, steps: int) -> Mask:
    """Fill the air inside a mask, also where an opening up to ``2 * steps`` voxels wide leads out."""
    where = ndimage.find_objects(mask.view(np.uint8))
    filled = np.zeros_like(mask)
    for box in where:  # one, or none
        wide = np.pad(mask[box], steps + 2)
        ball = ndimage.generate_binary_structure(3, 1)
        closed = ndimage.binary_fill_holes(ndimage.binary_dilation(wide, ball, steps))
        inside = ndimage.binary_erosion(closed, ball, steps + 1)
        filled[box] = ndimage.binary_fill_holes(inside | wide)[(slice(steps + 2, -steps - 2),) * 3]
    return filled


def surface_field(values: Volume, grid: Grid, spacing_mm: float) -> tuple[Volume, Grid]:
    """Turn a scan into a smooth field whose zero level is the head's surface.

    Intensities are clipped to the same distance on both sides of the threshold before they are smoothed, so that
    neither bright fat nor noise moves the surface; whatever is not joined to the head is taken away.

    Parameters
    ----------
    values : (I, J, K) float32 array
    grid : Grid
        Where the voxels lie.
    spacing_mm : float
        Spacing of the field's own grid.

    Returns
    -------
    field : (X, Y, Z) float32 array
        About 1 in the head, 0 on its surface, -1 in the air.
    ras : Grid
        Where its voxels lie: isotropic, along the world's axes.
    """
    volume, ras = on_ras_grid(values, grid, spacing_mm)
    return _field(volume, *_levels(values), spacing_mm, float(grid.spacing_mm.max())), ras


def _field(volume: Volume, air: float, threshold: float, spacing_mm: float, coarsest_mm: float) -> Volume:
    """Return the field of `surface_field` for intensities on its grid; ``coarsest_mm``: the scan's largest spacing."""
    reach = threshold - air
    if reach <= 0:
        return np.full(volume.shape, -1, np.float32)
    field = np.clip((volume - np.float32(threshold)) / np.float32(reach), -1, 1)
    field = _smooth(field, max(1.1 * spacing_mm, 0.45 * coarsest_mm) / spacing_mm)
    _drop_specks(field)
    return field


def _smooth(field: Volume, sigma: float) -> Volume:
    """Blur by a Gaussian of ``sigma`` voxels; air is beyond the edge."""
    return np.asarray(ndimage.gaussian_filter(field, sigma, mode="nearest", truncate=2.5))


def _drop_specks(field: Volume) -> None:
    """Push below zero, in place, whatever is not joined to the largest part."""
    half = field[::2, ::2, ::2] > 0
    parts, count = ndimage.label(half)
    if count < 2:
        return
    largest = 1 + int(np.bincount(parts.ravel())[1:].argmax())
    near = ndimage.binary_dilation(parts == largest, iterations=1)
    for axis in range(3):
        near = np.repeat(near, 2, axis=axis)
    near = near[tuple(slice(n) for n in field.shape)]
    field[~near & (field > 0)] = -0.5
