"""A head's surface as depth maps in a frame that the brain gives: the face, and apart from it what is kept.

The face is seen from the front, the ears from their sides. What is kept is the vault of the skull, inside and outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.atlas import FACE, load_atlas
from efface.grid import FloatArray, Grid
from efface.scan import Scan
from efface.spatial.head_surface import Volume, surface_field
from efface.spatial.resample import check_shape, resample

SPACING_MM = 2.0
"""Distance between the columns of a depth map."""
LOW_MM, HIGH_MM = np.array([-100.0, -130.0, -160.0]), np.array([100.0, 110.0, 110.0])
"""Corners of what is looked at, RAS+ mm of the frame."""
EARS = ("left_ear", "right_ear")
SIDES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"front": (1, 1), "back": (1, -1), "left_ear": (0, -1), "right_ear": (0, 1), "top": (2, 1)}
)
"""From where a map is seen: the frame's axis, and at which of its ends the eye is. Ears are seen from their sides."""
PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "face": ("front", *EARS),
        "kept": tuple(f"{layer} {side}" for layer in ("scalp", "brain") for side in ("top", "back", *EARS)),
    }
)
"""Maps of each part of a head's shape."""
PLAUSIBLE_MM = 15.0
"""What lies farther than this from the average face, laid on the brain, is a cut or a hand and no skin."""
EDGE_MM = 3.0
"""What lies nearer to the edge of the view is where the view cuts the head."""
CUT_MM = 4.0
"""What lies nearer to a replaced voxel is a cut, or what was written, or skin beside them whose place they blur."""
VAULT_FRONT_MM = 20.0
"""The vault is looked at above the brain's centre, and behind this (y of the frame): no forehead, no ear."""

DepthMap = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HeadShape:
    """The surface of one head, in mm, in a frame that its brain gives; not scaled, so that sizes count."""

    maps: Mapping[str, DepthMap] = field(repr=False)
    """For every name in `PARTS` a map of where the surface lies on the axis along which it is seen, mm of the frame;
    its two axes are the frame's others. NaN where nothing is, or not in view."""


def head_shape(scan: Scan, anatomy: Anatomy, replaced: NDArray[np.bool_] | None = None) -> HeadShape:
    """Measure the surface of the head in a scan, defaced or not.

    Parameters
    ----------
    scan : Scan
        Any contrast; the mean of a 4-D scan's first volumes is looked at.
    anatomy : Anatomy
        What was found in this very scan, so that a defaced scan is placed by what an attacker has.
    replaced : (I, J, K) bool array, optional
        True where voxels were replaced; surfaces there are left out.
    """
    scan.grid.check_same(anatomy.grid, "the anatomy")
    to_scan = _frame(anatomy.atlas_to_scan)
    looked = np.ones(scan.grid.shape, bool) if replaced is None else _own(replaced, scan.grid)
    head = _Seen(_head(scan, to_scan), to_scan, scan.grid, looked)
    face = _face_maps(head, np.asarray(np.linalg.inv(anatomy.atlas_to_scan) @ to_scan))
    brain = resample(anatomy.brain.astype(np.float32), anatomy.grid, _grid(), target_to_source=to_scan)
    layers = {"scalp": head, "brain": _Seen(_blurred(brain), to_scan, scan.grid, looked)}
    vault = {name: _vault_map(layers[name.split()[0]], name.split()[1]) for name in PARTS["kept"]}
    maps = {name: each.astype(np.float32) for name, each in {**face, **vault}.items()}
    for each in maps.values():
        each.flags.writeable = False
    return HeadShape(MappingProxyType(maps))


@dataclass(frozen=True, eq=False)
class _Seen:
    """A surface that depth maps can be taken of."""

    inside: Volume = field(repr=False)
    """(X, Y, Z) on `_grid`, above 0 inside."""
    to_scan: FloatArray
    """(4, 4) from the frame to the scan's world, RAS+ mm."""
    view: Grid
    """The scan's grid."""
    looked: NDArray[np.bool_] = field(repr=False)
    """(I, J, K) True where surfaces count."""

    def depth(self, side: str) -> FloatArray:
        """Return where each column meets the surface first, mm of the frame; NaN where that is not to count."""
        axis, _ = SIDES[side]
        depth = _depth(self.inside, side)
        places = surface_places(depth, axis) @ self.to_scan[:3, :3].T + self.to_scan[:3, 3]
        index, edge = self.view.index(places), EDGE_MM / self.view.spacing_mm - 0.5
        counts = np.asarray(((index > edge) & (index < np.array(self.view.shape) - 1 - edge)).all(axis=-1))
        counts[counts] = self.looked[tuple(np.rint(index[counts]).astype(int).T)]
        return np.where(counts, depth, np.nan)


def _frame(atlas_to_scan: FloatArray) -> FloatArray:
    """Return the (4, 4) matrix from the frame to the scan: where the atlas lies, its centre kept, without its scales.

    Heads keep their sizes; that tells people apart, and how much the placement's scales err does not matter.
    """
    centre, frame = load_atlas().brain_center, np.eye(4)
    frame[:3, :3] = atlas_to_scan[:3, :3] / np.linalg.norm(atlas_to_scan[:3, :3], axis=0)
    frame[:3, 3] = (atlas_to_scan[:3, :3] - frame[:3, :3]) @ centre + atlas_to_scan[:3, 3]
    return frame


def _grid() -> Grid:
    """Return the grid on which surfaces are looked for, RAS+ mm of the frame."""
    affine = np.diag([SPACING_MM] * 3 + [1.0])
    affine[:3, 3] = LOW_MM
    width, length, height = (round(side) for side in (HIGH_MM - LOW_MM) / SPACING_MM)
    return Grid((width, length, height), affine)


def _head(scan: Scan, to_scan: FloatArray) -> Volume:
    """Return the head's field on the frame's grid; air is beyond the view."""
    inside, ras = surface_field(scan.intensities(), scan.grid, SPACING_MM)
    return resample(inside, ras, _grid(), target_to_source=to_scan, outside=-1.0)


def _own(replaced: NDArray[np.bool_], grid: Grid) -> NDArray[np.bool_]:
    """Return where a surface is the person's own: away from replaced voxels."""
    check_shape(replaced, grid)
    if not replaced.any():
        return ~replaced
    return np.asarray(ndimage.distance_transform_edt(~replaced, sampling=grid.spacing_mm) > CUT_MM)


def _blurred(mask: NDArray[np.float32]) -> Volume:
    """Return a field that is 0 on a mask's surface."""
    return np.asarray(ndimage.gaussian_filter(mask, 1.0) - np.float32(0.5))


def _face_maps(head: _Seen, frame_to_atlas: FloatArray) -> dict[str, FloatArray]:
    """Return the maps of a face: where columns pass through it in the atlas, and end near the average face."""
    atlas, maps = load_atlas(), {}
    regions, tissues = (
        resample(each, atlas.grid, _grid(), target_to_source=frame_to_atlas, order=0)
        for each in (atlas.regions, atlas.tissues)
    )
    average = _blurred((tissues > 0).astype(np.float32))
    for name in PARTS["face"]:
        names = [name] if name in EARS else [region for region in FACE if region not in EARS]
        shown = np.isin(regions, [atlas.region(region) for region in names]) & (tissues > 0)
        depth = head.depth(name)
        plausible = np.abs(depth - _depth(average, name)) < PLAUSIBLE_MM
        maps[name] = np.where(shown.any(axis=SIDES[name][0]) & plausible, depth, np.nan)
    return maps


def _vault_map(layer: _Seen, side: str) -> FloatArray:
    """Return a map of the vault: what lies above the brain's centre and behind the forehead."""
    depth = layer.depth(side)
    _, front, up = np.moveaxis(surface_places(depth, SIDES[side][0]), -1, 0)
    return np.where((up > load_atlas().brain_center[2]) & (front < VAULT_FRONT_MM), depth, np.nan)


def _depth(inside: Volume, side: str) -> FloatArray:
    """Return where each column first rises above 0, between voxels, mm of the frame; NaN where it never does."""
    axis, end = SIDES[side]
    along = np.moveaxis(inside, axis, -1)[..., ::-end]
    met = (along[..., 1:] > 0) & (along[..., :-1] <= 0)
    first = met.argmax(axis=-1)[..., None]
    before, after = (np.take_along_axis(along, first + step, axis=-1)[..., 0] for step in (0, 1))
    steps = first[..., 0] - before / np.where(after > before, after - before, 1)
    depth = (HIGH_MM[axis] - SPACING_MM) - steps * SPACING_MM if end > 0 else LOW_MM[axis] + steps * SPACING_MM
    return np.where(met.any(axis=-1), depth, np.nan)


def surface_places(depth: FloatArray, axis: int) -> FloatArray:
    """Return the (rows, columns, 3) places of a map's surface, mm of the frame."""
    across = [each for each in range(3) if each != axis]
    places = np.empty((*depth.shape, 3))
    places[..., axis] = depth
    for index, each in zip(np.indices(depth.shape), across, strict=True):
        places[..., each] = LOW_MM[each] + SPACING_MM * index
    return places
