"""Verification refuses what harms a person or a study, whoever planned it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from efface import phantom
from efface.anatomy import Anatomy
from efface.deface_plan import apply_plan
from efface.errors import GridMismatchError, VerificationError
from efface.grid import Grid
from efface.io import read_scan
from efface.pipeline import deface_scan
from efface.planning import plan
from efface.scan import Scan
from efface.verification import verify

SPACING_MM = 2.5


@pytest.fixture(scope="module")
def good():
    """A defaced phantom that was verified; truth beside it."""
    person = phantom.make("T1w", spacing_mm=(SPACING_MM,) * 3, seed=3)
    return person, deface_scan(read_scan(person.image))


def judged(result, mask):
    """Verify a scan whose plan is the good one with another mask."""
    altered = replace(result.plan, mask=mask.astype(np.uint8))
    scan = apply_plan(result.original, altered)
    return verify(result.original, scan, anatomy=result.anatomy, plan=altered)


def failed(verdict):
    return {check.name for check in verdict.failed}


def shifted(mask, mm, axis):
    steps = round(mm / SPACING_MM)
    moved = np.roll(mask, steps, axis)
    moved[(slice(None),) * axis + (slice(0, steps) if steps > 0 else slice(steps, None),)] = 0
    return moved


def test_good_result_is_verified_with_and_without_its_plan(good):
    _, result = good
    assert result.verdict.passed, result.verdict.summary()
    assert verify(result.original, result.scan).passed


def test_checks_run_in_no_more_threads_than_are_allowed(good, monkeypatch):
    pools = []
    made = lambda most: pools.append(most) or ThreadPoolExecutor(most)  # noqa: E731 - one line says it
    monkeypatch.setattr("efface.verification.ThreadPoolExecutor", made)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    judged(good[1], good[1].plan.mask)
    assert pools == [1]


def test_untouched_scan_is_refused(good):
    _, result = good
    verdict = verify(result.original, result.original, anatomy=result.anatomy)
    assert {"left_eye_covered", "nose_covered", "left_ear_covered", "independent_front"} <= failed(verdict)


@pytest.mark.parametrize("part", ["left_eye", "nose", "right_ear"])
def test_one_feature_left_is_refused(good, part):
    _, result = good
    kept = result.anatomy.region(part)
    assert f"{part}_covered" in failed(judged(result, np.where(kept, 0, result.plan.mask)))


def test_a_nick_of_brain_is_refused(good):
    person, result = good
    mask = result.plan.mask.copy()
    inside = np.argwhere(person.where("brain"))
    mask[tuple(inside[len(inside) // 2])] = 1
    assert "brain_voxels_changed" in failed(judged(result, mask))


def test_a_mask_that_slid_into_the_brain_is_refused(good):
    _, result = good
    assert {"brain_voxels_changed", "brain_clearance"} & failed(judged(result, shifted(result.plan.mask, 40, 2)))


@pytest.mark.parametrize(("axis", "mm"), [(2, 45.0), (1, -55.0), (2, -60.0)])
def test_a_wrong_registration_does_not_verify_itself(good, axis, mm):
    _, result = good
    matrix = result.anatomy.atlas_to_scan.copy()
    matrix[axis, 3] += mm
    wrong = replace(
        result.anatomy,
        brain=shifted(result.anatomy.brain, mm, axis),
        atlas_to_scan=matrix,
    )
    decided = plan(result.original, wrong)
    verdict = verify(result.original, apply_plan(result.original, decided), anatomy=wrong, plan=decided)
    assert any(name.startswith(("independent", "head_")) for name in failed(verdict)), verdict.summary()


def test_a_network_that_is_not_sure_is_not_believed(good):
    _, result = good
    for doubt in ({"confidence": 0.2}, {"structures": 4}):
        unsure = replace(result.anatomy, **doubt)
        verdict = verify(result.original, result.scan, anatomy=unsure, plan=result.plan)
        assert len(failed(verdict)) == 1


@pytest.mark.parametrize(("first", "count"), [(0.4, 26), (0.6, 20)])
def test_a_slab_of_a_head_loses_no_brain_or_is_refused(first, count):
    person = phantom.make("T1w", spacing_mm=(3, 3, 3), seed=1)
    start = int(first * person.image.shape[2]) - 10
    slab = person.image.slicer[:, :, start : start + count]
    tissue = person.where("brain") & ~person.where("csf") & ~person.where("bone")
    brain = tissue[:, :, start : start + count]
    try:
        result = deface_scan(read_scan(slab))
    except VerificationError:
        return
    assert not (result.verdict.passed and (result.plan.changed & brain).any())


@pytest.mark.parametrize("turn_deg", [(0.0, 35.0, 0.0), (-30.0, 0.0, 20.0)])
def test_a_head_that_leans_is_judged_upright(turn_deg):
    person = phantom.make("T1w", spacing_mm=(SPACING_MM,) * 3, seed=3, turn_deg=turn_deg)
    assert deface_scan(read_scan(person.image)).verdict.passed


@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_a_padded_slab_is_judged_by_what_it_shows(tilt):
    """Slices beyond a plane, along an axis or across, hold nothing: the head is judged as far as it was seen."""
    person = phantom.make("T2w", spacing_mm=(SPACING_MM,) * 3, seed=3)
    scan = read_scan(person.image)
    places = scan.grid.ras(np.argwhere(np.ones(scan.grid.shape, bool)))
    middle = scan.grid.ras(np.argwhere(person.where("brain"))).mean(axis=0)
    height = ((places - middle) @ [0.0, tilt, 1.0]).reshape(scan.grid.shape)
    stored = np.where((height > -60) & (height < 25), scan.stored, 0).astype(scan.stored.dtype)
    result = deface_scan(scan.with_stored(stored))
    assert result.verdict.passed, result.verdict.summary()


def test_a_newborn_has_a_human_size():
    person = phantom.make("T2w", spacing_mm=(1.5,) * 3, seed=3, size=0.57)
    assert "head_size" not in failed(deface_scan(read_scan(person.image)).verdict)


def test_one_changed_voxel_outside_the_mask_is_refused(good):
    _, result = good
    stored = result.scan.stored.copy()
    stored[tuple(np.argwhere(result.plan.mask == 0)[1000])] += 1
    verdict = verify(result.original, result.scan.with_stored(stored), anatomy=result.anatomy, plan=result.plan)
    assert failed(verdict) == {"outside_mask_changed"}


def test_a_face_that_was_not_replaced_is_refused(good):
    _, result = good
    verdict = verify(result.original, result.original, anatomy=result.anatomy, plan=result.plan)
    assert "mask_not_replaced" in failed(verdict)


def test_a_changed_header_is_named(good):
    _, result = good
    head = bytearray(result.scan.source.head)
    head[148:152] = b"name"  # descrip
    scan = replace(result.scan, source=replace(result.scan.source, head=bytes(head)))
    verdict = verify(result.original, scan, anatomy=result.anatomy, plan=result.plan)
    check = next(check for check in verdict.failed)
    assert check.name == "header_fields_changed"
    assert "descrip" in check.sentence


def test_scans_on_two_grids_are_not_compared(good):
    _, result = good
    affine = result.scan.grid.affine.copy()
    affine[0, 3] += 1
    moved = replace(result.scan, grid=Grid(result.scan.grid.shape, affine))
    with pytest.raises(GridMismatchError, match="resample"):
        verify(result.original, moved)


def test_non_finite_brain_is_refused_and_elsewhere_is_not(good):
    _, result = good
    for where, refused in ((result.anatomy.brain, True), (~result.anatomy.brain & ~result.plan.changed, False)):
        stored = result.original.stored.astype(np.float32)
        stored[tuple(np.argwhere(where)[5000])] = np.nan
        verdict = deface_scan(float_scan(result.original, stored)).verdict
        assert ("brain_not_finite" in failed(verdict)) is refused, verdict.summary()


def float_scan(scan: Scan, stored) -> Scan:
    return replace(scan, stored=stored)


def test_a_ball_of_noise_is_refused():
    rng = np.random.default_rng(0)
    grid = Grid((60, 60, 60), np.diag([4.0, 4.0, 4.0, 1.0]))
    distance = np.linalg.norm(np.indices(grid.shape) - 30.0, axis=0)[()]
    values = np.where(distance < 22, rng.normal(100, 30, grid.shape), 0).clip(0).astype(np.int16)
    scan = replace(read_scan(phantom.head(spacing_mm=(8, 8, 8))), stored=values, grid=grid)
    assert not deface_scan(scan).verdict.passed


def test_anatomy_is_read_only(good):
    anatomy: Anatomy = good[1].anatomy
    with pytest.raises(ValueError, match="read-only"):
        anatomy.labels[0, 0, 0] = 1
