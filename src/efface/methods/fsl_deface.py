"""fsl_deface: the brain's affine registration, inverted, carries a large mask of face and ears to the scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.atlas import FACE, load_atlas
from efface.methods.base import Decision
from efface.methods.limits import check_limits, check_pair
from efface.methods.regions import named_regions
from efface.methods.templates import FaceMask, carried
from efface.scan import Scan
from efface.spatial.head_surface import head_of

CROPPED_MM = 170.0
"""Height of the field of view that robustfov leaves, from the crown."""
TOUCHED = 0.01
"""FLIRT's trilinear mask is binarised: whatever it touches goes. Less than this is rounding."""


@dataclass(frozen=True)
class FslDeface:
    """Face and ears by a brain-based affine registration (fsl_deface).

    The same as the original (FSL 6; Alfaro-Almagro et al. 2018 for UK Biobank): 12 parameters between brains, a mask
    of face and ears that reaches far beyond the head, anything touched by the carried mask removed, a nudge in mm,
    cropping. Different: FSL's mask may not be shipped, so that it is made of the bundled atlas's regions of face and
    ears; the brain comes from the network instead of BET; mutual information instead of the correlation ratio; a
    cropped neck is emptied and the grid stays.
    """

    nudge_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """How far the mask is moved to the right, to the front and up, mm."""
    crop: bool = False
    """Remove also all that lies more than 170 mm below the crown."""
    template: Path | None = None
    """A user's own template; needs ``mask_template``."""
    mask_template: Path | None = None
    """Its mask on the same grid: 1 is kept, 0 is face."""

    key: ClassVar[str] = "fsl-deface"
    citation: ClassVar[str] = "Alfaro-Almagro et al. 2018, NeuroImage 166:400, doi:10.1016/j.neuroimage.2017.10.034"

    def __post_init__(self) -> None:
        check_pair(self)
        check_limits(self, nudge_mm=(-200, 200))

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose what the carried mask touches (see `DefaceMethod`)."""
        face = carried(_big_mask(), self.template, self.mask_template, scan, anatomy, brain_only=True,
                       nudge_mm=self.nudge_mm)  # fmt: skip
        removed = face > TOUCHED
        if self.crop:
            removed |= _below_the_crown(scan)
        return Decision(named_regions(removed, anatomy))


def _big_mask() -> FaceMask:
    """Return the atlas's regions of face and ears, which reach to the edge of its view."""
    atlas = load_atlas()
    values = [atlas.region(name) for name in FACE]
    return np.isin(atlas.regions, values).astype(np.float32), atlas.grid


def _below_the_crown(scan: Scan) -> NDArray[np.bool_]:
    """Return (I, J, K) True where a voxel lies lower than the cropped field of view."""
    head, ras = head_of(scan)
    filled = np.flatnonzero(head.any(axis=(0, 1)))
    crown = ras.ras(np.array([0, 0, filled[-1] if filled.size else head.shape[2] - 1]))[2]
    heights = _heights(scan)
    return np.asarray(heights < crown - CROPPED_MM)


def _heights(scan: Scan) -> NDArray[np.float32]:
    """Return how high each voxel lies, (I, J, K) RAS+ mm."""
    i, j, k = (np.arange(n, dtype=np.float32) for n in scan.grid.shape)
    along = scan.grid.affine[2].astype(np.float32)
    return np.asarray(along[0] * i[:, None, None] + along[1] * j[:, None] + along[2] * k + along[3], np.float32)
