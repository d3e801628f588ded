"""Whose head is it? Two scans' surfaces, laid on one another by what is kept; no pictures, no network of faces.

A head's surface is held as depth maps in a frame that the brain gives: the face from the front and the ears from their
sides, and apart from them what is kept, the vault of the skull, inside and outside. A face that is recognised
was left, or came back. A vault that is recognised says that the person is known by what had to be kept.

A cut is no skin, and where it lies in a face it hides what is left of it. An attacker can find out which voxels a tool
replaces: told so, the attack looks only at skin that is the person's own.

    gallery = [head_shape(scan, locate(scan)) for scan in originals]
    probes = [head_shape(scan, locate(scan)) for scan in defaced]  # or with replaced=plan.changed
    identify(surface_distances(probes, gallery), probe_names, gallery_names).rate(1).interval()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from efface.atlas import load_atlas
from efface.errors import UsageError
from efface.evaluate.attack.shapes import PARTS, SIDES, SPACING_MM, HeadShape, surface_places
from efface.grid import FloatArray

STEEPEST = 4.0
"""Rise per width above which a surface is an outline, and its depth says little."""
DOUBT_MM = 1.5
"""A distance between two surfaces that counts half where one is laid on the other."""
LOOSE_MM = 2.0
"""How far one surface may be moved to lie on another: standard deviation of a shift, and of a turn's at 50 mm."""
ARM_MM = 50.0
INDEPENDENT = 60.0
"""Neighbouring columns err together: all of a part's columns count like so many."""
ROUNDS = 5
FARTHEST_MM = 2.0
"""Columns that are farther apart count no more than at this distance: they are of two people or of a cut."""
LEAST_SHARED = 0.01
"""Two heads of which fewer of a part's columns can be compared have no distance; share of a whole head's columns.

So little is enough: by one patch of this share of an original face, 25 of 30 synthetic people were found among 30.
"""


def surface_distances(
    probes: Sequence[HeadShape], gallery: Sequence[HeadShape], part: str = "face"
) -> NDArray[np.float64]:
    """Return how far the surfaces of probes and gallery are apart, after each is moved a little onto the other.

    A small turn and shift, the same for all maps, is found with less weight for columns that do not fit (point to
    plane: Chen and Medioni 1992, Image Vis Comput 10:145). The distance is the mean over the columns that both have.

    Parameters
    ----------
    probes, gallery : sequences of HeadShape
    part : {"face", "kept"}
        What is compared.

    Returns
    -------
    distances : (P, G) array
        In mm, at right angles to the surface. NaN where too little is in both to compare: the attack could not run.
        See `efface.evaluate.attack.identification.identify`.

    Raises
    ------
    UsageError
        No such part, no head on either side, or maps that do not fit one another.
    """
    _check(probes, gallery, part)
    known = [_Planes.of(shape, part) for shape in gallery]
    least = LEAST_SHARED * np.median([np.count_nonzero(np.isfinite(planes.depth)) for planes in known])
    depths = [np.concatenate([shape.maps[name].ravel() for name in PARTS[part]]) for shape in probes]
    return np.array([[planes.distance(depth, max(float(least), 1.0)) for planes in known] for depth in depths])


@dataclass(frozen=True, eq=False)
class _Planes:
    """A head's surface as one small plane per column, all maps of a part after one another."""

    depth: FloatArray
    """(N,) mm of the frame; NaN where there is no plane."""
    upright: FloatArray
    """(N,) cosine of the angle between the plane's normal and the axis along which it is seen."""
    moves: FloatArray
    """(N, 6) how far each plane moves along its normal with a turn by ``1 / ARM_MM`` about each axis, and a shift."""

    @classmethod
    def of(cls, shape: HeadShape, part: str) -> _Planes:
        maps = [cls._of_map(shape.maps[name].astype(float), _side(name)) for name in PARTS[part]]
        depth, upright, moves = (np.concatenate(each) for each in zip(*maps, strict=True))
        return cls(depth, upright, moves)

    @staticmethod
    def _of_map(depth: FloatArray, side: str) -> tuple[FloatArray, FloatArray, FloatArray]:
        axis, _ = SIDES[side]
        normal = np.insert(-np.stack(list(np.gradient(depth, SPACING_MM)), axis=-1), axis, 1.0, axis=-1)
        length = np.linalg.norm(normal, axis=-1)
        normal /= length[..., None]
        arms = (surface_places(depth, axis) - load_atlas().brain_center) / ARM_MM
        moves = np.concatenate([np.cross(arms, normal), normal], axis=-1)
        depth = np.where(length < STEEPEST, depth, np.nan)
        return depth.ravel(), 1 / length.ravel(), moves.reshape(-1, 6)

    def distance(self, depth: FloatArray, least: float) -> float:
        """Return the mean distance of a surface, (N,) mm, from this one; NaN where fewer columns than ``least`` are."""
        shared = np.isfinite(depth - self.depth)
        if np.count_nonzero(shared) < least:
            return float("nan")
        apart = ((depth - self.depth) * self.upright)[shared]
        return float(np.minimum(np.abs(_laid(apart, self.moves[shared])), FARTHEST_MM).mean())


def _laid(apart: FloatArray, moves: FloatArray) -> FloatArray:
    """Return what is left of (N,) distances after the small motion, of (N, 6) ``moves``, that makes most least."""
    left = apart
    for _ in range(ROUNDS):
        weighted = moves.T * (INDEPENDENT / len(apart) / (1 + (left / DOUBT_MM) ** 2))
        motion = np.linalg.solve(weighted @ moves + np.eye(6) / LOOSE_MM**2, weighted @ apart)
        left = apart - moves @ motion
    return left


def _side(name: str) -> str:
    return name.split()[-1]


def _check(probes: Sequence[HeadShape], gallery: Sequence[HeadShape], part: str) -> None:
    """Refuse what cannot be compared."""
    if part not in PARTS:
        message = f"there is no part {part!r} of a head's shape; use one of {', '.join(PARTS)}"
        raise UsageError(message)
    if not probes or not gallery:
        message = f"{len(probes)} probes cannot be compared with {len(gallery)} gallery entries; give at least one each"
        raise UsageError(message)
    for name in PARTS[part]:
        shapes = {shape.maps[name].shape if name in shape.maps else None for shape in (*probes, *gallery)}
        if len(shapes) > 1 or None in shapes:
            message = f"the maps {name!r} have shapes {shapes}; make all of them with head_shape"
            raise UsageError(message)
