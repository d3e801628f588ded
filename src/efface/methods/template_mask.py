"""A face mask drawn on the atlas, carried to the scan by the affine placement of its brain.

The family of pydeface (Gulban et al. 2019), fsl_deface and mridefacer; the mask here reaches to the edge of the field
of view, covers eyes and ears, and never comes nearer to the brain than a given clearance. A child's face lies farther
back under its brain than an adult's: the mask then grows by fixed steps until the visible skin is covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.atlas import FACE, load_atlas, load_envelope
from efface.evaluate.coverage import regions_of, visible_skin
from efface.methods.base import Decision
from efface.methods.limits import CLEARANCE_MM, check_limits
from efface.scan import Scan
from efface.spatial.head_surface import head_of
from efface.spatial.mask import within
from efface.spatial.resample import resample

ENOUGH = 0.985
"""Covered part of the visible skin at which the mask stops growing."""
GROWTH: tuple[tuple[tuple[str, ...], int, float], ...] = (
    (("left_eye", "right_eye", "nose"), 1, -0.5),
    (("mouth", "chin", "left_cheek", "right_cheek"), 1, -1.0),
    (("left_ear",), 0, 0.5),
    (("right_ear",), 0, -0.5),
)
"""Regions that grow together, along which axis of the atlas, and how far per step: the lower face goes backward, eyes
and nose half as much, ears inward; the brow lies right under the brain and does not grow."""

Regions = NDArray[np.uint8]


@dataclass(frozen=True)
class TemplateMask:
    """The atlas's face regions on the scan's own grid, the brain and a margin around it left alone."""

    clearance_mm: float = 4.0
    """Voxels closer than this to the inside of the skull are kept, mm."""
    step_mm: float = 6.0
    """How far the lower face grows backward in one step, mm of the atlas; eyes, nose and ears grow by half of it."""
    max_steps: int = 8
    """Most steps to take."""

    key: ClassVar[str] = "template-mask"
    citation: ClassVar[str] = "Gulban et al. 2019, poldracklab/pydeface, doi:10.5281/zenodo.3524400 (the family)"

    def __post_init__(self) -> None:
        check_limits(self, clearance_mm=CLEARANCE_MM, step_mm=(2, 50), max_steps=(0, 100))

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose the face regions, grown as far as needed, less what is too near to the brain (see `DefaceMethod`)."""
        regions = self._grown(scan, anatomy)
        scan_to_atlas = np.asarray(np.linalg.inv(anatomy.atlas_to_scan))
        grid = load_atlas().grid
        mask = resample(regions, grid, anatomy.grid, target_to_source=scan_to_atlas, order=0, outside=None)
        half_voxel = float(anatomy.grid.spacing_mm.mean()) / 2  # distances run between centres, brain fills voxels
        near = within(mask > 0, anatomy.brain, anatomy.grid, self.clearance_mm + half_voxel)
        mask[near] = 0
        return Decision(mask)

    def _grown(self, scan: Scan, anatomy: Anatomy) -> Regions:
        """Return the atlas's face regions, each group grown until its visible skin in this scan is covered."""
        atlas = load_atlas()
        skin = visible_skin(head_of(scan), anatomy, FACE)
        regions = np.where(np.isin(atlas.regions, [atlas.region(name) for name in FACE]), atlas.regions, np.uint8(0))
        beside = regions_of(load_envelope().size_class(anatomy.atlas_to_scan))  # people's ears lie around the average's
        ears = np.isin(beside, [atlas.region(name) for name in ("left_ear", "right_ear")])
        regions = np.where((regions == 0) & ears, beside, regions)
        for names, axis, direction in GROWTH:
            part = np.where(np.isin(regions, [atlas.region(name) for name in names]), regions, np.uint8(0))
            voxels = round(direction * self.step_mm / float(atlas.grid.spacing_mm[0]))
            for step in range(1, self.max_steps + 1):
                if all(_covered(regions, skin.first[name]) >= ENOUGH for name in names):
                    break
                regions = np.where(regions > 0, regions, _shifted(part, axis, step * voxels))
        return regions


def _covered(regions: Regions, points: NDArray[np.int64]) -> float:
    """Return the share of (N, 3) voxels that lie in any region; 1 where there are none."""
    return float((regions[tuple(points.T)] > 0).mean()) if len(points) else 1.0


def _shifted(regions: Regions, axis: int, voxels: int) -> Regions:
    """Move regions along an axis; what enters repeats the edge."""
    index = np.clip(np.arange(regions.shape[axis]) - voxels, 0, regions.shape[axis] - 1)
    return np.take(regions, index, axis=axis)
