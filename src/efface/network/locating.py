"""Place the atlas in a scan by looking twice: once at everything, once at what will be kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.atlas import load_atlas, load_brain_distance
from efface.errors import VerificationError
from efface.grid import FloatArray, Grid
from efface.network.blanking import Blanking, blanking
from efface.network.confidence import Evidence, evidence_of
from efface.network.inference import Look, Network
from efface.network.preparing import COARSE_SPACING_MM, SPACING_MM, box_around, normalised, padded, prepare
from efface.scan import Scan
from efface.spatial.landmarks import landmarks
from efface.spatial.mask import bounding_box
from efface.spatial.orientation import TURNS, nearest_turn, turned
from efface.spatial.placing import Model, Placement, place
from efface.spatial.resample import on_ras_grid, ras_grid, resample

CLEAR_MM = 7.0
"""A first look is believed at once if structures and surface together lie this near to the atlas's. Heads looked at the
wrong way up were seldom below 10."""


ISLAND_ML = 1.0
"""Pieces of brain apart from the rest that are smaller than this are none."""
HIDDEN = 0.3
"""Blanked share of a voxel's surroundings from which it is hidden; no share that two regular grids make often."""
MISSING_MM = 0.4
"""What every structure that was not seen adds to the misfit."""


@dataclass(frozen=True, eq=False)
class Located:
    """What two looks found in one scan."""

    seen: Look = field(repr=False)
    """Labels at 2 mm: the second look's in and around the brain, the first's elsewhere."""
    blanked: NDArray[np.bool_] = field(repr=False)
    """(X, Y, Z) what the second look did not see, on the grid of ``seen``."""
    brain: NDArray[np.bool_] = field(repr=False)
    """(I, J, K) True inside the skull, on the scan's grid; by the second look."""
    placement: Placement
    """Where the atlas lies, by brain structures that the second look saw."""
    centroids: Mapping[str, FloatArray] = field(repr=False)
    """Structures wholly in view -> their middle, RAS+ mm."""
    evidence: Evidence
    """How well both looks and the atlas agree."""
    follows_header: bool
    """Whether the head lies as the header's axes say, and is not nearer to another turn by right angles."""
    choices: Mapping[str, int]
    """All that the first look, which saw the face, had to say about what the second did not see."""


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
    first = _first_look(values, scan.grid, network)
    lies = turned(scan.grid, TURNS[first.turn])
    ras = ras_grid(lies, SPACING_MM)
    chosen = blanking(first.look, first.placement.atlas_to_scan, ras)
    volume, _ = on_ras_grid(_hidden(values, lies, chosen.hidden, ras), lies, SPACING_MM)
    second, box = _second_look(normalised(volume, ~chosen.hidden), chosen, ras, network)
    found = landmarks(second, network.classes)
    placement = place(found, _model())
    if placement is None:
        message = "too little brain was found in this scan to say where its face is; use a scan with the brain in view"
        raise VerificationError(message)
    back = np.asarray(np.linalg.inv(TURNS[first.turn]))
    brain = resample(first.look.inside, first.look.grid, ras.part(box)) > 0.5
    atlas_to_scan = back @ placement.atlas_to_scan
    return Located(
        seen=_both(first.look, second, chosen.hidden, box, ras, back),
        blanked=chosen.hidden,
        brain=_on_scan(second, turned(second.grid, back), scan.grid),
        placement=replace(placement, atlas_to_scan=atlas_to_scan),
        centroids={name: back[:3, :3] @ middle for name, middle in found.centroids.items()},
        evidence=evidence_of(brain, second.inside, placement),
        follows_header=np.array_equal(nearest_turn(atlas_to_scan), np.eye(4)),
        choices={"look_turned": first.turn, **chosen.choices},
    )


def _hidden(values: NDArray[np.float32], lies: Grid, blanked: NDArray[np.bool_], ras: Grid) -> NDArray[np.float32]:
    """Return the scan's values without what is blanked, so that no coarser voxel mixes it into what is kept.

    ``values`` is overwritten where it can be.
    """
    around = bounding_box(blanked, ras)
    if around is None:
        return values
    box = lies.box_of(ras.part(around))
    hidden = np.zeros(values.shape, bool)
    hidden[box] = resample(blanked.astype(np.float32), ras, lies.part(box)) > HIDDEN
    kept = values[::4, ::4, ::4][~hidden[::4, ::4, ::4]]
    shown = values if values.flags.writeable else values.copy()  # a scan's own voxels are read-only
    shown[hidden] = kept.min() if kept.size else 0.0
    return shown


def _second_look(
    image: NDArray[np.float32], chosen: Blanking, ras: Grid, network: Network
) -> tuple[Look, tuple[slice, slice, slice]]:
    """Look at the brain and a little around it; at everything, where brain reaches the edge of that."""
    box = box_around(chosen.brain, 0)
    look = network.look(padded(image[box], ras.part(box)))
    if not _cut(look.inside > 0.5, box, ras.shape):
        return look, box
    everything = (slice(0, ras.shape[0]), slice(0, ras.shape[1]), slice(0, ras.shape[2]))
    return network.look(padded(image, ras)), everything


def _cut(inside: NDArray[np.bool_], box: tuple[slice, slice, slice], shape: tuple[int, int, int]) -> bool:
    """Return whether a mask reaches a side of its box that is not a side of the view."""
    for axis, side in enumerate(box):
        first, last = np.take(inside, 0, axis), np.take(inside, -1, axis)
        if (side.start > 0 and first.any()) or (side.stop < shape[axis] and last.any()):
            return True
    return False


def _both(
    first: Look, second: Look, blanked: NDArray[np.bool_], box: tuple[slice, slice, slice], ras: Grid, back: FloatArray
) -> Look:
    """Return the second look where it saw something, the first elsewhere; ``back`` undoes a turn by right angles."""
    labels = resample(first.labels, first.grid, ras, order=0)
    labels[box] = np.where(blanked[box], labels[box], second.labels)
    inside = np.zeros(ras.shape, np.float32)
    inside[box] = second.inside
    return Look(labels, inside, turned(ras, back))


def _on_scan(look: Look, lies: Grid, grid: Grid) -> NDArray[np.bool_]:
    """Return (I, J, K) True inside the skull on the scan's grid, seen by a look that lies on the grid ``lies``."""
    brain = np.zeros(grid.shape, bool)
    box = grid.box_of(lies)
    brain[box] = resample(_without_islands(look), lies, grid.part(box)) > 0.5
    return brain


def _without_islands(look: Look) -> NDArray[np.float32]:
    """Return the probability of lying inside the skull, 0 in small pieces apart: a folded nose may look like brain."""
    parts, _ = ndimage.label(look.inside > 0.5)
    small = np.bincount(parts.ravel()) * float(np.prod(look.grid.spacing_mm)) < 1000 * ISLAND_ML
    small[0] = False
    return np.where(small[parts], np.float32(0), look.inside)


@dataclass(frozen=True, eq=False)
class _FirstLook:
    """A look at everything, and what follows from it."""

    turn: int
    """Which of ``TURNS`` by right angles set the head upright."""
    look: Look
    """Labels at 3.2 mm."""
    placement: Placement
    """Where the atlas lies, roughly."""

    @property
    def misfit_mm(self) -> float:
        """How badly the atlas fits what was seen; few structures fit too easily, so those that are missing count."""
        missing = len(load_atlas().centroids) - self.placement.structures
        return self.placement.centroid_error_mm + self.placement.surface_error_mm + MISSING_MM * missing


def _first_look(values: NDArray[np.float32], grid: Grid, network: Network) -> _FirstLook:
    """Find the head, upright or, where the header mixed up its axes, turned by right angles."""
    best: _FirstLook | None = None
    for turn, matrix in enumerate(TURNS):
        look = network.look(prepare(values, turned(grid, matrix), COARSE_SPACING_MM))
        placement = place(landmarks(look, network.classes), _model())
        if placement is None:
            continue
        found = _FirstLook(turn, look, placement)
        if best is None or found.misfit_mm < best.misfit_mm:
            best = found
        if found.misfit_mm < CLEAR_MM:
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
