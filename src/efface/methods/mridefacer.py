"""mridefacer: a registration weighted to the brain carries a mask of face, teeth and ears to the scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from efface.anatomy import Anatomy
from efface.methods.base import Decision
from efface.methods.limits import check_pair
from efface.methods.regions import named_regions
from efface.methods.templates import carried, published_mask
from efface.scan import Scan


@dataclass(frozen=True)
class Mridefacer:
    """Mask of face, teeth and ears by a brain-weighted affine registration (mridefacer).

    The same as the original (Hanke et al., version 0.2.2): 12 parameters, the brain alone compared, the published
    mask, cut at one half. Different: the bundled average head is the template, the published mask having been carried
    onto it; the brain comes from the network instead of BET; mutual information instead of the correlation ratio; 4-D
    works as a whole.
    """

    template: Path | None = None
    """A user's own template; needs ``mask_template``."""
    mask_template: Path | None = None
    """Its mask on the same grid: 1 is kept, 0 is face."""

    key: ClassVar[str] = "mridefacer"
    citation: ClassVar[str] = "Hanke et al. 2018, psychoinformatics-de/mridefacer"

    def __post_init__(self) -> None:
        check_pair(self)

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose what at least half of the carried mask covers (see `DefaceMethod`)."""
        face = carried(published_mask("mridefacer"), self.template, self.mask_template, scan, anatomy, brain_only=True)
        return Decision(named_regions(face >= 0.5, anatomy))
