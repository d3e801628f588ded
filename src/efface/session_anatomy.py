"""What is where in every image of a session: found in each on its own, or taken from the session's best image.

A slab, or a volume with little brain in view, does not say where its face is. The session's best image then says so
for it: its placement is taken over in world space, as the headers lie. Brain is protected that either of them shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import MODEL, Anatomy, locate
from efface.errors import VerificationError
from efface.network.inference import load_network
from efface.network.preparing import prepare
from efface.scan import Scan
from efface.spatial.head_surface import head_of
from efface.spatial.mask import within
from efface.spatial.resample import resample
from efface.verification import placement_checks

NEAR_MM = 15.0
"""What an undecided image calls brain counts if it lies this near to the best image's brain."""


@dataclass(frozen=True, eq=False)
class Member:
    """One image of a session and what is where in it."""

    scan: Scan
    """The image."""
    anatomy: Anatomy
    """Its own, or the best image's in world space."""
    taken: bool = False
    """Whether the anatomy was taken from the session's best image."""


def find_members(scans: Sequence[Scan]) -> list[Member | VerificationError]:
    """Find the anatomy of every image of a session.

    Parameters
    ----------
    scans : images of one person, whose headers share one world but for small movements

    Returns
    -------
    members : in the same order; the error where nothing was found and no image can stand in
    """
    own = [_located(scan) for scan in scans]
    decided = [each for each in own if isinstance(each, Member) and _believable(each)]
    if not decided:
        return own
    best = max(decided, key=lambda each: (each.anatomy.structures, each.anatomy.confidence)).anatomy
    return [
        each if each in decided else Member(scan, _taken(scan, each, best), taken=True)
        for scan, each in zip(scans, own, strict=True)
    ]


def _located(scan: Scan) -> Member | VerificationError:
    try:
        return Member(scan, locate(scan))
    except VerificationError as error:
        return error


def _believable(member: Member) -> bool:
    return all(check.passed is not False for check in placement_checks(head_of(member.scan), member.anatomy))


def _taken(scan: Scan, own: Member | VerificationError, best: Anatomy) -> Anatomy:
    """Return the best image's anatomy on another scan's grid; brain is what either shows."""
    brain = resample(best.brain.astype(np.uint8), best.grid, scan.grid, order=0) > 0
    seen = own.anatomy.brain if isinstance(own, Member) else _one_look(scan)
    return replace(best, grid=scan.grid, brain=brain | within(seen, brain, scan.grid, NEAR_MM))


def _one_look(scan: Scan) -> NDArray[np.bool_]:
    """Return (I, J, K) True where the network sees the inside of the skull at first sight."""
    look = load_network(MODEL).look(prepare(scan.intensities(), scan.grid))
    return np.asarray(resample(look.inside, look.grid, scan.grid) > 0.5)
