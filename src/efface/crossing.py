"""What one image of a session removes, and another shows, goes from the other too; and is it so?

Holes that differ between images of one person would together show more than each does alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.evaluate.wrapped import wrapped_face
from efface.fill.kept import what_is_kept
from efface.grid import Grid
from efface.methods.base import Decision
from efface.movement import Movement, movement
from efface.session_anatomy import Member
from efface.spatial.head_surface import head_of
from efface.spatial.mask import bounding_box, within
from efface.spatial.resample import resample
from efface.verdict import Check, at_least

ROOM_MM = 3.0
"""How far the head may have moved in an image whose anatomy was taken from another: the region is wider by this."""
OTHER_CLEARANCE_MM = 2.0
"""Voxels closer than this to the inside of the skull, as another image shows it, are kept, mm."""
MIN_SHARED = 0.95
MAX_APART_MM = 6.0
"""Brain structures of one person lie nearer than this, once movement is undone."""
MIN_HEAD_OVERLAP = 0.93
"""A slab of the atlas's head against itself, 10 mm off, still overlaps by 0.915."""

Regions = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Movements = dict[tuple[int, int], Movement]
"""(here, there) -> movement from one image's world to another's, by their places in the session."""


def movements(members: Sequence[Member]) -> Movements:
    """Find how the head moved from every image to every other that was decided on its own."""
    return {
        (here, there): movement(one.anatomy, other.anatomy)
        for here, one in enumerate(members)
        for there, other in enumerate(members)
        if here != there and not other.taken
    }


def cross(
    members: Sequence[Member], decisions: Sequence[Decision], moved: Movements, clearance_mm: float
) -> list[Decision]:
    """Add to every image's decision what the others remove, and keep the brain that any of them shows.

    Parameters
    ----------
    members : the images of a session
    decisions : what each of them removes, on its own grid
    moved : what `movements` found
    clearance_mm : added voxels closer than this to the inside of the skull are kept

    Returns
    -------
    decisions : in the same order; ``choices`` hold the other images' too, after ``image_`` and their place from 1
    """
    faces = [_without_folded(member, decided) for member, decided in zip(members, decisions, strict=True)]
    crossed = []
    for here, (member, decided) in enumerate(zip(members, decisions, strict=True)):
        others = [there for there in range(len(members)) if (here, there) in moved]
        added = np.zeros(member.scan.grid.shape, np.uint8)
        for there in others:
            carried = _carry(faces[there], members[there], member, moved[here, there])
            added = np.where(added > 0, added, carried)
        mask = np.where(decided.mask > 0, decided.mask, _clear(added, member.anatomy, clearance_mm))
        if member.taken:
            mask = np.where(mask > 0, mask, _clear(_widened(mask, member.scan.grid), member.anatomy, clearance_mm))
        for there in others:
            brain = _carry(members[there].anatomy.brain.astype(np.uint8), members[there], member, moved[here, there])
            mask[within(mask > 0, brain > 0, member.scan.grid, OTHER_CLEARANCE_MM)] = 0
        widened = decided.with_mask(mask, partial(_background, member, mask))
        crossed.append(replace(widened, choices=_choices(decided, decisions, others)))
    return crossed


def session_checks(members: Sequence[Member], masks: Sequence[Mask], moved: Movements, here: int) -> list[Check]:
    """Judge one image of a session by the others.

    Parameters
    ----------
    members : the images of a session
    masks : (I, J, K) bool arrays, what was removed from each
    moved : what `movements` found
    here : the place of the image in the session
    """
    others = [there for there in range(len(members)) if (here, there) in moved]
    covered = [_covered(members, masks, here, there, moved[here, there]) for there in others]
    checks = [at_least("session_face_covered", _least(covered), MIN_SHARED, "of what is removed elsewhere",
                        "What other images of the session remove is removed here too.")]  # fmt: skip
    if members[here].taken:
        overlaps = [_head_overlap(members[here], members[there], moved[here, there]) for there in others]
        return [*checks, at_least("session_head_overlap", _least(overlaps), MIN_HEAD_OVERLAP, "Dice",
                                   "The head lies where the session's other images show it.")]  # fmt: skip
    apart = [moved[here, there].apart_mm for there in others if not members[there].taken]
    return [*checks, _same_head(max((each for each in apart if each is not None), default=None))]


def _background(member: Member, mask: Regions) -> float:
    """Return what nothing measures in an image, in its units."""
    return what_is_kept(member.scan, member.anatomy, mask != 0).background


def _choices(own: Decision, decisions: Sequence[Decision], others: Sequence[int]) -> dict[str, int]:
    """Return all discrete choices that one image's mask depends on."""
    theirs = chain.from_iterable(
        ((f"image_{there + 1}_{name}", number) for name, number in decisions[there].choices.items()) for there in others
    )
    return {**own.choices, **dict(theirs)}


def _without_folded(member: Member, decided: Decision) -> Regions:
    """Return what is removed but for what was folded over: that lies elsewhere in the other images."""
    if member.taken:
        return np.zeros(decided.mask.shape, np.uint8)
    return np.where(wrapped_face(member.scan, member.anatomy).block > 0, np.uint8(0), decided.mask)


def _carry(values: Regions, there: Member, here: Member, moved: Movement) -> Regions:
    """Carry regions from the grid of one image to that of another; 0 beyond the first one's view."""
    return resample(values, there.scan.grid, here.scan.grid, target_to_source=moved.matrix, order=0)


def _clear(added: Regions, anatomy: Anatomy, clearance_mm: float) -> Regions:
    """Return regions without what lies too near to the brain."""
    half_voxel = float(anatomy.grid.spacing_mm.mean()) / 2  # distances run between centres, brain fills voxels
    near = within(added > 0, anatomy.brain, anatomy.grid, clearance_mm + half_voxel)
    return np.where(near, np.uint8(0), added)


def _widened(mask: Regions, grid: Grid) -> Regions:
    """Return regions grown by `ROOM_MM`; each voxel that is new has the nearest one's name."""
    box = bounding_box(mask > 0, grid, 2 * ROOM_MM)
    if box is None:
        return mask
    wide: Regions = mask.copy()
    nearest = ndimage.distance_transform_edt(
        mask[box] == 0, sampling=grid.spacing_mm, return_distances=False, return_indices=True
    )
    for slab in range(nearest.shape[1]):  # distances of all voxels at once would take 30 bytes for each
        places = np.indices((1, *nearest.shape[2:]), dtype=np.float32)
        places[0] = slab
        away = (nearest[:, slab : slab + 1] - places) * np.float32(grid.spacing_mm).reshape(3, 1, 1, 1)
        close = np.square(away).sum(axis=0)[0] <= ROOM_MM**2 * (1 + 1e-5)
        wide[box][slab] = np.where(close, mask[box][tuple(nearest[:, slab])], np.uint8(0))
    return wide


def _covered(members: Sequence[Member], masks: Sequence[Mask], here: int, there: int, moved: Movement) -> float | None:
    """Return how much of the head that another image's mask removes is removed here; None if none of it is in view."""
    member = members[here]
    removed = _carry(masks[there].astype(np.uint8), members[there], member, moved) > 0
    head, ras = head_of(member.scan)
    shown = removed & (resample(head.astype(np.uint8), ras, member.scan.grid, order=0) > 0)
    return float(masks[here][shown].mean()) if shown.any() else None


def _head_overlap(here: Member, there: Member, moved: Movement) -> float:
    """Return the Dice overlap of two images' heads where both have a view."""
    head, ras = head_of(here.scan)
    other, other_ras = head_of(there.scan)
    both = np.where(other, np.uint8(2), np.uint8(1))
    carried = resample(both, other_ras, ras, target_to_source=moved.matrix, order=0)
    viewed = resample(np.ones(here.scan.grid.shape, np.uint8), here.scan.grid, ras, order=0) > 0
    one, two = head & viewed & (carried > 0), (carried == 2) & viewed
    return float(2 * (one & two).sum() / max(1, int(one.sum() + two.sum())))


def _same_head(apart_mm: float | None) -> Check:
    sentence = "The session's images show one brain."
    if apart_mm is None:
        return Check("session_brains_apart", None, None, MAX_APART_MM, "mm", f"{sentence} No other was decided.")
    return Check("session_brains_apart", apart_mm <= MAX_APART_MM, apart_mm, MAX_APART_MM, "mm", sentence)


def _least(values: Sequence[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)
