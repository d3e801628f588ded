"""Skull stripping: nothing but the brain is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from efface.anatomy import Anatomy
from efface.methods.base import Decision
from efface.methods.limits import check_limits
from efface.methods.regions import named_regions
from efface.scan import Scan
from efface.spatial.mask import within


@dataclass(frozen=True)
class SkullStrip:
    """Everything but the brain (skull stripping).

    The yardstick of Theyers et al. (2021), who used FreeSurfer's. Here the network's intracranial mask is kept, with a
    margin: what counts as brain differs between programs by a voxel or two.
    """

    margin_mm: float = 3.0
    """What is kept around the brain, mm."""

    key: ClassVar[str] = "skull-strip"
    citation: ClassVar[str] = "Theyers et al. 2021, Front Psychiatry 12:617997 (as a yardstick)"

    def __post_init__(self) -> None:
        check_limits(self, margin_mm=(0, 20))

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose all that is not brain (see `DefaceMethod`)."""
        outside = np.asarray(~anatomy.brain)
        half_voxel = float(scan.grid.spacing_mm.mean()) / 2  # distances run between voxels' middles
        near = within(outside, anatomy.brain, scan.grid, self.margin_mm + half_voxel) if self.margin_mm else False
        return Decision(named_regions(outside & ~np.asarray(near), anatomy))
