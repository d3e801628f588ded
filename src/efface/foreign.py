"""More checks for where no plan says what was to change: the work of other tools.

What changed is then the face mask. It must have been the face and nothing else, it must not be a blur, and the
surface must lie well behind the one that was there.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.atlas import FEATURES, load_brain_distance, load_envelope
from efface.evaluate.changed import least_changed_share
from efface.evaluate.coverage import visible_skin
from efface.evaluate.removed_depth import removed_depth_mm
from efface.evaluate.reversible import share_that_follows
from efface.methods.anatomy import behind_planes
from efface.scan import Scan
from efface.spatial.head_surface import head_of, head_threshold
from efface.spatial.resample import resample
from efface.verdict import Check, at_least, at_most

Mask = NDArray[np.bool_]

ROOM_MM = 20.0
"""What lies nearer to where faces lie may go with the face: other tools cut along planes and boxes."""
MAX_OUTSIDE_ML = 20.0
"""Method ``anatomy`` changes 0 ml there with either extent, ``template-mask`` 2 to 8; the rest is for coarser masks."""
MAX_FOLLOWS = 0.25
"""Holes and noise measured 0 to 0.14, an edge that fades over 8 mm to 0.24; blurs from 2 to 20 mm 0.37 to 1, an average
face put in place 0.3."""
MIN_DEPTH_MM = 6.0
"""Good results measured 19 mm or more; peeling off 5 mm, which leaves the shape, to 5.9."""
MIN_IN_EACH = 0.5
"""A removed voxel may have been background in some volumes, but not most of them in one."""


def foreign_checks(original: Scan, defaced: Scan, anatomy: Anatomy, changed: Mask) -> list[Check]:
    """Judge a defaced scan whose plan is not known.

    Parameters
    ----------
    original, defaced : scans on one grid
    anatomy : what was found in the original
    changed : (I, J, K) bool array, what differs
    """
    inside = _head_of(original)
    before = original.intensities()
    checks = [
        _outside_face(anatomy, changed & inside & (before > head_threshold(before))),
        reversible_check(original, defaced, changed),
        _depth(original, defaced, anatomy),
    ]
    if original.volumes > 1:
        least = least_changed_share(original, defaced, changed & inside)
        checks.append(at_least("volumes_defaced", least, MIN_IN_EACH, "of what changed", "All volumes changed alike."))
    return checks


def _outside_face(anatomy: Anatomy, changed: Mask) -> Check:
    """Judge how much tissue changed that no defacing needs."""
    envelope = load_envelope()
    field = _kept_field(envelope.size_class(anatomy.atlas_to_scan))
    to_atlas = np.asarray(np.linalg.inv(anatomy.atlas_to_scan))
    kept = resample(field, envelope.grid, anatomy.grid, target_to_source=to_atlas, outside=None) > 0
    volume = float((changed & kept).sum()) * abs(float(np.linalg.det(anatomy.grid.affine[:3, :3]))) / 1000
    return at_most("changed_outside_face", volume, MAX_OUTSIDE_ML, "ml",
                   "Of the head behind the face and above the neck nothing changed.")  # fmt: skip


@lru_cache(maxsize=4)
def _kept_field(size: int) -> NDArray[np.float32]:
    """Return (X, Y, Z) mm on the envelope's grid, positive in what no defacing needs: neither face, front nor neck."""
    envelope, (brain, grid) = load_envelope(), load_brain_distance()
    places = grid.ras(np.moveaxis(np.indices(grid.shape), 0, -1))
    above_neck = places[..., 2] - places[brain < 0][:, 2].min()
    return np.asarray(np.min([envelope.distance_mm[size] - ROOM_MM, behind_planes(), above_neck], axis=0), np.float32)


def reversible_check(original: Scan, defaced: Scan, changed: Mask, limit: float = MAX_FOLLOWS) -> Check:
    """Judge whether the face was removed, and not blurred or dimmed.

    Parameters
    ----------
    original, defaced : scans on one grid
    changed : (I, J, K) bool array, what was replaced
    limit : most of it that may follow what was there
    """
    inside = changed & _head_of(original)
    share = share_that_follows(original.intensities(), defaced.intensities(), inside, original.grid)
    sentence = "What was written does not follow what was there: blurring can be undone."
    if share is None:
        return Check("reversible", None, None, limit, "of what changed", f"{sentence} Nothing changed.")
    return at_most("reversible", share, limit, "of what changed", sentence)


def _head_of(scan: Scan) -> Mask:
    """Return (I, J, K) True in the head."""
    head, ras = head_of(scan)
    return resample(head.astype(np.uint8), ras, scan.grid, order=0) > 0


def _depth(original: Scan, defaced: Scan, anatomy: Anatomy) -> Check:
    skin = visible_skin(head_of(original), anatomy, FEATURES)
    depths = removed_depth_mm(skin, head_of(defaced), anatomy)
    seen = {name.replace("_", " "): depth for name, depth in depths.items() if depth is not None}
    listed = f" Median by feature: {', '.join(f'{name} {mm:.0f}' for name, mm in seen.items())}." if seen else ""
    return at_least("depth_removed", min(seen.values(), default=None), MIN_DEPTH_MM, "mm",
                    f"At eyes, nose and mouth the surface moved back.{listed}")  # fmt: skip
