"""What is where in a scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from efface.atlas import load_atlas
from efface.grid import FloatArray, Grid
from efface.network.confidence import confidence
from efface.network.inference import Look, load_network
from efface.network.locating import look_twice
from efface.scan import Scan
from efface.spatial.resample import resample

MODEL = Path(__file__).parent / "network" / "model"
"""The bundled network's folder."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What is where in one scan."""

    grid: Grid
    """The scan's grid."""
    brain: NDArray[np.bool_] = field(repr=False)
    """(I, J, K) True inside the skull (brain, fluid, coverings), on the scan's grid."""
    seen: Look = field(repr=False)
    """What the network saw, on its own 2 mm grid: a class of ``classes`` for every voxel."""
    classes: tuple[str, ...] = field(repr=False)
    """Name of every class of ``seen``, by value."""
    centroids: Mapping[str, FloatArray] = field(repr=False)
    """Middle of every structure that lies wholly in view, RAS+ mm."""
    atlas_to_scan: FloatArray
    """(4, 4) matrix from the atlas's world to the scan's, RAS+ mm; decided by the brain alone."""
    structures: int
    """How many brain structures placed the atlas."""
    confidence: float
    """How likely brain and placement are right, 0 to 1; calibrated, see `efface.network.confidence`."""
    follows_header: bool
    """Whether the head lies as the header's axes say, and is not nearer to another turn by right angles."""
    choices: Mapping[str, int]
    """Whole numbers, all that a look at the face had to say in this; see `efface.network.blanking`."""
    network_sha256: str
    """Of the network's weights."""

    def __post_init__(self) -> None:
        for array in (self.brain, self.seen.labels, self.seen.inside, self.atlas_to_scan):
            array.flags.writeable = False

    @property
    def names(self) -> Mapping[int, str]:
        """Name of every value of ``labels``."""
        return load_atlas().region_names

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """(I, J, K) atlas region of every voxel, 0 for none; face regions reach through the air to the view's edge."""
        atlas = load_atlas()
        scan_to_atlas = np.asarray(np.linalg.inv(self.atlas_to_scan))
        labels = resample(atlas.regions, atlas.grid, self.grid, target_to_source=scan_to_atlas, order=0, outside=None)
        labels.flags.writeable = False
        return labels

    def region(self, *names: str) -> NDArray[np.bool_]:
        """Return where any of the atlas's named regions is, (I, J, K) bool."""
        values = [value for value, name in self.names.items() if name in names]
        return np.asarray(np.isin(self.labels, values))


def locate(scan: Scan) -> Anatomy:
    """Find the anatomy of a scan with the bundled network, which looks twice (see `efface.network.locating`).

    Parameters
    ----------
    scan : any head MRI; the mean of a 4-D scan's first volumes is looked at

    Returns
    -------
    anatomy : `efface.verify` judges whether it is believable

    Raises
    ------
    VerificationError
        No head was found.
    """
    network = load_network(MODEL)
    located = look_twice(scan, network)
    return Anatomy(
        grid=scan.grid,
        brain=located.brain,
        seen=located.seen,
        classes=network.classes,
        centroids=located.centroids,
        atlas_to_scan=located.placement.atlas_to_scan,
        structures=located.placement.structures,
        confidence=confidence(located.evidence, network.trust),
        follows_header=located.follows_header,
        choices=located.choices,
        network_sha256=network.sha256,
    )
