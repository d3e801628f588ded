"""mri_deface: face where the atlas says face may be, less a shell around where it says brain may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.atlas import FACE, load_atlas, load_probabilities
from efface.grid import FloatArray
from efface.methods.base import Decision
from efface.methods.limits import check_limits
from efface.methods.regions import named_regions
from efface.methods.templates import bundled_template
from efface.scan import Scan
from efface.spatial.mask import within
from efface.spatial.resample import resample

BRAIN = (
    "ventricles", "cerebral_grey_matter", "cerebral_white_matter", "caudate", "putamen", "thalamus", "hippocampus",
    "other_deep_grey_matter", "brainstem", "cerebellar_grey_matter", "cerebellar_white_matter",
)  # fmt: skip
TISSUES = (("left_cerebral_white_matter", "right_cerebral_white_matter"),
           ("left_cerebral_grey_matter", "right_cerebral_grey_matter"))  # fmt: skip
"""The network's classes whose intensities are not erased near the brain."""

NODE_VOXELS = 9
"""A node of the original's atlas keeps whatever label was seen within some 6 mm: so many voxels of the bundled one."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class MriDeface:
    """Probable face, less probable brain and what looks like it (mri_deface).

    The same as the original (Bischoff-Grethe et al. 2007): a voxel is erased where the atlas's prior of face exceeds
    1e-4; never within 7 mm of where it has any brain; within another 7 mm not if its intensity is within two standard
    deviations of this scan's white or cortical grey matter. Different: the priors are those of the bundled atlas
    (shares of 13 heads in steps of 1/255: the limit means "of any head"), laid on by mutual information with 12
    parameters instead of a posterior of 9; tissues' intensities come from the network's labels; mm instead of voxels
    of 1 mm. The atlas's face has no ears, as the original's.
    """

    face_prior: float = 0.0001
    """Erased where face is more probable than this."""
    protected_mm: float = 7.0
    """Never erased this near to possible brain; as far again if it looks like brain, mm."""
    deviations: float = 2.0
    """How many standard deviations from the mean of white or grey matter look like brain."""

    key: ClassVar[str] = "mri-deface"
    citation: ClassVar[str] = "Bischoff-Grethe et al. 2007, Hum Brain Mapp 28:892, doi:10.1002/hbm.20312"
    follows_face: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_limits(self, face_prior=(0, 1), protected_mm=(0, 50), deviations=(0, 1e6))

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose face by its prior (see `DefaceMethod`)."""
        to_atlas = np.asarray(np.linalg.inv(bundled_template().lay_on(scan, anatomy)))
        face, brain = (
            resample(prior, load_atlas().grid, scan.grid, target_to_source=to_atlas)
            for prior in (_face_prior(), _brain_prior())
        )
        erased, possible = face > self.face_prior, brain > 0
        erased &= ~within(erased, possible, scan.grid, self.protected_mm)
        shell = within(erased, possible, scan.grid, 2 * self.protected_mm)
        return Decision(named_regions(erased & ~(shell & self._like_brain(scan, anatomy)), anatomy))

    def _like_brain(self, scan: Scan, anatomy: Anatomy) -> Mask:
        """Return (I, J, K) True where the intensity is that of white or cortical grey matter."""
        values, seen = scan.intensities(), anatomy.seen
        alike = np.zeros(values.shape, bool)
        for names in TISSUES:
            labelled = np.isin(seen.labels, [anatomy.classes.index(name) for name in names]).view(np.uint8)
            tissue = values[resample(labelled, seen.grid, scan.grid, order=0) > 0]
            if tissue.size:
                alike |= np.abs(values - tissue.mean()) <= self.deviations * tissue.std()
        return alike


def _face_prior() -> FloatArray:
    """Return how probable face is on the atlas's grid: any tissue near by, in a region of the face but the ears."""
    atlas = load_atlas()
    front = np.isin(atlas.regions, [atlas.region(name) for name in FACE if not name.endswith("ear")])
    air = load_probabilities()[..., atlas.tissue_names.index("air")]
    near = 1 - ndimage.minimum_filter(air, NODE_VOXELS) / np.float32(255)
    return np.asarray(np.where(front, near, 0))


def _brain_prior() -> FloatArray:
    """Return how probable brain is on the atlas's grid."""
    names = load_atlas().tissue_names
    shares = load_probabilities()[..., [names.index(name) for name in BRAIN]]
    return np.asarray(shares.sum(axis=-1, dtype=np.uint16) / np.float32(255), np.float32)
