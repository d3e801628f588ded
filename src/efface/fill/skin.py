"""Where this scan's kept skin lies beside the average's, and how the average's is bent to meet it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from efface.fill.average_head import AverageHead
from efface.fill.blocks import blocks_of
from efface.fill.kept import Kept, Mask, Volume
from efface.fill.spots import carried, sampled
from efface.grid import FloatArray, Grid
from efface.spatial.resample import resample

BLOCK_MM = 2.0
"""Skin is looked for in averages of this size."""
NEAR_MM = 18.0
"""Skin that lies farther from the average's is something else: an airway, a shoulder, a headphone."""
SMOOTH_MM, WIDE_MM, WIDE_SHARE = 5.0, 15.0, 0.1
"""Found skin is averaged over these distances; the wider counts where there is none nearer."""
KNOWN = 0.95
"""Where more than this share is kept, what is seen is the scan's."""
BAND_MM = (2.5, -6.0)
"""The band in which kept and painted skin are compared: from this depth to this far outside."""
ROUNDS = 2
"""How often it is done; what lies at the edge of the band is only seen once it has come nearer."""
MOST_LEFT_MM = 4.0
"""Skins that were bent to each other and still lie farther apart are misunderstood."""
OUTSIDE_MM = 6.0
"""What is this far outside the average's skin is open air; air that does not reach it is an airway or a sinus."""
FADE_MM = 24.0
"""How far into the mask the kept skin has a say."""
REACH = 3
"""How many voxels of the coarse grid around the mask are painted, to be compared with what is kept."""
LEAST_MM = 0.1
"""What moves by less stays."""
FAINT = 0.0005
"""Density of found skin below which the average's skin stays where it is."""


@dataclass(frozen=True, eq=False)
class Skin:
    """The kept skin beside the average's, on the average head's coarse grid."""

    depth_mm: Volume = field(repr=False)
    """(X, Y, Z) depth below this scan's skin where it is kept, below the average's where not."""
    bend_mm: Volume = field(repr=False)
    """(X, Y, Z) how much farther out this scan's skin lies than the average's."""
    away_mm: Volume = field(repr=False)
    """(X, Y, Z) distance from what is kept, 0 there."""
    near: Mask = field(repr=False)
    """(X, Y, Z) the mask and what lies around it: where something may be painted."""
    known: Mask = field(repr=False)
    """(X, Y, Z) where voxels are kept."""
    bright: Volume = field(repr=False)
    """(X, Y, Z) brightness of kept voxels; twice the threshold where it is more."""
    threshold: float
    """Brightness at which skin was found."""


def find_skin(kept: Kept, threshold: float, head: AverageHead) -> Skin:
    """Compare the kept skin with the average's.

    Parameters
    ----------
    kept : what is kept of the scan
    threshold : between air and head, above the background
    head : the average
    """
    bright, share = _carried(kept, threshold, head.depth_grid)
    known = share > KNOWN
    bend = _bend(bright / np.float32(threshold) - 1, known, head.depth_mm, head.depth_grid)
    near = ndimage.binary_dilation(~known, iterations=REACH)
    away = distance_from(share >= 0.5, head.depth_grid)
    return Skin(head.depth_mm + bend, bend, away, near, known, bright, threshold)


def fading(distance: NDArray[np.floating], reach: float) -> Volume:
    """Return a smooth step: 1 at distance 0, 0 from ``reach`` on."""
    t = np.clip(1 - distance / reach, 0, 1).astype(np.float32)
    return np.asarray(t * t * (3 - 2 * t))


def distance_from(mask: Mask, grid: Grid) -> Volume:
    """Return the distance from a mask, 0 in it, mm (Maurer et al. 2003, IEEE PAMI 25:265); 99 where it is empty."""
    if not mask.any():
        return np.full(mask.shape, 99, np.float32)
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(grid.spacing_mm[::-1].tolist())
    signed = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    return np.asarray(np.maximum(sitk.GetArrayFromImage(signed), np.float32(0)))


def _carried(kept: Kept, threshold: float, grid: Grid) -> tuple[Volume, Volume]:
    """Return the brightness of kept voxels, up to twice the threshold, and the kept share, in the atlas's frame."""
    everything = (slice(0, kept.grid.shape[0]), slice(0, kept.grid.shape[1]), slice(0, kept.grid.shape[2]))
    known, blocks = ~kept.mask, blocks_of(kept.grid, everything, BLOCK_MM)
    signal, share = (
        resample(one, blocks.grid, grid, target_to_source=kept.atlas_to_scan, order=1)
        for one in (blocks.mean(kept, known, ceiling=2 * threshold), blocks.share(known))
    )
    return np.asarray(signal / np.maximum(share, np.float32(1e-3))), share


def _bend(field: Volume, known: Mask, depth: Volume, grid: Grid) -> Volume:
    """Return how much farther out the skin lies than the average's, averaged over the skin nearby, mm."""
    total, count = np.zeros_like(depth), np.zeros_like(depth)
    air = _open_air(field, known, depth)
    for axis in range(3):
        low, high = (tuple(slice(a, n - 1 + a) if k == axis else slice(None) for k, n in enumerate(depth.shape))
                     for a in (0, 1))  # fmt: skip
        rise, deeper = field[high] - field[low], depth[high] - depth[low]
        at = depth[low] - deeper * field[low] / np.where(rise == 0, 1, rise)
        crosses = known[low] & known[high] & ((field[low] > 0) != (field[high] > 0)) & (air[low] | air[high])
        crosses &= (rise * deeper > 0) & (np.abs(at) < NEAR_MM)
        total[low] -= np.where(crosses, at, 0)
        count[low] += crosses
    return np.asarray(_averaged(total, grid) / (_averaged(count, grid) + np.float32(FAINT)))


def _open_air(field: Volume, known: Mask, depth: Volume) -> Mask:
    """Return the air that is joined to the outside through air."""
    air = np.where(known, field <= 0, depth < -OUTSIDE_MM)
    parts, _ = ndimage.label(air)
    outside = np.unique(parts[air & (depth < -OUTSIDE_MM)])
    return np.asarray(air & np.isin(parts, outside))


def _averaged(volume: Volume, grid: Grid) -> Volume:
    near, wide = (
        ndimage.gaussian_filter(volume, reach / grid.spacing_mm, mode="nearest", truncate=2.5)
        for reach in (SMOOTH_MM, WIDE_MM)
    )
    return np.asarray(near + np.float32(WIDE_SHARE) * wide)


@dataclass(frozen=True, eq=False)
class Bend:
    """What moves in the average's frame, and from where."""

    at: NDArray[np.intp] = field(repr=False)
    """(n,) flat indices of voxels that move, on the average head's grid."""
    source: NDArray[np.float32] = field(repr=False)
    """(3, n) index of what comes to lie there."""

    def apply(self, volume: Volume) -> Volume:
        """Move what is painted outwards or inwards, so that its skin meets the kept skin."""
        moved: Volume = volume.copy()
        moved.reshape(-1)[self.at] = sampled(volume, self.source)
        return moved


def find_bend(skin: Skin, head: AverageHead, shown: Volume) -> Bend:
    """Find what has to move along the slope of the depth for the skins to meet.

    Parameters
    ----------
    skin : where this scan's skin lies
    head : the average
    shown : (I, J, K) float32 array on its grid, what is painted and the air's mean around it
    """
    slopes = np.gradient(ndimage.gaussian_filter(head.depth_mm, 1.0), *head.depth_grid.spacing_mm.astype(np.float32))
    steepness = np.maximum(np.sqrt(sum(slope**2 for slope in slopes)), np.float32(0.3))
    away = np.asarray(np.stack([slope / steepness for slope in slopes]) / head.grid.spacing_mm[0], np.float32)
    to_head = np.asarray(np.linalg.inv(head.grid.affine) @ head.depth_grid.affine)
    mm = (skin.bend_mm + _left_mm(skin, away, to_head, shown, head.depth_grid)) * fading(skin.away_mm, FADE_MM)
    far = np.abs(mm)
    moves = skin.near & (far > LEAST_MM) & (head.depth_mm > -far - MOST_LEFT_MM)  # farther out, nothing is painted
    at = np.flatnonzero(resample(moves.astype(np.uint8), head.depth_grid, head.grid, order=0))
    index = np.stack(np.unravel_index(at, head.grid.shape)).astype(np.float32)
    coarse = carried(np.asarray(np.linalg.inv(to_head)), index)
    for axis in range(3):
        index[axis] += sampled(mm * away[axis], coarse)
    return Bend(at, index)


def _left_mm(skin: Skin, away: Volume, to_head: FloatArray, shown: Volume, grid: Grid) -> Volume:
    """Return how much farther out the kept skin lies than the painted one once that is bent, mm.

    Both are blurred in their own way, so that places where brightness first rises cannot be compared. What a band over
    the skin holds can: it grows with the share of the band that is head, however sharp the edge.
    """
    ceiling, left = np.float32(2 * skin.threshold), np.zeros_like(skin.bend_mm)
    inside, outside = BAND_MM
    band = np.nonzero(skin.near & skin.known & (skin.depth_mm > outside) & (skin.depth_mm < inside))
    apart, count = np.zeros_like(left), np.zeros_like(left)
    count[band] = 1
    count = _averaged(count, grid) + np.float32(FAINT)
    index = carried(to_head, np.stack(band).astype(np.float32))
    for _ in range(ROUNDS):
        source = index + (skin.bend_mm[band] + left[band]) * away[:, band[0], band[1], band[2]]
        apart[band] = (skin.bright[band] - np.minimum(sampled(shown, source), ceiling)) / ceiling
        left += _averaged(apart, grid) / count * np.float32(inside - outside)
        np.clip(left, -MOST_LEFT_MM, MOST_LEFT_MM, out=left)
    return left
