"""A new face is in the scan's own contrast, meets what is kept, and is not the person's own."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

import efface
from efface.deface_plan import apply_plan
from efface.io import read_scan
from efface.phantom import CONTRASTS, head
from efface.verification import verify


def shell(solid, low, high):
    """Return what lies between two depths under a head's surface, voxels."""
    depth = ndimage.distance_transform_edt(ndimage.binary_fill_holes(solid))
    return (depth > low) & (depth <= high)


def step(stored, pairs):
    """Return the mean step between neighbours, over the pairs that a function picks from two masks."""
    found = []
    for axis in range(3):
        low, high = (tuple(slice(a, stored.shape[k] - 1 + a) if k == axis else slice(None) for k in range(3))
                     for a in (0, 1))  # fmt: skip
        found.append(np.abs(stored[low].astype(float) - stored[high])[pairs(low, high)])
    return np.concatenate(found).mean()


def seam(stored, mask, brain):
    """Return the mean step over the mask's border, over the one between kept neighbours next to it.

    1.4 in an untouched scan of the phantom: there is more skin on the border than beside it.
    """
    near = ndimage.binary_dilation(mask, iterations=3) & ~mask & ~ndimage.binary_dilation(brain, iterations=1)
    across = step(stored, lambda a, b: mask[a] != mask[b])
    return across / step(stored, lambda a, b: near[a] & near[b])


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_new_skin_is_as_bright_as_kept_skin(person, contrast):
    scan = person.scan(contrast)
    filled = person.filled("reface", scan)
    limit = 0.2 * np.percentile(scan.stored[person.head], 75)
    skin = shell(filled > limit, 1, 2)
    new, kept = (np.median(filled[skin & where]) for where in (person.mask, ~person.mask))
    assert 0.7 < new / kept < 1.4


@pytest.mark.parametrize("contrast", ["T1w", "T2w", "FLAIR"])
def test_no_seam(person, contrast):
    scan = person.scan(contrast)
    own, zero, new = (
        seam(stored, person.mask, person.anatomy.brain)
        for stored in (scan.stored, person.filled("zero", scan), person.filled("reface", scan))
    )
    assert new < 1.2 * own
    assert zero > 2 * own


def test_air_in_front_of_the_new_face_is_noise(person, phantom_scan):
    filled = person.filled("reface", phantom_scan)
    air = ~ndimage.binary_dilation(person.head, iterations=6)
    inside, outside = filled[person.mask & air], filled[~person.mask & air]
    assert np.median(inside) == pytest.approx(np.median(outside), rel=0.1)
    assert inside.std() == pytest.approx(outside.std(), rel=0.3)


@pytest.fixture(scope="module")
def refaced(person, phantom_scan):
    plan = efface.plan(phantom_scan, person.anatomy, fill="reface")
    return plan, apply_plan(phantom_scan, plan)


def test_a_new_face_is_verified_with_its_plan(person, phantom_scan, refaced):
    plan, result = refaced
    verdict = verify(phantom_scan, result, anatomy=person.anatomy, plan=plan)
    assert verdict.passed, verdict.summary()
    share = next(check for check in verdict.checks if check.name == "own_face_left")
    assert share.value == 0


def own_face(scan, _):
    return scan.stored.astype(float)


def own_face_blurred(scan, _):
    return ndimage.gaussian_filter(scan.stored.astype(float), 2.0)  # 5 mm


def own_face_under_noise(scan, _):
    return np.abs(scan.stored + np.random.default_rng(0).normal(0, 30, scan.stored.shape))


def own_face_darker(scan, _):
    return scan.stored * 0.7


def a_tenth_of_own_face(scan, refaced):
    return 0.1 * scan.stored + 0.9 * refaced[1].stored


FACES = [own_face, own_face_blurred, own_face_under_noise, own_face_darker, a_tenth_of_own_face]


@pytest.mark.parametrize("face", FACES)
def test_a_new_face_that_is_the_own_is_refused(person, phantom_scan, refaced, face):
    plan = refaced[0]
    values = np.rint(face(phantom_scan, refaced)).astype(np.int16)[plan.changed]
    kept = replace(plan, values=values)
    verdict = verify(phantom_scan, apply_plan(phantom_scan, kept), anatomy=person.anatomy, plan=kept)
    assert {check.name for check in verdict.failed} == {"own_face_left"}, verdict.summary()


def test_a_new_face_that_leaves_the_nose_is_refused(person, phantom_scan, refaced):
    plan, _ = refaced
    mask = np.where(person.anatomy.region("nose"), 0, plan.mask)
    less = replace(plan, mask=mask.astype(np.uint8), values=plan.values[mask[plan.changed] > 0])
    verdict = verify(phantom_scan, apply_plan(phantom_scan, less), anatomy=person.anatomy, plan=less)
    assert {"nose_covered", "independent_front"} & {check.name for check in verdict.failed}


def test_without_its_plan_a_new_face_is_refused(person, phantom_scan, refaced):
    verdict = verify(phantom_scan, refaced[1], anatomy=person.anatomy)
    assert "independent_front" in {check.name for check in verdict.failed}


def test_another_face_than_the_plans_is_refused(person, phantom_scan, refaced):
    plan, result = refaced
    stored = result.stored.copy()
    stored[tuple(np.argwhere(plan.changed)[100])] += 1
    verdict = verify(phantom_scan, result.with_stored(stored), anatomy=person.anatomy, plan=plan)
    assert "mask_not_replaced" in {check.name for check in verdict.failed}


def test_noise_is_verified_without_its_plan(person, phantom_scan):
    plan = efface.plan(phantom_scan, person.anatomy, fill="noise")
    verdict = verify(phantom_scan, apply_plan(phantom_scan, plan), anatomy=person.anatomy)
    assert verdict.passed, verdict.summary()


@pytest.mark.parametrize(
    "options",
    [
        {"spacing_mm": (1.5, 1.5, 6.0), "contrast": "T2w"},
        {"spacing_mm": (3.0, 3.0, 3.0), "orientation": "PIR", "turn_deg": (10, -6, 12)},
    ],
    ids=["thick slices", "turned"],
)
def test_other_grids_get_a_face_too(options):
    scan = read_scan(head(seed=3, **options))
    anatomy = efface.locate(scan)
    plan = efface.plan(scan, anatomy, fill="reface")
    stored = apply_plan(scan, plan).stored
    assert seam(stored, plan.changed, anatomy.brain) < 1.2 * seam(scan.stored, plan.changed, anatomy.brain)
    limit = 0.2 * np.percentile(scan.stored[anatomy.brain], 50)
    before, after = ((volume[plan.changed] > limit).sum() for volume in (scan.stored, stored))
    assert 0.6 < after / before < 1.6
