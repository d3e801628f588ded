"""mri_reface: an average face, bent onto this head and matched to its contrast, over face, ears and air."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.atlas import load_brain_distance
from efface.fill.air import measure_air
from efface.fill.average_head import load_average_head
from efface.fill.contrast import Contrast, find_places, measure_contrast
from efface.fill.grain import draw_scores
from efface.fill.kept import scaled, what_is_kept
from efface.fill.noise import fill_noise
from efface.fill.reface import paint
from efface.fill.skin import find_skin
from efface.grid import FloatArray, Grid
from efface.methods.base import Decision
from efface.methods.head_shell import load_head_shell
from efface.methods.regions import named_regions
from efface.methods.templates import bundled_template
from efface.scan import Scan
from efface.spatial.head_surface import head_of, head_threshold
from efface.spatial.mask import bounding_box
from efface.spatial.registering import volume_of, warp
from efface.spatial.resample import resample

DEEP_MM = 18.0
"""How deep below the skin of face and ears the template's mask reaches."""
OFF_BRAIN_MM = 9.0
"""It keeps this far from the average brain."""
BEHIND_MM = 8.0
"""Air behind the head that may hold a wrapped face begins this far from the skin,"""
BEHIND_Y_MM = -40.0
"""and behind this, RAS+ mm of the atlas."""
SLABS = 16
"""So many planes of a scan are carried to the atlas at a time."""

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Bent:
    """Where each place of a scan lies on the atlas."""

    placed: FloatArray
    """(4, 4) matrix from the atlas's world to the scan's."""
    shifts_mm: FloatArray
    """(X, Y, Z, 3) shifts before that, see `efface.spatial.registering.warp`."""
    grid: Grid
    """Their grid."""

    def sample(self, volume: NDArray[np.generic], grid: Grid, where: Mask, scan: Grid, order: int) -> Volume:
        """Return the values of an atlas volume at a scan's voxels, (N,) in C order of ``where``; 0 beyond its grid."""
        parts = []
        for start in range(0, len(where), SLABS):  # places of all voxels at once would take a hundred bytes each
            voxels = np.array([start, 0, 0]) + np.argwhere(where[start : start + SLABS])
            places = grid.index(self._on_atlas(scan.ras(voxels)))
            parts.append(ndimage.map_coordinates(volume, places.T, order=order, output=np.float32))
        return np.concatenate(parts)

    def _on_atlas(self, world: FloatArray) -> FloatArray:
        """Carry (N, 3) places of the scan's world to the atlas's, RAS+ mm."""
        at = self.grid.index(world).T
        shifts = [ndimage.map_coordinates(self.shifts_mm[..., axis], at, order=1, mode="nearest") for axis in range(3)]
        back = np.linalg.inv(self.placed)
        return np.asarray((world + np.stack(shifts, axis=1)) @ back[:3, :3].T + back[:3, 3])


@dataclass(frozen=True)
class MriReface:
    """An average face by non-linear registration, over face, ears and wrapped air (mri_reface).

    The same as the original (Schwarz et al. 2021, version 0.3): affine, then non-linear registration of the whole
    head; a mask of face, ears and of the air behind the head, where parts of a wrapped face may lie; the population's
    average face in this scan's contrast, with matched intensities and noise. Different: one template for every
    contrast, painted with tissue levels measured in this scan, where the original has eight templates; a cubic spline
    of some 40 mm instead of ANTs; one run instead of two with different masks.
    """

    air_behind: bool = True
    """Whether the air behind the head is replaced, too."""

    key: ClassVar[str] = "mri-reface"
    citation: ClassVar[str] = "Schwarz et al. 2021, NeuroImage 231:117845, doi:10.1016/j.neuroimage.2021.117845"
    follows_face: ClassVar[bool] = True
    writes_own: ClassVar[bool] = True
    default_fill: ClassVar[str] = "own"

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose face, ears and air (see `DefaceMethod`)."""
        bent = _bend(scan, anatomy)
        everywhere = np.ones(scan.grid.shape, bool)
        mask = bent.sample(_template_mask(self.air_behind), load_head_shell().grid, everywhere, scan.grid, 0) > 0
        mask = mask.reshape(scan.grid.shape)
        return Decision(named_regions(mask, anatomy), values=_values(scan, anatomy, mask, bent))


def _bend(scan: Scan, anatomy: Anatomy) -> _Bent:
    """Lay the average head on a scan, affinely and then bent."""
    template = bundled_template()
    placed = template.lay_on(scan, anatomy)
    seen = volume_of(scan.intensities(), scan.grid)
    head, grid = head_of(scan)
    where = resample(head.view(np.uint8), grid, seen.grid, order=0) > 0
    return _Bent(placed, warp(seen, template.volume, placed, ndimage.binary_dilation(where, iterations=3)), seen.grid)


@lru_cache(maxsize=2)
def _template_mask(air_behind: bool) -> NDArray[np.uint8]:
    """Return what is replaced, 1 in it, on the grid of `load_head_shell`."""
    head, (distance, grid) = load_head_shell(), load_brain_distance()
    off_brain = resample(distance, grid, head.grid, outside=None) > OFF_BRAIN_MM
    face = (head.parts > 0) & (head.height_mm > -DEEP_MM)
    behind = head.grid.ras(np.moveaxis(np.indices(head.grid.shape), 0, -1))[..., 1] < BEHIND_Y_MM
    air = air_behind & behind & (head.height_mm > BEHIND_MM)
    return np.asarray((face & off_brain) | air, np.uint8)


def _values(scan: Scan, anatomy: Anatomy, mask: Mask, bent: _Bent) -> Volume:
    """Return the average face in this scan's contrast, and its noise in the air, (N,) or (N, T)."""
    kept, head = what_is_kept(scan, anatomy, mask), load_average_head()
    noise = scaled(np.broadcast_to(fill_noise(kept).values, scan.stored[mask].shape), scan)
    box, threshold = bounding_box(mask, scan.grid), head_threshold(scan.intensities())
    if box is None or threshold <= 0:
        return noise
    places = find_places(kept, head, find_skin(kept, threshold, head))
    solid = np.clip(bent.sample(head.solid(), head.grid, mask, scan.grid, 1), 0, 1)
    scores = draw_scores(mask, box, measure_air(kept).correlation, kept.random())

    def painted(volume: int | None) -> Volume:
        contrast: Contrast = measure_contrast(kept, threshold, places, volume)
        face = bent.sample(paint(head, contrast), head.grid, mask, scan.grid, 1) + np.float32(kept.background)
        air = noise if volume is None else noise[:, volume]
        return np.asarray(face + solid * np.float32(contrast.grain) * scores + (1 - solid) * (air - kept.background))

    return painted(None) if scan.stored.ndim == 3 else np.stack([painted(t) for t in range(scan.volumes)], axis=1)
