"""Is the face gone, the brain whole, the rest untouched? Every answer is a check with a value and a limit.

Some checks use the same anatomy as the plan. Those called ``independent_*`` share nothing with it: they look at the
head's surface and at brain-like tissue by intensity alone, so that a wrong placement cannot verify itself.

A new face (``reface``) need not move the surface. With its plan, the independent checks look at the result with its
mask emptied, which asks whether all of the face was replaced; and the fill is made again from the result, in which the
person's own face is no longer, which asks whether anything of it is in the new one. Without its plan a new face is
refused: it looks like one that was kept. What a method wrote itself (``own``) is judged like a new face, but cannot be
made again: it is asked whether it rises and falls with what was there, as a blur does.

Without a plan, as for the work of other tools, what changed is the mask, and more is asked: see `efface.foreign`. Their
copy may be stored in another order of axes, cropped or padded; it is brought back first (`efface.spatial.regridding`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy, locate
from efface.atlas import FEATURES, SHOWN
from efface.deface_plan import DefacePlan
from efface.evaluate.brain_tissue import brain_like_tissue
from efface.evaluate.changed import changed_voxels
from efface.evaluate.coverage import feature_coverage, visible_skin
from efface.evaluate.own_face import own_share
from efface.evaluate.surface_change import surface_change
from efface.evaluate.wrapped import wrapped_face
from efface.fill import OWN, fill_values
from efface.foreign import foreign_checks, reversible_check
from efface.grid import Grid
from efface.io import PLACE_FIELDS, header_differences
from efface.scan import Scan
from efface.spatial.head_surface import Head, head_mask, head_of
from efface.spatial.mask import clearance_mm
from efface.spatial.orientation import turned, upright
from efface.spatial.overlap import head_overlap
from efface.spatial.regridding import Regridded, regridded
from efface.spatial.resample import resample
from efface.threads import threads
from efface.verdict import Check, Verdict, at_least, at_most
from efface.version import __version__

THREADS = 2
"""Groups of checks that run side by side."""
MIN_CLEARANCE_MM = 2.0
MIN_COVERAGE = 0.95
MIN_JAW = 0.85
"""Of chin and cheeks: what lies beside and under them is jaw and neck."""
MIN_FRONT = 0.85
"""Of the front of the face, by surface alone; the window around the nose reaches onto cheeks that may stay."""
MIN_EAR = 0.8
MAX_BRAIN_LIKE_ML = 4.0
"""Orbits and sinuses that flood with the brain stay below this on good plans; a cut lobe is far above."""
MAX_WRAPPED_ML = 0.3
MAX_OWN_SHARE = 0.02
"""Room for rounding on another machine, decided by no heads; on the same one it is 0."""
MAX_OWN_FOLLOWS = 0.55
"""Of what a method itself wrote. On five synthetic heads an average face in place measured 0.43 to 0.5, blurs with a
standard deviation of 2 and 4 mm 0.79 to 1, a fifth of the own face mixed into an average one 0.59 or more. Means over
cubes of 8 mm (0.41 to 0.55) and blurs of 8 mm (0.42 to 0.52) cannot be told from a new face."""
SCALE_LIMITS = (0.5, 1.35)
"""Head size over the average adult head's: born early to very large."""
MAX_ANISOTROPY = 1.45
MIN_HEAD_OVERLAP = 0.85
MIN_STRUCTURES = 8
"""With fewer, a wrong placement fits too easily."""
MIN_CONFIDENCE = 0.6
"""Of what the network saw; see the model card for how many wrong scans are left above it."""


def verify(
    original: Scan,
    defaced: Scan,
    *,
    anatomy: Anatomy | None = None,
    plan: DefacePlan | None = None,
    strict: bool = False,
) -> Verdict:
    """Judge a defaced scan against its original.

    Parameters
    ----------
    original, defaced : scans on one grid, or one that differs by the order of axes, flips, a crop or a pad
    anatomy : what was found in the original; found again if not given
    plan : what was to be done; without it, whatever changed counts as the face mask
    strict : also ask face detectors (extra ``study``)

    Raises
    ------
    GridMismatchError
        The defaced scan's voxels are not the original's.
    UsageError
        Strict, and the detectors' packages are missing.
    """
    placed = regridded(original, defaced, "the defaced scan")
    if plan is not None:
        original.grid.check_same(plan.grid, "the plan")
    changed = changed_voxels(original, placed.scan) | placed.unseen
    asked = _detectors(original, placed.scan) if strict else None
    anatomy = anatomy or locate(original)
    mask = plan.changed if plan is not None else changed
    head = head_of(original)
    kept = tuple(plan.parameters.get("keep", ())) if plan is not None else ()
    groups: list[Callable[[], list[Check]]] = [
        partial(_fidelity, original, placed, changed, plan),
        partial(_brain, original, anatomy, mask),
        partial(_features, head, mask, anatomy, kept),
        partial(_wrapped, original, mask, anatomy),
        partial(placement_checks, head, anatomy),
        partial(_independent, original, _emptied(placed.scan, anatomy, plan), mask, anatomy, kept),
        partial(_fill, original, placed.scan, anatomy, plan),
    ]
    if plan is None:
        groups.append(partial(foreign_checks, original, placed.scan, anatomy, changed))
    if asked is not None:
        groups.append(asked)
    with ThreadPoolExecutor(threads(THREADS)) as pool:  # most of the work is done outside Python
        begun = [pool.submit(group) for group in reversed(groups)]  # the independent look, which takes longest, early
        return Verdict(tuple(check for group in reversed(begun) for check in group.result()))


def _detectors(original: Scan, defaced: Scan) -> Callable[[], list[Check]]:
    """Return what asks the detectors; they are loaded now, so that a missing package is told at once."""
    from efface.strict import detector_checks, load_detectors  # few ask for them

    return partial(detector_checks, original, defaced, load_detectors())


def _fidelity(original: Scan, placed: Regridded, changed: NDArray[np.bool_], plan: DefacePlan | None) -> list[Check]:
    defaced = placed.scan
    differences = header_differences(original, defaced)
    if placed.moved:  # where its voxels lie was judged by bringing them back
        differences = tuple(name for name in differences if name not in PLACE_FIELDS)
    named = f" Differing: {', '.join(differences)}." if differences else ""
    checks = [
        at_most("header_fields_changed", len(differences), 0, "fields", f"The header is as it was.{named}"),
    ]
    if plan is None or placed.turned_axes:
        checks.append(at_most("header_axes_turned", placed.turned_axes, 0, "axes",
                              "Left, front and top are where the header says."))  # fmt: skip
    if plan is not None:
        outside = int((changed & ~plan.changed).sum())
        checks.append(at_most("outside_mask_changed", outside, 0, "voxels", "Outside the face mask nothing changed."))
        kept = _unlike(defaced.stored[plan.changed], plan.values_for(defaced))
        checks.append(at_most("mask_not_replaced", kept, 0, "voxels", "Inside the face mask all was replaced."))
    return checks


def _unlike(stored: NDArray[np.generic], values: NDArray[np.generic]) -> int:
    """Return how many stored values are not what was to be written; NaN is NaN."""
    unlike = stored != values
    if stored.dtype.kind == "f":
        unlike &= ~(np.isnan(stored) & np.isnan(values))
    return int(unlike.sum())


def _brain(original: Scan, anatomy: Anatomy, mask: NDArray[np.bool_]) -> list[Check]:
    touched = int((mask & anatomy.brain).sum())
    distance = clearance_mm(mask, anatomy.brain, anatomy.grid)
    checks = [
        at_most("brain_voxels_changed", touched, 0, "voxels", "No voxel inside the skull changed."),
        at_least("brain_clearance", distance, MIN_CLEARANCE_MM, "mm", "The face mask keeps away from the brain."),
    ]
    if original.stored.dtype.kind == "f":
        first = original.stored if original.stored.ndim == 3 else original.stored[..., 0]
        bad = int((~np.isfinite(first[anatomy.brain])).sum())
        checks.append(at_most("brain_not_finite", bad, 0, "voxels", "No voxel of the brain is NaN or infinite."))
    return checks


def _features(head: Head, mask: NDArray[np.bool_], anatomy: Anatomy, kept: tuple[str, ...]) -> list[Check]:
    found = feature_coverage(visible_skin(head, anatomy, SHOWN), mask, anatomy)
    checks = [
        at_least(
            f"{name}_covered",
            covered.fraction,
            MIN_COVERAGE if name in FEATURES else MIN_JAW,
            "of its visible skin",
            f"The {name.replace('_', ' ')} is covered ({covered.surface_cm2:g} cm2 of visible skin).",
        )
        for name, covered in found.items()
    ]
    return [_not_judged(check) if _is_kept(check, kept) else check for check in checks]


def _is_kept(check: Check, kept: tuple[str, ...]) -> bool:
    """Return whether a check judges what the plan was asked to keep."""
    parts = {"ears": ("left_ear", "right_ear"), "eyes": ("left_eye", "right_eye")}
    return any(name in check.name for part in kept for name in parts[part])


def _not_judged(check: Check) -> Check:
    return replace(check, passed=None, sentence=f"{check.sentence} Not judged: it was to be kept.")


def _wrapped(original: Scan, mask: NDArray[np.bool_], anatomy: Anatomy) -> list[Check]:
    left = wrapped_face(original, anatomy).tissue & ~mask
    volume = float(left.sum()) * abs(float(np.linalg.det(original.grid.affine[:3, :3]))) / 1000
    return [at_most("wrapped_face_left", volume, MAX_WRAPPED_ML, "ml",
                     "No part of the face is left that was folded to the view's other side.")]  # fmt: skip


def placement_checks(head: Head, anatomy: Anatomy) -> list[Check]:
    """Judge whether an anatomy is that of the head that was seen."""
    scales = np.linalg.svd(anatomy.atlas_to_scan[:3, :3], compute_uv=False)
    size = float(np.cbrt(scales.prod()))
    in_range = SCALE_LIMITS[0] <= size <= SCALE_LIMITS[1]
    limit = SCALE_LIMITS[0] if size < 1 else SCALE_LIMITS[1]
    stretch = float(scales[0] / scales[-1])
    overlap = head_overlap(head, anatomy.atlas_to_scan)
    return [
        Check("head_size", in_range, round(size, 3), limit, "x average adult", "The head found has a human size."),
        at_most("head_stretch", stretch, MAX_ANISOTROPY, "longest over shortest scale", "It has a human shape."),
        at_least("structures_found", anatomy.structures, MIN_STRUCTURES, "of 19", "Enough of the brain was seen."),
        at_least("confidence", anatomy.confidence, MIN_CONFIDENCE, "probability", "The network trusts what it saw."),
        at_least(
            "head_overlap",
            overlap,
            MIN_HEAD_OVERLAP,
            "Dice",
            "It lies where a head is.",
        ),
    ]


def _independent(
    original: Scan, defaced: Scan, mask: NDArray[np.bool_], anatomy: Anatomy, kept: tuple[str, ...]
) -> list[Check]:
    turn = upright(np.asarray(np.linalg.inv(anatomy.atlas_to_scan)))
    grid, leans = turned(anatomy.grid, turn), not np.array_equal(turn, np.eye(4))
    head, left = (head_mask(scan.intensities(), grid) if leans else head_of(scan) for scan in (original, defaced))
    surface = surface_change(head, left)
    volume = _brain_like_ml(head, mask, grid, step=2)
    if volume > MAX_BRAIN_LIKE_ML:  # few: look closer
        volume = _brain_like_ml(head, mask, grid, step=1)
    checks = [
        at_least("independent_front", surface.front, MIN_FRONT, "of the face's front",
                  "Around the nose the surface moved back."),
        at_least("independent_left_ear", surface.left_ear, MIN_EAR, "of the ear's outline",
                  "What stood out on the left side is gone."),
        at_least("independent_right_ear", surface.right_ear, MIN_EAR, "of the ear's outline",
                  "What stood out on the right side is gone."),
        at_most("independent_brain_removed", volume, MAX_BRAIN_LIKE_ML, "ml",
                 "No body of brain-like tissue lies in the hole."),
    ]  # fmt: skip
    return [_not_judged(check) if _is_kept(check, kept) else check for check in checks]


def _brain_like_ml(head: Head, mask: NDArray[np.bool_], grid: Grid, step: int) -> float:
    """Return how much of a body of brain-like tissue lies in the mask, ml; slivers are not counted."""
    removed = resample(mask.astype(np.uint8), grid, head.grid, order=0) > 0
    inside = ndimage.binary_opening(brain_like_tissue(head, step), iterations=3) & removed
    return float(inside.sum() * np.prod(head.grid.spacing_mm) / 1000)


def _emptied(defaced: Scan, anatomy: Anatomy, plan: DefacePlan | None) -> Scan:
    """Return the scan that says whether all of the face was replaced: what may be a new face is taken out again."""
    if plan is None or plan.values.ndim == 0 or plan.fill not in ("reface", OWN):
        return defaced
    stored = defaced.stored.copy(order="K")
    stored[plan.changed] = fill_values("zero", defaced, anatomy, plan.changed).values
    return defaced.with_stored(stored)


def _fill(original: Scan, defaced: Scan, anatomy: Anatomy, plan: DefacePlan | None) -> list[Check]:
    """Judge whether what was written follows from kept voxels alone; one value for all has no room for a face."""
    if plan is None or plan.values.ndim == 0:
        return []
    if plan.fill == OWN:  # only the method can make it again: ask whether it rises and falls with what was there
        return [reversible_check(original, defaced, plan.changed, MAX_OWN_FOLLOWS)]
    again = fill_values(plan.fill, defaced, anatomy, plan.changed).values
    share = own_share(original.stored[plan.changed], defaced.stored[plan.changed], again)
    made = plan.provenance.get("efface")
    other = "" if made == __version__ else f" The plan is by efface {made}; judge it with that version."
    return [
        at_most("own_face_left", share, MAX_OWN_SHARE, "of the own face",
                 f"What was written follows from kept voxels alone.{other}"),
    ]  # fmt: skip
