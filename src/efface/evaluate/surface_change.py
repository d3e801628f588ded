"""Did the face move? Judged from the head's surface before and after, and from nothing that planned the defacing.

The nose and the ears are found as what sticks out of the head's front and sides; no atlas, mask or placement is
asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.grid import FloatArray, Grid
from efface.spatial.flat_ends import cut_off
from efface.spatial.head_surface import SPACING_MM, Head

RETREAT_MM = 3.0
"""A surface that moved back by less still shows its shape."""
BUMP_WINDOW_MM = 44.0
"""What is narrower than this and sticks out is a nose or an ear."""
EDGE_MM = 4.0
"""What lies nearer to an end of the view is where it cuts the head, not skin."""
LEAST_NOSE_MM, LEAST_EAR_MM = 6.0, 5.0
LEAST_EAR_CM2 = 0.3
"""What stands out over less is hair or a fold."""
CROWN_MM = 60.0
"""No nose or ear lies nearer to the top of the head than this, in an adult."""


@dataclass(frozen=True)
class SurfaceChange:
    """How much of the surface that shows a person has gone; None where it was not there to see."""

    front: float | None
    """Fraction of the front of the face, around the nose, that retreated by 3 mm or more."""
    left_ear: float | None
    """Fraction of the left ear's outline that retreated by 3 mm or more."""
    right_ear: float | None
    """The same on the right."""


def surface_change(before: Head, after: Head) -> SurfaceChange:
    """Compare the head's surface before and after.

    Parameters
    ----------
    before, after : the head, on one grid; the person's front must be at +y and the top at +z
    """
    head, left = before.mask, after.mask
    if not head.any():
        return SurfaceChange(None, None, None)
    whole = _off_ends(before)
    old, new, skin = (_front(each) for each in (head, left, whole))
    scale = _scale(head)
    nose = _nose(old, head, scale)
    front = None if nose is None else _retreated(old, new, _face_window(old, nose, scale) & (skin == old))
    ears = {}
    for name, flip in (("left_ear", True), ("right_ear", False)):
        one, two, skin = (_front(np.moveaxis(m[::-1] if flip else m, 0, 1)) for m in (head, left, whole))
        ear = _ear(one, head, nose, old, scale)
        ears[name] = None if ear is None else _retreated(one, two, ear & (skin == one))
    return SurfaceChange(front, ears["left_ear"], ears["right_ear"])


def _off_ends(head: Head) -> NDArray[np.bool_]:
    """Return the head without what lies where the view cuts it."""
    return np.asarray(head.mask & ~cut_off(head.grid, head.flat_ends, EDGE_MM))


def _front(mask: NDArray[np.bool_]) -> FloatArray:
    """Return how far each column along the second axis reaches, mm; minus infinity for an empty column."""
    reach = mask.shape[1] - np.argmax(mask[:, ::-1], axis=1).astype(float)
    return np.where(mask.any(axis=1), reach * SPACING_MM, -np.inf)


def _scale(head: NDArray[np.bool_]) -> float:
    """Return the head's width over an adult's 150 mm, from the widest of its upper half (ears are lower)."""
    z = np.flatnonzero(head.any(axis=(0, 1)))
    upper = head[:, :, z[-1] - round(70 / SPACING_MM) if z.size * SPACING_MM > 70 else z[0] :]
    width = np.median(np.sort(upper.any(axis=1).sum(axis=0))[-5:]) * SPACING_MM
    return float(np.clip(width / 150, 0.65, 1.15))


def _bumps(depth: FloatArray) -> FloatArray:
    """Return how far a depth map rises above what lies on both sides of it, across and along, mm (a white top-hat)."""
    seen = np.isfinite(depth)
    if not seen.any():
        return np.zeros_like(depth)
    nearest = ndimage.distance_transform_edt(~seen, return_distances=False, return_indices=True)
    filled = depth[tuple(nearest)]
    size = round(BUMP_WINDOW_MM / SPACING_MM)
    padded = np.pad(filled, size, mode="edge")
    opened = np.maximum(ndimage.grey_opening(padded, (size, 1)), ndimage.grey_opening(padded, (1, size)))
    return np.asarray(np.where(seen, filled - opened[size:-size, size:-size], 0.0))


def nose_tip(head: NDArray[np.bool_], ras: Grid) -> tuple[FloatArray, float] | None:
    """Find the tip of the nose on a head mask of `SPACING_MM`.

    Returns
    -------
    tip : (3,) RAS+ mm
    scale : the head's width over an adult's
    """
    depth, scale = _front(head), _scale(head)
    found = _nose(depth, head, scale)
    if found is None:
        return None
    return ras.ras([found[0], depth[found] / SPACING_MM, found[1]]), scale


def _nose(depth: FloatArray, head: NDArray[np.bool_], scale: float) -> tuple[int, int] | None:
    """Find the nose tip (x, z) in the front's depth map: the highest bump near the middle; None if there is none.

    The highest `CROWN_MM` of the head, and what lies far behind its foremost point, hold no nose.
    """
    middle = float(np.median(np.nonzero(head)[0]))
    top = np.flatnonzero(head.any(axis=(0, 1)))[-1]
    x, z = np.indices(depth.shape)
    near = (np.abs(x - middle) * SPACING_MM < 18 * scale) & ((top - z) * SPACING_MM > CROWN_MM)
    seen = depth[np.isfinite(depth) & near]
    if not seen.size:
        return None
    bumps = np.where(near & (depth > np.percentile(seen, 98) - 40), ndimage.gaussian_filter(_bumps(depth), 1.5), 0)
    found = np.unravel_index(int(bumps.argmax()), bumps.shape)
    return (int(found[0]), int(found[1])) if bumps[found] >= LEAST_NOSE_MM else None


def _face_window(depth: FloatArray, nose: tuple[int, int], scale: float) -> NDArray[np.bool_]:
    """Return the columns of eyes, nose and mouth: 40 mm to each side of the nose tip, 45 up, 40 down in an adult."""
    x, z = np.indices(depth.shape)
    reach = scale / SPACING_MM
    window = (np.abs(x - nose[0]) < 40 * reach) & (z - nose[1] < 45 * reach) & (nose[1] - z < 40 * reach)
    return np.asarray(window & (depth > depth[nose] - 38 * scale))


def _ear(
    side: FloatArray, head: NDArray[np.bool_], nose: tuple[int, int] | None, front: FloatArray, scale: float
) -> NDArray[np.bool_] | None:
    """Find the ear in a side's depth map (y, z): the highest bump where an ear can be; None if that is too small."""
    y, z = np.indices(side.shape)
    reach = scale / SPACING_MM
    if nose is None:
        length = np.flatnonzero(head.any(axis=(0, 2)))
        top = np.flatnonzero(head.any(axis=(0, 1)))[-1]
        window = (np.abs(y - length.mean()) < 35 * reach) & (top - z > CROWN_MM * reach)
    else:
        tip = front[nose] / SPACING_MM
        window = (tip - y > 60 * reach) & (tip - y < 140 * reach)
        window &= (z - nose[1] < 55 * reach) & (nose[1] - z < 35 * reach)
    bumps = np.where(window, _bumps(side), 0)
    highest = float(bumps.max())
    if highest < LEAST_EAR_MM:
        return None
    parts, _ = ndimage.label(bumps > max(highest / 2, 3.0))
    ear = parts == parts[np.unravel_index(int(bumps.argmax()), bumps.shape)]
    return ear if ear.sum() * SPACING_MM**2 >= 100 * LEAST_EAR_CM2 else None


def _retreated(before: FloatArray, after: FloatArray, where: NDArray[np.bool_]) -> float | None:
    """Return the fraction of columns whose surface moved back by `RETREAT_MM` or has gone."""
    where = where & np.isfinite(before)
    return float((before[where] - after[where] >= RETREAT_MM).mean()) if where.any() else None
