"""efface's own method: the brain decides what is removed, never the face.

The region is an envelope: where the faces of 99.5 % of people lie once their brains are laid on one another
(`efface.atlas.load_envelope`). It is carried to the scan by the brain alone, so that the edge of the hole cannot follow
the person's own face. What is seen of the face only says whether the envelope is large enough: if not, it grows by
fixed steps, and the numbers of steps are recorded in the plan's ``choices``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.atlas import Envelope, load_atlas, load_brain_distance, load_envelope
from efface.evaluate.wrapped import wrapped_face
from efface.grid import FloatArray, Grid
from efface.methods.base import Decision
from efface.methods.growth import GROUPS, Distance, seen_face, steps_needed
from efface.methods.limits import CLEARANCE_MM, KEPT, check_choice, check_limits, several
from efface.scan import Scan
from efface.spatial.mask import Box, bounding_box, within
from efface.spatial.resample import resample

EXTENTS = ("face", "full")
MARGIN_MM = (-50.0, 50.0)
BLEND_MM = 6.0
"""How gently one group's margin passes into the next: standard deviation of a Gaussian."""
REACH = 7
"""Voxels of the envelope's grid over which the largest margin holds, so that blending takes none of it from a group."""
INFANT = 0.8
"""Heads smaller than this, beside the average adult's, are infants'."""
LATTICE_MM, NEAR_MM = 4.0, 16.0
"""Where the region lies is first asked on a lattice so fine; between its points the field changes by less than this."""
TOUCHING = ((0.0, 1.0, 0.0), (0.0, 0.65, -0.76))
"""Normals of the planes that touch the atlas's brain in front and in front below; ``full`` takes all before them."""

Field = NDArray[np.float32]


@dataclass(frozen=True)
class BrainDecides:
    """The region that holds 99.5 % of people's faces, placed by the brain alone; grown by fixed, recorded steps."""

    extent: str = "face"
    """``"face"`` keeps temporalis, tongue and airway; ``"full"`` takes everything in front of the brain."""
    keep: tuple[str, ...] = ()
    """What stays though it shows who it is: ``"ears"``, ``"eyes"``."""
    clearance_mm: float = 4.0
    """Voxels closer than this to the inside of the skull are kept, mm."""
    ear_clearance_mm: float = 6.0
    """The same at the ears, where skull and scalp lie between, mm; at an infant's thinner skull less in proportion, but
    no less than ``clearance_mm``."""
    atlas_clearance_mm: float = 8.0
    """The same from the atlas's brain laid on this one, mm of the atlas: a guard where the network misses brain."""
    margin_mm: float = 1.0
    """Room around the envelope at eyes, nose and brow, mm of the atlas."""
    jaw_margin_mm: float = 7.0
    """The same at mouth and cheeks. Here and below so much that few need a step: steps tell of the face."""
    chin_margin_mm: float = 11.0
    """The same at the chin."""
    ear_margin_mm: float = 9.0
    """The same at the ears."""
    step_mm: float = 4.0
    """How far the envelope grows in one step, mm of the atlas."""
    max_steps: int = 8
    """Most steps to take, for each part of the face."""

    key: ClassVar[str] = "anatomy"
    citation: ClassVar[str] = (
        "efface; the envelope is drawn from label maps of Billot et al. 2023, Med Image Anal 86:102789"
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", several(self.keep))
        check_choice(self, "extent", EXTENTS)
        check_choice(self, "keep", tuple(KEPT))
        check_limits(
            self, clearance_mm=CLEARANCE_MM, ear_clearance_mm=CLEARANCE_MM, atlas_clearance_mm=(0, 30),
            margin_mm=MARGIN_MM, jaw_margin_mm=MARGIN_MM, chin_margin_mm=MARGIN_MM, ear_margin_mm=MARGIN_MM,
            step_mm=(0, 50), max_steps=(0, 100),
        )  # fmt: skip

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose the envelope, grown as far as needed, less what is too near to the brain (see `DefaceMethod`)."""
        envelope = load_envelope()
        size = envelope.size_class(anatomy.atlas_to_scan)
        steps = self._steps(scan, anatomy, envelope, size)
        field, regions = self._field(envelope, size, steps), envelope.regions[size]
        if self.extent == "full":
            field = self._guarded(np.minimum(field, behind_planes()))
        to_atlas = np.asarray(np.linalg.inv(anatomy.atlas_to_scan))
        folded = wrapped_face(scan, anatomy).block
        box = _whole(anatomy.grid) if folded.any() else self._box(field, envelope.grid, to_atlas, anatomy.grid)
        grid = anatomy.grid.part(box)
        inside, names = (
            resample(each, envelope.grid, grid, target_to_source=to_atlas, order=order, outside=None)
            for each, order in ((field, 1), (regions, 0))
        )
        part = np.where(inside < 0, names, folded[box])
        part[np.isin(part, self._kept())] = 0
        part[within(part > 0, anatomy.brain[box], grid, self._clearances(grid, anatomy.atlas_to_scan)[part])] = 0
        mask = np.zeros(anatomy.grid.shape, np.uint8)
        mask[box] = part
        choices = {f"{name}_steps": number for name, number in steps.items()}
        return Decision(mask, {"size_class": size, **choices, "folded_voxels": int(np.count_nonzero(folded))})

    def _box(self, field: Field, field_grid: Grid, to_atlas: FloatArray, grid: Grid) -> Box:
        """Return a box that holds what is removed and the brain that is near to it: the rest need not be looked at."""
        steps = np.maximum(1, (LATTICE_MM / grid.spacing_mm).astype(int))
        affine = grid.affine @ np.diag([*steps, 1.0])
        coarse = Grid(tuple((-(-np.array(grid.shape) // steps)).tolist()), affine)
        near = resample(field, field_grid, coarse, target_to_source=to_atlas, outside=None) < NEAR_MM
        found = bounding_box(near, coarse, max(self.clearance_mm, self.ear_clearance_mm) + LATTICE_MM)
        if found is None:
            return slice(0, 1), slice(0, 1), slice(0, 1)
        ends = zip(found, steps.tolist(), grid.shape, strict=True)
        box = [slice(side.start * step, min(side.stop * step, size)) for side, step, size in ends]
        return box[0], box[1], box[2]

    def _clearances(self, grid: Grid, atlas_to_scan: FloatArray) -> FloatArray:
        """Return (256,) how far each region keeps from the brain, mm; distances run between voxels' middles."""
        size = min(1.0, float(np.cbrt(abs(np.linalg.det(atlas_to_scan[:3, :3])))) / INFANT)
        rooms = np.full(256, self.clearance_mm, np.float32)
        ears = [load_atlas().region(name) for name in KEPT["ears"]]
        rooms[ears] = max(self.ear_clearance_mm * size, min(self.ear_clearance_mm, self.clearance_mm))
        return np.asarray(rooms + np.float32(grid.spacing_mm.mean() / 2))

    def _kept(self) -> list[int]:
        return [load_atlas().region(name) for part in self.keep for name in KEPT[part]]

    def _margins(self) -> dict[str, float]:
        named = {"mouth": self.jaw_margin_mm, "chin": self.chin_margin_mm, "cheeks": self.jaw_margin_mm,
                 "left_ear": self.ear_margin_mm, "right_ear": self.ear_margin_mm}  # fmt: skip
        return {group: named.get(group, self.margin_mm) for group in GROUPS}

    def _steps(self, scan: Scan, anatomy: Anatomy, envelope: Envelope, size: int) -> Mapping[str, int]:
        """Return how many steps each group of regions must grow."""
        kept = {name for part in self.keep for name in KEPT[part]}
        groups = tuple(group for group, names in GROUPS.items() if not set(names) <= kept)

        def grown(steps: Mapping[str, int]) -> Distance:
            return partial(_distance_at, self._field(envelope, size, steps), envelope.grid)

        return steps_needed(seen_face(scan, anatomy), grown, groups, self.max_steps)

    def _field(self, envelope: Envelope, size: int, steps: Mapping[str, int]) -> Field:
        """Return the signed distance from what is removed, (X, Y, Z) on the envelope's grid, negative in it."""
        regions, spacing = envelope.regions[size], float(envelope.grid.spacing_mm[0])
        room = np.zeros(256, np.float32)
        for group, names in GROUPS.items():
            room[[load_atlas().region(name) for name in names]] = self._margins()[group] + self.step_mm * steps[group]
        widest = ndimage.maximum_filter(room[regions], REACH)
        return self._guarded(
            envelope.distance_mm[size] - ndimage.gaussian_filter(widest, BLEND_MM / spacing, mode="nearest")
        )

    def _guarded(self, field: Field) -> Field:
        """Return the field without what lies near the atlas's brain."""
        return np.asarray(np.maximum(field, self.atlas_clearance_mm - load_brain_distance()[0]), np.float32)


def _whole(grid: Grid) -> Box:
    return slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2])


def _distance_at(field: Field, grid: Grid, points: FloatArray) -> FloatArray:
    """Return the signed distance of (N, 3) points, RAS+ mm of the atlas."""
    return np.asarray(ndimage.map_coordinates(field, grid.index(points).T, order=1, mode="nearest"), float)


def behind_planes() -> Field:
    """Return how far behind the planes in front of the brain each voxel of the envelope's grid lies, mm."""
    distance, grid = load_brain_distance()
    places = grid.ras(np.moveaxis(np.indices(grid.shape), 0, -1))
    along = [places @ (np.array(normal) / np.linalg.norm(normal)) for normal in TOUCHING]
    return np.asarray(np.min([each[distance < 0].max() - each for each in along], axis=0), np.float32)
