"""spm_deface: everything before and below one oblique plane of MNI space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from efface.anatomy import Anatomy
from efface.grid import FloatArray
from efface.methods.base import Decision
from efface.methods.regions import named_regions
from efface.methods.templates import bundled_template
from efface.scan import Scan

ATLAS_TO_MNI = np.array([[1.086, 0.0, 0.0, 0.0], [0.0, 1.064, 0.0, 0.3], [0.0, 0.0, 1.164, 1.1], [0.0, 0.0, 0.0, 1.0]])
"""From the bundled atlas's world to MNI152's: the brain of MNI152's average head as `efface.locate` finds it, made
symmetric. The atlas has people's mean size, MNI's heads are larger."""
PLANE = (0.0, -1.1, 0.98, 100.0)
"""Voxels at MNI's (x, y, z) mm are removed where ``0 x - 1.1 y + 0.98 z + 100 < 0``."""


@dataclass(frozen=True)
class SpmDeface:
    """One oblique plane of MNI space (spm_deface).

    The same as the original (SPM12's ``spm_deface``): 12 parameters over the whole head, the published plane.
    Different: registered to the bundled average head by mutual information instead of to SPM's tissue maps, from the
    brain's placement as a start; removed voxels hold 0 also in scans of floating point, where SPM writes NaN (the
    fill ``own`` does as SPM).
    """

    key: ClassVar[str] = "spm-deface"
    citation: ClassVar[str] = "Penny et al. 2006, Statistical Parametric Mapping (SPM12's spm_deface)"
    follows_face: ClassVar[bool] = True
    writes_own: ClassVar[bool] = True

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose what lies before the plane (see `DefaceMethod`)."""
        atlas_to_scan = bundled_template().lay_on(scan, anatomy)
        to_mni = ATLAS_TO_MNI @ np.linalg.inv(atlas_to_scan) @ scan.grid.affine
        removed = np.asarray(_along(np.array(PLANE) @ to_mni, scan.grid.shape) < 0)
        void = np.nan if scan.stored.dtype.kind == "f" else 0.0
        values = np.full(scan.stored[removed].shape, void, np.float32)
        return Decision(named_regions(removed, anatomy), values=values)


def _along(plane: FloatArray, shape: tuple[int, int, int]) -> FloatArray:
    """Return the value of a plane's equation at every voxel, (I, J, K)."""
    i, j, k = (np.arange(n) for n in shape)
    return np.asarray(plane[0] * i[:, None, None] + plane[1] * j[:, None] + plane[2] * k + plane[3])
