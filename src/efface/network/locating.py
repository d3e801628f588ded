"""Place the atlas in a scan by looking twice: once at everything, once at what will be kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from efface.atlas import load_atlas, load_brain_distance
from efface.errors import VerificationError
from efface.grid import FloatArray, Grid
from efface.network.blanking import CELL, blanked_region, in_cells
from efface.network.inference import Look, Network
from efface.network.preparing import COARSE_SPACING_MM, SPACING_MM, cropped, normalised, padded, prepare
from efface.scan import Scan
from efface.spatial.landmarks import landmarks
from efface.spatial.orientation import TURNS, turned
from efface.spatial.placing import Model, Placement, place
from efface.spatial.resample import on_ras_grid, resample

CLEAR_MM = 6.0
"""A first look whose structures lie this near to the atlas's, in the median, is believed at once."""


@dataclass(frozen=True, eq=False)
class Located:
    """What two looks found in one scan."""

    seen: Look = field(repr=False)
    """Labels at 2 mm: the second look's, and the first's where the face was blanked."""
    brain: NDArray[np.bool_] = field(repr=False)
    """(I, J, K) True inside the skull, on the scan's grid; by the second look."""
    placement: Placement
    """Where the atlas lies, by brain structures that the second look saw."""
    centroids: Mapping[str, FloatArray] = field(repr=False)
    """Structures wholly in view -> their middle, RAS+ mm."""
    follows_header: bool
    """Whether the head lies as the header's axes say, within 45 degrees."""


def look_twice(scan: Scan, network: Network) -> Located:
    """Find the anatomy of a scan with a network.

    The network looks twice. The first look finds the face, roughly; the second sees only what will be kept, so that
    nothing that is decided from it depends on the face.

    Parameters
    ----------
    scan : any head MRI; the mean of a 4-D scan's first volumes is looked at
    network : what labels it

    Returns
    -------
    located : whether it is believable is for others to judge

    Raises
    ------
    VerificationError
        No head was found.
    """
    values = scan.intensities()
    turn, first, rough = _first_look(values, scan.grid, network)
    volume, ras = on_ras_grid(values, turned(scan.grid, turn), SPACING_MM)
    blanked = blanked_region(first, rough, ras)
    head = resample((first.labels > 0).astype(np.uint8), first.grid, ras, order=0) > 0
    second = network.look(padded(*cropped(normalised(volume, ~blanked), ras, in_cells(head & ~blanked), CELL)))
    found = landmarks(second, network.classes)
    placement = place(found, _model()) or rough
    labels = resample(second.labels, second.grid, ras, order=0)
    labels[blanked] = resample(first.labels, first.grid, ras, order=0)[blanked]
    back = np.asarray(np.linalg.inv(turn))
    return Located(
        seen=Look(labels, resample(second.inside, second.grid, ras), turned(ras, back)),
        brain=resample(second.inside, turned(second.grid, back), scan.grid) > 0.5,
        placement=replace(placement, atlas_to_scan=back @ placement.atlas_to_scan),
        centroids={name: back[:3, :3] @ middle for name, middle in found.centroids.items()},
        follows_header=np.array_equal(turn, np.eye(4)),
    )


def _first_look(values: NDArray[np.float32], grid: Grid, network: Network) -> tuple[FloatArray, Look, Placement]:
    """Find the head, upright or, where the header mixed up its axes, turned by right angles."""
    best: tuple[FloatArray, Look, Placement] | None = None
    for turn in TURNS:
        look = network.look(prepare(values, turned(grid, turn), COARSE_SPACING_MM))
        found = place(landmarks(look, network.classes), _model())
        if found is None:
            continue
        if best is None or found.centroid_error_mm < best[2].centroid_error_mm:
            best = turn, look, found
        if found.centroid_error_mm < CLEAR_MM:
            break
    if best is None:
        message = "no brain was found in this scan; is it a head MRI, and is the whole brain in view?"
        raise VerificationError(message)
    return best


@lru_cache(maxsize=1)
def _model() -> Model:
    """Return the atlas as placing needs it."""
    distance, grid = load_brain_distance()
    return Model(load_atlas().centroids, distance, grid)
