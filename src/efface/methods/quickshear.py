"""Quickshear: one plane under the front of the brain, found on its silhouette from the side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.errors import VerificationError
from efface.grid import Grid
from efface.io import read_scan
from efface.methods.base import Decision
from efface.methods.limits import check_files, check_limits
from efface.methods.regions import named_regions
from efface.scan import Scan

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Quickshear:
    """One plane under the brain's convex hull (Quickshear).

    The same as the original (Schimke and Hale 2011; version 1.2.0): the brain's silhouette from the side, the first
    edge of the lower half of its convex hull from the front, moved down by a buffer, extended from left to right.
    Voxel by voxel the original's result on grids of cubes. Different: everything is in mm, so that thick slices get
    the same plane, where the original counts voxels; the plane goes on to the back of any field of view, where the
    original stops after as many columns as there are rows; the brain comes from the network unless a mask is given.
    """

    buffer_mm: float = 10.0
    """Room between the brain and the plane, along the axis to the head's top, mm."""
    brain_mask: Path | None = None
    """A brain mask on the scan's grid, 0 outside of the brain; the network's if not given."""

    key: ClassVar[str] = "quickshear"
    citation: ClassVar[str] = "Schimke and Hale 2011, 2nd USENIX Workshop on Health Security and Privacy"

    def __post_init__(self) -> None:
        check_limits(self, buffer_mm=(0, 100))
        check_files(self, "brain_mask")

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose what lies under the plane (see `DefaceMethod`)."""
        brain = anatomy.brain if self.brain_mask is None else _read_mask(self.brain_mask, scan.grid)
        return Decision(named_regions(sheared(brain, scan.grid, self.buffer_mm), anatomy))


def sheared(brain: Mask, grid: Grid, buffer_mm: float) -> Mask:
    """Return what lies under Quickshear's plane.

    Parameters
    ----------
    brain : (I, J, K) bool array
    grid : its grid; the axes nearest to right-left, front-back and bottom-top are used
    buffer_mm : room between brain and plane

    Returns
    -------
    removed : (I, J, K) bool array

    Raises
    ------
    VerificationError
        The silhouette has no lower front edge: there is no brain.
    """
    axes = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(grid.affine), nib.orientations.axcodes2ornt("RPS")
    )
    back = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RPS"), nib.orientations.io_orientation(grid.affine)
    )
    turned = nib.orientations.apply_orientation(brain, axes)
    spacing = grid.spacing_mm[np.argsort(axes[:, 0])]
    height = _line(turned.any(axis=0), spacing[1:], buffer_mm)
    rows = np.arange(turned.shape[2])
    under = rows[None, :] < np.trunc(height)[:, None]
    removed = np.broadcast_to(under, turned.shape)
    return np.asarray(nib.orientations.apply_orientation(removed, back))


def _line(silhouette: Mask, spacing: NDArray[np.float64], buffer_mm: float) -> NDArray[np.float64]:
    """Return how many rows lie under the plane in every column, front to back.

    The silhouette's outline counts the voxels just outside of it, as the original's edge filter does. From its foremost
    and lowest point, the hull's first edge is the one that rises least.
    """
    outline = ndimage.binary_dilation(silhouette) & ~ndimage.binary_erosion(silhouette)
    places = np.argwhere(outline) * (spacing / spacing[1])  # in rows: exact on grids of cubes
    if not len(places) or places[-1, 0] == places[0, 0]:
        message = "no brain was found to lay a plane under; look at the scan, or give brain_mask"
        raise VerificationError(message)
    first, behind = places[0], places[places[:, 0] > places[0, 0]]
    slope = float(((behind[:, 1] - first[1]) / (behind[:, 0] - first[0])).min())
    columns = np.arange(silhouette.shape[0]) * (spacing[0] / spacing[1])
    return np.asarray(np.maximum(columns * slope + (first[1] - first[0] * slope - buffer_mm / spacing[1]), 0))


def _read_mask(path: Path, grid: Grid) -> Mask:
    mask = read_scan(path)
    grid.check_same(mask.grid, f"the brain mask {path}")
    return np.asarray(mask.intensities() != 0)
