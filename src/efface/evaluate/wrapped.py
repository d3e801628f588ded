"""A nose or an ear that lies beyond the field of view and was folded to its other side (aliasing, phase wrap).

Voxel i and voxel i + n of an axis of n voxels are the same to a scanner: tissue at one end of the view that is apart
from the head may be what lies past the other end. It is taken for the face only where the face's region, moved by n
voxels, lies; where the head itself reaches the other end; and where air parts it from the head. So the back of the head
and the neck are never touched. A nose folded onto the head itself is not found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import ReferenceType, WeakKeyDictionary, ref

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.atlas import load_envelope
from efface.grid import Grid
from efface.network.blanking import in_cells
from efface.scan import Scan
from efface.spatial.head_surface import head_threshold
from efface.spatial.resample import coarsen, resample

BLOCK_MM = 3.0
"""Longest edge of the blocks of voxels that are looked at."""
LEAST_ML = 0.5
"""Smaller pieces are noise."""
NEAR_MM = 10.0
"""How far from the face's region a folded piece may lie: the head may be turned, the view a little oversampled."""
APART = 2
"""Blocks of air that part a folded piece from the head at least."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Wrapped:
    """What was folded over."""

    tissue: Mask = field(repr=False)
    """(I, J, K) the folded tissue, on the scan's grid."""
    block: NDArray[np.uint8] = field(repr=False)
    """(I, J, K) region of the face (as in ``Atlas.region_names``) in whole cells of a lattice around the tissue (they
    do not outline it), the head left out; 0 elsewhere."""


_FOUND: WeakKeyDictionary[Scan, tuple[ReferenceType[Anatomy], Wrapped]] = WeakKeyDictionary()


def wrapped_face(scan: Scan, anatomy: Anatomy) -> Wrapped:
    """Find parts of the face that were folded to the other side of the field of view; remembered for the last anatomy.

    Parameters
    ----------
    scan : the scan
    anatomy : what was found in it

    Returns
    -------
    wrapped : empty masks in most scans
    """
    known = _FOUND.get(scan)
    if known is None or known[0]() is not anatomy:
        known = _FOUND[scan] = (ref(anatomy), _wrapped_face(scan, anatomy))
    return known[1]


def _wrapped_face(scan: Scan, anatomy: Anatomy) -> Wrapped:
    values = scan.intensities()
    threshold = head_threshold(values)
    volume, coarse = coarsen(values, scan.grid, BLOCK_MM)
    head, pieces = _pieces(volume > threshold, coarse)
    tissue, block = np.zeros(coarse.shape, bool), np.zeros(coarse.shape, np.uint8)
    for axis, end in ((axis, end) for axis in range(3) for end in (0, 1)):
        here = _touching(pieces, axis, end)
        if here.any() and _end(head, axis, 1 - end).any():
            region = _face_beyond(anatomy, coarse, scan.grid, axis, end)
            here &= region > 0
            tissue |= here
            cells = in_cells(ndimage.binary_dilation(here, iterations=1)) if here.any() else here
            block = np.where(cells, region, block)
    if not tissue.any():
        return Wrapped(np.zeros(scan.grid.shape, bool), np.zeros(scan.grid.shape, np.uint8))
    block[ndimage.binary_dilation(head, iterations=APART)] = 0
    fine = [resample(each.astype(np.uint8), coarse, scan.grid, order=0, outside=None) for each in (tissue, block)]
    return Wrapped(fine[0] > 0, fine[1])


def _pieces(bright: Mask, grid: Grid) -> tuple[Mask, NDArray[np.int32]]:
    """Return the head, and what is apart from it and no speck, numbered from 1."""
    joined, _ = ndimage.label(bright)
    counts = np.bincount(joined.ravel())
    counts[0] = 0
    head = joined == int(counts.argmax())
    pieces, _ = ndimage.label(bright & ~ndimage.binary_dilation(head, iterations=APART))
    block_ml = float(np.prod(grid.spacing_mm)) / 1000
    small = np.bincount(pieces.ravel()) * block_ml < LEAST_ML
    pieces[small[pieces]] = 0
    return head, pieces


def _end(array: NDArray[np.generic], axis: int, end: int) -> NDArray[np.generic]:
    """Return the first (0) or last (1) plane of an axis."""
    return np.asarray(np.take(array, -end, axis=axis))


def _touching(pieces: NDArray[np.int32], axis: int, end: int) -> Mask:
    """Return the pieces that touch one end of the view."""
    there = np.setdiff1d(_end(pieces, axis, end), [0])
    return np.asarray(np.isin(pieces, there))


def _face_beyond(anatomy: Anatomy, coarse: Grid, whole: Grid, axis: int, end: int) -> NDArray[np.uint8]:
    """Return the region of the face at every block, 0 for none, if the view's one end is what follows its other end."""
    envelope = load_envelope()
    size = envelope.size_class(anatomy.atlas_to_scan)
    affine = coarse.affine.copy()
    affine[:3, 3] += (1 if end == 0 else -1) * whole.shape[axis] * whole.affine[:3, axis]
    to_atlas = np.asarray(np.linalg.inv(anatomy.atlas_to_scan))
    distance, region = (
        resample(
            each[size], envelope.grid, Grid(coarse.shape, affine), target_to_source=to_atlas, order=order, outside=None
        )
        for each, order in ((envelope.distance_mm, 1), (envelope.regions, 0))
    )
    return np.where(distance < NEAR_MM, region, np.uint8(0))
