"""Make what is painted meet what is kept: near the border it takes on the kept voxels' brightness."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.fill.average_head import AverageHead
from efface.fill.blocks import Blocks, blocks_of
from efface.fill.kept import Kept, Mask, Volume
from efface.fill.skin import Skin, fading
from efface.fill.spots import Spots, spots
from efface.spatial.mask import Box
from efface.spatial.resample import resample

BLOCK_MM = 2.0
SMOOTH_MM = 2.5
FADE_MM = 10.0
REACH = 4
"""How many blocks around the mask are compared with what is painted."""


@dataclass(frozen=True, eq=False)
class Border:
    """Kept tissue around the mask, in blocks."""

    counts: Mask = field(repr=False)
    """(I, J, K) kept voxels that are compared, on the scan's grid: none inside the skull."""
    blocks: Blocks = field(repr=False)
    """The blocks of the mask and what lies around it."""
    near: Mask = field(repr=False)
    """(X, Y, Z) blocks that are compared, n of them."""
    share: NDArray[np.float32] = field(repr=False)
    """(n,) share of each block that is compared."""
    trust: NDArray[np.float32] = field(repr=False)
    """(n,) how much each counts: little where tissue is painted in part, which says where skin is, not how bright."""
    spots: Spots = field(repr=False)
    """Where these lie on the average head."""
    fade: Volume = field(repr=False)
    """(X, Y, Z) how much of what is found counts: 1 where voxels are kept, 0 from 10 mm inside the mask."""


def find_border(kept: Kept, box: Box, solid: Volume, skin: Skin, head: AverageHead) -> Border:
    """Find what is kept around the mask.

    Parameters
    ----------
    kept : what is kept of the scan
    box : holds the mask and what lies around it
    solid : (I, J, K) float32 array, share of tissue that is painted on the average head's grid
    skin, head : what is kept beside the average, and the average
    """
    counts, blocks = ~(kept.mask | kept.brain), blocks_of(kept.grid, box, BLOCK_MM)
    share, replaced = blocks.share(counts), kept.mask[blocks.members[len(blocks.members) // 2]]
    near = ndimage.binary_dilation(replaced, iterations=REACH) & (share > 0)
    to_atlas = np.asarray(np.linalg.inv(kept.atlas_to_scan))
    away = resample(skin.away_mm, head.depth_grid, blocks.grid, target_to_source=to_atlas, outside=None)
    fade = fading(away, FADE_MM)
    places = spots(near, blocks.grid, head.grid, kept.atlas_to_scan)
    return Border(counts, blocks, near, share[near], places.measure(solid) ** 4, places, fade)


def border_offset(border: Border, kept: Kept, volume: int | None, painted: Volume) -> Volume:
    """Return what to add to painted voxels: kept less painted, carried over the border, gone within 10 mm.

    Parameters
    ----------
    border : what is kept around the mask
    kept : what is kept of the scan
    volume : of a 4-D scan
    painted : (I, J, K) float32 array on the average head's grid

    Returns
    -------
    offset : (X, Y, Z) float32 array on the border's blocks
    """
    apart = border.blocks.mean(kept, border.counts, volume=volume)[border.near]
    apart -= border.share * border.spots.measure(painted)
    sigma = SMOOTH_MM / border.blocks.grid.spacing_mm
    offset, weight = (np.zeros(border.near.shape, np.float32) for _ in range(2))
    offset[border.near], weight[border.near] = border.trust * apart, border.trust * border.share
    offset, weight = (ndimage.gaussian_filter(one, sigma, mode="nearest", truncate=3.0) for one in (offset, weight))
    return np.asarray(offset / np.maximum(weight, 1e-4) * border.fade)
