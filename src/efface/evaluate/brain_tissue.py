"""Was brain removed? Judged from intensity alone, with nothing that planned the defacing.

In every contrast the skull is a dark wall between brain and the rest of the head. Flooding from the deepest point of
the head and from its skin, on darkness as the terrain, the two floods meet in that wall (marker-controlled watershed,
Meyer and Beucher 1990, J Vis Commun Image Represent 1:21).
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from efface.evaluate.surface_change import nose_tip
from efface.grid import FloatArray, Grid
from efface.spatial.head_surface import Head
from efface.spatial.mask import distance_from

DEEP_FRACTION = 0.82
"""Brain for sure: what is deeper under the skin than this fraction of the deepest point."""
SKIN_MM = 7.0
"""No brain for sure: what is nearer to the skin than this."""


FACE_MM = 45.0
"""No brain for sure: what is nearer to the tip of the nose than this, in an adult."""
ABOVE_MM = 4.0
"""What is judged lies above the line from the middle of the brain to the tip of the nose; floods leak under it."""
ORBIT_BEHIND_MM, ORBIT_ABOVE_MM = 72.0, 34.0
"""Orbits end this far behind the nose tip along that line, and above it, in an adult; floods leak into them, too."""
_OTHER, _BRAIN = 1, 2


def brain_like_tissue(seen: Head, step: int = 1) -> NDArray[np.bool_]:
    """Find the body of tissue that looks like brain.

    Parameters
    ----------
    seen : what `efface.spatial.head_surface.head_mask` found in a scan
    step : flood every so many voxels along each axis: 2 takes a third of the time, and borders are good to 4 mm

    Returns
    -------
    brain : (X, Y, Z) bool array on the head's grid
    """
    head, ras = seen
    if not head.any():
        return np.zeros_like(head)
    depth = distance_from(~head, ras)
    markers = np.zeros(head.shape, np.uint8)
    markers[depth < SKIN_MM] = _OTHER
    tip = nose_tip(head, ras)
    if tip is not None:
        markers[head & (_distance(ras, tip[0]) < FACE_MM * tip[1])] = _OTHER
    markers[depth > DEEP_FRACTION * depth.max()] = _BRAIN
    darkness = -np.minimum(seen.volume, np.percentile(seen.volume[head], 80))
    every = (slice(None, None, step),) * 3
    flooded = _flooded(ndimage.gaussian_filter(darkness, 0.7)[every], markers[every])
    brain = _refined(flooded, step, head.shape) & (markers != _OTHER)
    center = ras.ras(np.argwhere(markers == _BRAIN).mean(axis=0))
    return np.asarray(brain & _judged(ras, center, tip))


def _flooded(terrain: NDArray[np.float32], markers: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return what is flooded from the brain; where all around is marked as other, nothing is left to flood."""
    unsure = ndimage.find_objects(ndimage.binary_dilation(markers != _OTHER).astype(np.uint8))
    brain = np.zeros(markers.shape, bool)
    for box in unsure:
        image, seeds = (sitk.GetImageFromArray(np.ascontiguousarray(part[box])) for part in (terrain, markers))
        flooded = sitk.MorphologicalWatershedFromMarkers(image, seeds, markWatershedLine=False)
        brain[box] = sitk.GetArrayFromImage(flooded) == _BRAIN
    return brain


def _refined(coarse: NDArray[np.bool_], step: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return what was found on every ``step``-th voxel on all of them."""
    for axis in range(3):
        coarse = np.repeat(coarse, step, axis)
    return coarse[tuple(slice(n) for n in shape)]


def _distance(ras: Grid, point: FloatArray) -> FloatArray:
    axes = [ras.affine[a, 3] + ras.affine[a, a] * np.arange(n) - point[a] for a, n in enumerate(ras.shape)]
    return np.asarray(np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2))


def _judged(ras: Grid, center: FloatArray, nose: tuple[FloatArray, float] | None) -> NDArray[np.bool_]:
    """Return what lies above the line from the brain's middle to the nose, the orbits left out.

    Without a nose to say where the orbits are, what lies above the brain's middle.
    """
    y, z = (ras.affine[a, 3] + ras.affine[a, a] * np.arange(ras.shape[a]) for a in (1, 2))
    if nose is None:
        return np.broadcast_to(z > center[2], ras.shape)
    tip, scale = nose
    forward = (tip - center)[1:] / np.linalg.norm((tip - center)[1:])
    along = (y[:, None] - tip[1]) * forward[0] + (z - tip[2]) * forward[1]
    height = (z - tip[2]) * forward[0] - (y[:, None] - tip[1]) * forward[1]
    orbits = (along > -ORBIT_BEHIND_MM * scale) & (height < ORBIT_ABOVE_MM * scale)
    return np.broadcast_to((height > ABOVE_MM) & ~orbits, ras.shape)
