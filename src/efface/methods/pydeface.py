"""pydeface: an affine registration of the whole head carries a template's face mask to the scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from efface.anatomy import Anatomy
from efface.fill.kept import scaled
from efface.methods.base import Decision
from efface.methods.limits import check_pair
from efface.methods.regions import named_regions
from efface.methods.templates import carried, published_mask
from efface.scan import Scan


@dataclass(frozen=True)
class Pydeface:
    """Template face mask by a whole-head affine registration (pydeface).

    The same as the original (Gulban et al. 2019, version 2.1.0): 12 parameters, mutual information, the published
    mask, carried linearly. Different: the bundled average head is the template, its mask having been carried onto it;
    the search starts from the brain and not from the header; the edge is cut at one half unless ``soft_edge`` is set,
    so that kept voxels stay as they were; beyond the template's edge the mask goes on instead of removing everything;
    4-D works. Other images of a session are each registered, where the original assumes one grid.
    """

    soft_edge: bool = False
    """Remove wherever any of the mask reaches; with the fill ``own`` voxels at its edge are scaled down, as in the
    original."""
    template: Path | None = None
    """A user's own template; needs ``mask_template``."""
    mask_template: Path | None = None
    """Its mask on the same grid: 1 is kept, 0 is face."""

    key: ClassVar[str] = "pydeface"
    citation: ClassVar[str] = "Gulban et al. 2019, poldracklab/pydeface, doi:10.5281/zenodo.3524400"
    follows_face: ClassVar[bool] = True
    writes_own: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_pair(self)

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose what the carried mask covers (see `DefaceMethod`)."""
        face = carried(published_mask("pydeface"), self.template, self.mask_template, scan, anatomy)
        removed = face > 0.01 if self.soft_edge else face >= 0.5
        values = scaled(scan.stored[removed], scan)
        if self.soft_edge:
            kept = 1 - face[removed]
            values = values * (kept if values.ndim == 1 else kept[:, None])
        else:
            values = np.zeros_like(values)
        return Decision(named_regions(removed, anatomy), values=values)
