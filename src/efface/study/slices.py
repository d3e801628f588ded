"""Sagittal slices for figures: in true proportions, and cropped to the brain where a face must not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.grid import FloatArray, Grid
from efface.scan import Scan
from efface.spatial.resample import resample
from efface.study.label_tables import NINE
from efface.study.segmentation import Segmentation

PIXEL_MM = 1.0
COLOURS: Mapping[str, tuple[int, int, int]] = dict(
    zip(
        NINE,
        ((86, 180, 233), (230, 159, 0), (240, 240, 240), (170, 120, 90), (0, 158, 115), (213, 94, 0), (204, 121, 167),
         (240, 228, 66), (0, 114, 178)),
        strict=True,
    )
)  # fmt: skip
"""A colour for each of the nine regions."""
DIFFERENT = (255, 60, 60)

Colour = NDArray[np.uint8]


def sagittal(scan: Scan, x_mm: float, window: tuple[float, float], box: FloatArray | None = None) -> Colour:
    """Return a sagittal slice, front to the right, top up, one pixel per mm; grey as (H, W, 3).

    Parameters
    ----------
    scan : the image
    x_mm : where, RAS+ mm
    window : intensities drawn black and white
    box : (2, 3) corners to crop to, RAS+ mm; by default all of the image
    """
    plane = _plane(scan.grid, x_mm, box)
    grey = resample(scan.intensities(), scan.grid, plane)[0]
    shown = np.clip((grey - window[0]) / max(window[1] - window[0], 1e-9), 0, 1) * 255
    return _upright(np.repeat(shown.astype(np.uint8)[..., None], 3, axis=-1))


def overlaid(picture: Colour, seen: Segmentation, grid: Grid, x_mm: float, box: FloatArray | None = None) -> Colour:
    """Return a slice with the nine regions in colours."""
    labels = resample(seen.labels, seen.grid, _plane(grid, x_mm, box), order=0)[0]
    colours = np.zeros((*labels.shape, 3))
    for region, colour in COLOURS.items():
        colours[np.isin(labels, seen.table.values_of(region))] = colour
    upright = _upright(colours)
    inside = upright.any(axis=-1)
    result = picture.astype(float)
    result[inside] = 0.5 * result[inside] + 0.5 * upright[inside]
    return result.astype(np.uint8)


def difference(
    picture: Colour, one: Segmentation, two: Segmentation, grid: Grid, x_mm: float, box: FloatArray | None = None
) -> Colour:
    """Return a slice with red where two segmentations differ."""
    plane = _plane(grid, x_mm, box)
    first, second = (resample(seen.labels, seen.grid, plane, order=0)[0] for seen in (one, two))
    brain = [np.isin(labels, seen.table.brain) for labels, seen in ((first, one), (second, two))]
    differ = _upright((first != second) & (brain[0] | brain[1]))
    result: Colour = picture.copy()
    result[differ] = DIFFERENT
    return result


def window_of(scan: Scan) -> tuple[float, float]:
    """Return the intensities that are drawn black and white."""
    values = scan.intensities()[::2, ::2, ::2]
    return float(np.percentile(values, 2)), float(np.percentile(values, 99.3))


def _plane(grid: Grid, x_mm: float, box: FloatArray | None) -> Grid:
    """Return the grid of one sagittal slice."""
    if box is None:
        corners = grid.ras(np.array(np.meshgrid(*[(0, n - 1) for n in grid.shape])).reshape(3, -1).T)
        box = np.array([corners.min(axis=0), corners.max(axis=0)])
    low, high = box
    affine = np.diag([PIXEL_MM] * 3 + [1.0])
    affine[:3, 3] = (x_mm, low[1], low[2])
    length, height = (max(int((high[axis] - low[axis]) / PIXEL_MM) + 1, 2) for axis in (1, 2))
    return Grid((1, length, height), affine)


def _upright(slice_yz: NDArray[Any]) -> NDArray[Any]:
    """Turn (Y, Z, ...) so that the top is up."""
    return np.ascontiguousarray(np.swapaxes(slice_yz, 0, 1)[::-1])
