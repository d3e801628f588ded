"""What is where in a scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.atlas import load_atlas, load_probabilities
from efface.brain import grow_brain
from efface.grid import FloatArray, Grid
from efface.scan import Scan
from efface.spatial.register import Template, register
from efface.spatial.resample import resample

# Rough T1 intensities. Mutual information asks only that tissues differ, so the same template serves every contrast.
_TEMPLATE_LEVELS = {
    "air": 0, "skin": 150, "soft_tissue": 90, "bone": 10, "marrow": 110, "csf": 25, "dura": 60, "artery": 60,
    "ventricles": 20, "cerebral_grey_matter": 85, "cerebellar_grey_matter": 85, "cerebral_white_matter": 125,
    "cerebellar_white_matter": 120, "brainstem": 115, "eye": 30, "nasal_cavity": 50, "optic_nerve": 80,
    "spinal_cord": 100,
}  # fmt: skip
SKULL_MM = 9.0
"""Skull and scalp around the brain that help to place it."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What is where in one scan, on its own grid."""

    grid: Grid
    """The scan's grid."""
    labels: NDArray[np.uint8] = field(repr=False)
    """(I, J, K) region of every voxel, 0 for none; face regions reach through the air to the edge of the view."""
    names: Mapping[int, str]
    """Name of every label."""
    brain: NDArray[np.bool_] = field(repr=False)
    """(I, J, K) True inside the skull (brain, fluid, coverings), and a little beyond rather than short of it."""
    atlas_to_scan: FloatArray
    """(4, 4) matrix from the atlas's world to the scan's, RAS+ mm."""
    confidence: float
    """Mutual information between scan and atlas, nats; above 0.3 for a head that was found."""
    follows_header: bool
    """Whether the head lies as the header's axes say, within 60 degrees."""

    def __post_init__(self) -> None:
        for array in (self.labels, self.brain):
            array.flags.writeable = False

    def region(self, *names: str) -> NDArray[np.bool_]:
        """Return where any of the named regions is, (I, J, K) bool."""
        values = [value for value, name in self.names.items() if name in names]
        return np.asarray(np.isin(self.labels, values))


def locate(scan: Scan) -> Anatomy:
    """Find the anatomy of a scan by affine registration of the bundled atlas.

    Parameters
    ----------
    scan : any head MRI; the mean of a 4-D scan's volumes is looked at

    Returns
    -------
    anatomy : labels on the scan's own grid; `efface.verify` judges whether they are believable
    """
    atlas = load_atlas()
    values = scan.intensities()
    found = register(values, scan.grid, _template())
    scan_to_atlas = np.asarray(np.linalg.inv(found.atlas_to_scan))
    labels = resample(atlas.regions, atlas.grid, scan.grid, target_to_source=scan_to_atlas, order=0, outside=None)
    return Anatomy(
        grid=scan.grid,
        labels=labels,
        names=atlas.region_names,
        brain=grow_brain(values, scan.grid, labels == atlas.region("brain")),
        atlas_to_scan=found.atlas_to_scan,
        confidence=found.mutual_information,
        follows_header=found.follows_header,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    """Paint the atlas's tissues for the registration."""
    atlas = load_atlas()
    levels = np.array([_TEMPLATE_LEVELS.get(name, 95) for name in atlas.tissue_names], np.float32)
    brain = atlas.regions == atlas.region("brain")
    around = ndimage.binary_dilation(brain, iterations=round(SKULL_MM / atlas.grid.spacing_mm[0]))
    weights = load_probabilities().astype(np.float32)
    values = weights @ levels / np.maximum(weights.sum(axis=-1), 1)
    return Template(values, atlas.grid, around.astype(np.uint8), atlas.brain_center)
