"""The fill ``reface``: the average head's face, in this scan's own contrast.

Its place comes from the brain, its shape from the average, its brightness, coil, resolution and noise from kept
voxels; where it meets kept tissue, its brightness is led over within 10 mm and its skin within 24 mm. Whoever it is
done to, the face is the same, but for size and where it meets what is kept. The idea of a replaced face is
afni_refacer's and mri_reface's (Schwarz et al. 2021, NeuroImage 231:117845).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.fill.air import Air, measure_air
from efface.fill.average_head import AverageHead, load_average_head
from efface.fill.border import Border, border_offset, find_border
from efface.fill.contrast import Contrast, find_places, measure_contrast
from efface.fill.filling import Filling
from efface.fill.grain import draw_scores
from efface.fill.kept import Kept, Volume, lattice, scaled, to_stored
from efface.fill.noise import facts_of, fill_noise
from efface.fill.skin import MOST_LEFT_MM, Bend, Skin, find_bend, find_skin
from efface.fill.spots import Spots, spots
from efface.grid import Grid
from efface.spatial.head_surface import head_threshold
from efface.spatial.mask import Box, bounding_box
from efface.spatial.resample import resample

AROUND_MM = 10.0
"""How far around the mask kept voxels are compared with what is painted."""
DARKEST = 0.5
"""Painted tissue is darkened by no more than this share at the border, or air that was kept would eat holes in it."""
EMPTY = 0.004
"""Voxels with less tissue than this are air, and nothing else is written there."""
ROOM_MM = MOST_LEFT_MM + 4.0
"""Nothing painted lies farther outside of the average's skin, or of the kept one; 4 mm for the grid it is kept on."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """What all volumes of a scan share."""

    kept: Kept
    """What is kept of the scan."""
    box: Box
    """The part of the grid that holds the mask."""
    head: AverageHead = field(repr=False)
    """The average, as far as it can be seen there."""
    bend: Bend = field(repr=False)
    """How the average's skin comes to meet the kept skin."""
    first: Volume = field(repr=False)
    """What the first volume's contrast paints on the average head's grid."""
    solid: Volume = field(repr=False)
    """Share of tissue on the average head's grid, bent."""
    border: Border = field(repr=False)
    """Kept tissue around the mask."""
    at: NDArray[np.intp] = field(repr=False)
    """(n,) which of the N replaced voxels may hold tissue."""
    spots: Spots = field(repr=False)
    """Where those lie on the average head."""
    air: Air = field(repr=False)
    """The scan's air."""


def fill_reface(kept: Kept) -> Filling:
    """Fill with the average face.

    Parameters
    ----------
    kept : what is kept of the scan

    Returns
    -------
    filling : (N,) or (N, T) values
    """
    box = bounding_box(kept.mask, kept.grid)
    threshold = _threshold(kept)
    if box is None or threshold <= 0:
        return fill_noise(kept)
    whole, rng = load_average_head(), kept.random()
    skin = find_skin(kept, threshold, whole)
    places = find_places(kept, whole, skin)
    volumes = [None] if kept.scan.stored.ndim == 3 else list(range(kept.scan.volumes))
    contrasts = [measure_contrast(kept, threshold, places, volume) for volume in volumes]
    canvas = _canvas(kept, box, skin, contrasts[0])
    drawn = [_draw(canvas, contrast, volume, rng) for contrast, volume in zip(contrasts, volumes, strict=True)]
    stored = drawn[0] if kept.scan.stored.ndim == 3 else np.stack(drawn, axis=1)
    return Filling(stored, facts_of(canvas.air, kept) | _facts(contrasts[0]))


def _threshold(kept: Kept) -> float:
    """Return the brightness between air and head, from kept voxels."""
    some = lattice(kept.grid.shape)
    values = kept.brightness(some)[~kept.mask[some]]
    return head_threshold(values.reshape(-1, 1, 1)) if values.size else 0.0


def _canvas(kept: Kept, box: Box, skin: Skin, contrast: Contrast) -> Canvas:
    """Find where each replaced voxel lies on the average head, bent to meet this scan's skin."""
    wide, air = _wider(box, kept.grid), measure_air(kept)
    head = load_average_head().near(kept.grid.part(wide), kept.atlas_to_scan)
    signal, solid = paint(head, contrast), head.solid()
    bend = find_bend(skin, head, signal + (1 - solid) * _air_levels(air, kept, None).mean())
    solid = bend.apply(solid)
    border = find_border(kept, wide, solid, skin, head)
    at, places = _may_hold_tissue(kept, box, skin, head)
    return Canvas(kept, box, head, bend, signal, solid, border, at, places, air)


def _air_levels(air: Air, kept: Kept, volume: int | None) -> Volume:
    """Return how bright the air of a volume is above the background, from its darkest to its brightest."""
    return np.asarray(scaled(air.table[:, volume or 0], kept.scan) - np.float32(kept.background))


def _wider(box: Box, grid: Grid) -> Box:
    """Return a box with kept voxels around it."""
    x, y, z = (
        slice(max(0, side.start - more), min(n, side.stop + more))
        for side, n, more in zip(box, grid.shape, np.ceil(AROUND_MM / grid.spacing_mm).astype(int), strict=True)
    )
    return x, y, z


def _may_hold_tissue(kept: Kept, box: Box, skin: Skin, head: AverageHead) -> tuple[NDArray[np.intp], Spots]:
    """Return which of the replaced voxels may hold tissue: none does far outside of both skins."""
    within = (np.maximum(skin.depth_mm, head.depth_mm) > -ROOM_MM).astype(np.uint8)
    grid, to_atlas = kept.grid.part(box), np.asarray(np.linalg.inv(kept.atlas_to_scan))
    close = resample(within, head.depth_grid, grid, target_to_source=to_atlas, order=0, outside=None) > 0
    mask = kept.mask[box]
    return np.flatnonzero(close[mask]), spots(close & mask, grid, head.grid, kept.atlas_to_scan)


def _draw(canvas: Canvas, contrast: Contrast, volume: int | None, rng: np.random.Generator) -> NDArray[np.generic]:
    """Return the stored values of one volume's new face, (N,): what is shown, the scan's air and the tissue's grain."""
    kept, air, dark = canvas.kept, canvas.air, np.float32(canvas.kept.background)
    levels = _air_levels(air, kept, volume)
    solid = canvas.spots.measure(canvas.solid)
    holds = solid > EMPTY
    at, solid = canvas.at[holds], solid[holds]
    shown = canvas.spots.only(holds).measure(_shown(canvas, contrast, volume, float(levels.mean())))
    scores = draw_scores(kept.mask, canvas.box, air.correlation, rng)
    drawn = air.values(scores, volume or 0)
    grain = np.float32(contrast.grain / np.sqrt(max(1 - air.correlation[0], 0.05)))
    bright = shown + solid * grain * scores[at] + (1 - solid) * (scaled(drawn[at], kept.scan) - dark)
    if levels[0] >= 0:  # magnitudes: what falls below is turned up
        bright = np.abs(bright)
    drawn[at] = to_stored(bright + dark, kept.scan)
    return drawn


def _shown(canvas: Canvas, contrast: Contrast, volume: int | None, floor: float) -> Volume:
    """Return what is shown without noise on the average head's grid, led over to what is kept."""
    kept, head, solid = canvas.kept, canvas.head, canvas.solid
    signal = canvas.bend.apply(paint(head, contrast) if volume else canvas.first)
    offset = border_offset(canvas.border, kept, volume, signal + (1 - solid) * np.float32(floor))
    carried = resample(offset, canvas.border.blocks.grid, head.grid, target_to_source=kept.atlas_to_scan)
    return np.asarray(signal + np.maximum(carried * solid, -DARKEST * signal))


def paint(head: AverageHead, contrast: Contrast) -> Volume:
    """Return the signal on the average head's grid, (I, J, K)."""
    signal = np.zeros(head.grid.shape, np.float32)
    for weights, name in zip(head.weights, head.classes, strict=True):
        signal += weights * np.float32(contrast.levels[name] / 255)
    signal *= contrast.sensitivity(head.grid)
    return signal


def _facts(contrast: Contrast) -> dict[str, Any]:
    """Return what was measured in tissue, for the sidecar: the first volume's levels above the background."""
    return {
        "tissue_levels": {name: float(f"{level:.4g}") for name, level in contrast.levels.items()},
        "levels_inferred": list(contrast.inferred),
        "coil": [round(float(c), 4) for c in contrast.uneven],
        "tissue_noise": float(f"{contrast.grain:.4g}"),
    }
