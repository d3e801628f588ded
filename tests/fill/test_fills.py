"""What holds for every fill: it is decided by what is kept, and comes in the scan's own numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel import orientations
from scipy.spatial.transform import Rotation

import efface
from efface.deface_plan import DefacePlan
from efface.errors import UsageError
from efface.fill import TABLE, fill_values
from efface.grid import Grid

FILLS = sorted(TABLE)


def exchanged(scan, mask, seed):
    """Return the scan with other voxels in the mask: noise of any brightness, or the face upside down."""
    stored, rng = scan.stored.copy(), np.random.default_rng(seed)
    count = int(mask.sum())
    stored[mask] = rng.permutation(stored[mask]) if seed % 2 else rng.integers(0, 1 + rng.integers(1, 30000), count)
    return scan.with_stored(stored)


@pytest.mark.parametrize("key", FILLS)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000))
def test_no_voxel_of_the_face_has_a_say(person, phantom_scan, key, seed):
    other = exchanged(phantom_scan, person.mask, seed)
    assert not np.array_equal(other.stored, phantom_scan.stored)
    one, two = person.filling(key, phantom_scan), person.filling(key, other)
    assert one.values.tobytes() == two.values.tobytes()
    assert one.facts == two.facts


@pytest.mark.parametrize("key", ["noise", "reface"])
def test_kept_voxels_have_a_say(person, phantom_scan, key):
    stored = phantom_scan.stored.copy()
    stored[~person.mask] //= 2
    other = person.filling(key, phantom_scan.with_stored(stored))
    assert not np.array_equal(other.values, person.filling(key, phantom_scan).values)


@pytest.mark.parametrize("key", FILLS)
def test_the_same_scan_gives_the_same_bytes(person, phantom_scan, key):
    plans = [efface.plan(phantom_scan, person.anatomy, fill=key).to_bytes() for _ in range(2)]
    assert plans[0] == plans[1]


@pytest.mark.parametrize("key", FILLS)
@pytest.mark.parametrize("dtype", ["uint8", "int16", ">i2", "float32", ">f8"])
def test_a_fill_speaks_the_scans_numbers(person, key, dtype):
    scan = person.scan(dtype=np.dtype(dtype).newbyteorder("="))
    scan = replace(scan, stored=scan.stored.astype(dtype))
    values = person.filling(key, scan).values
    assert values.dtype == scan.stored.dtype
    assert values.shape == (() if key == "zero" else (int(person.mask.sum()),))
    if key == "reface":
        assert 0.5 < bright(values) / bright(scan.stored[person.mask]) < 2


def bright(values):
    return float(np.percentile(values.astype(float), 90))


@pytest.mark.parametrize("key", FILLS)
def test_slope_and_offset_are_of_no_matter(person, phantom_scan, key):
    stored = (phantom_scan.stored.astype(np.float32) * 2 + 100).astype(np.int16)
    scan = replace(phantom_scan, stored=stored, slope=0.5, inter=-50.0)
    plain = person.filling(key, phantom_scan).values.astype(float)
    scaled = person.filling(key, scan).values * 0.5 - 50.0
    assert abs(np.median(scaled) - np.median(plain)) < 4
    assert np.percentile(scaled, 95) == pytest.approx(np.percentile(plain, 95), rel=0.05, abs=4)


@pytest.mark.parametrize("key", ["noise", "reface"])
def test_every_volume_is_drawn_anew(person, key):
    scan = person.scan(volumes=3)
    plan = efface.plan(scan, person.anatomy, fill=key)
    assert plan.values.shape == (int(plan.changed.sum()), 3)
    one, two = plan.values[:, 0].astype(float), plan.values[:, 1].astype(float)
    assert (one != two).mean() > 0.8
    result = efface.apply_plan(scan, DefacePlan.from_bytes(plan.to_bytes()))
    assert np.array_equal(result.stored[plan.changed], plan.values)
    assert np.array_equal(result.stored[~plan.changed], scan.stored[~plan.changed])


@pytest.mark.parametrize("key", ["noise", "reface"])
def test_a_plan_of_many_values_survives_its_file(person, phantom_scan, key):
    plan = efface.plan(phantom_scan, person.anatomy, fill=key)
    again = DefacePlan.from_bytes(plan.to_bytes())
    assert again.fill_facts == plan.fill_facts
    one, two = (efface.apply_plan(phantom_scan, p).stored for p in (plan, again))
    assert np.array_equal(one, two)


def test_a_plan_for_volumes_fits_no_other_number_of_them(person, phantom_scan):
    plan = efface.plan(person.scan(volumes=2), person.anatomy, fill="noise")
    with pytest.raises(UsageError, match="2 volumes"):
        efface.apply_plan(phantom_scan, plan)


def test_values_that_do_not_fit_the_mask_are_no_plan(person, phantom_scan):
    plan = efface.plan(phantom_scan, person.anatomy, fill="noise")
    with pytest.raises(ValueError, match="replaced voxels"):
        replace(plan, values=plan.values[:-1])


def turned(anatomy, grid, turn, brain):
    """Return the anatomy of the same head elsewhere: on another grid, its world turned."""
    return replace(anatomy, grid=grid, brain=brain, atlas_to_scan=turn @ anatomy.atlas_to_scan)


@pytest.mark.parametrize("key", ["noise", "reface"])
def test_an_oblique_head_gets_the_same_face(person, phantom_scan, key):
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", (17, -11, 23), degrees=True).as_matrix()
    turn[:3, 3] = (31, -12, 55)
    grid = Grid(phantom_scan.grid.shape, turn @ phantom_scan.grid.affine)
    oblique = replace(phantom_scan, grid=grid)
    anatomy = turned(person.anatomy, grid, turn, person.anatomy.brain)
    one = person.filling(key, phantom_scan).values.astype(float)
    two = fill_values(key, oblique, anatomy, person.mask).values
    assert (np.abs(two - one) > 2).mean() < 0.002  # rounding


@pytest.mark.parametrize("code", ["LPS", "PIR", "ASL", "SLA", "IRP", "LSA"])
def test_however_it_is_stored_it_is_the_same_face(person, phantom_scan, code):
    def stored_so(array):
        return np.asarray(orientations.apply_orientation(array, change))

    grid = phantom_scan.grid
    change = orientations.ornt_transform(orientations.io_orientation(grid.affine), orientations.axcodes2ornt(code))
    affine = grid.affine @ orientations.inv_ornt_aff(change, grid.shape)
    other = Grid(stored_so(person.mask).shape, affine)
    scan = replace(phantom_scan, stored=stored_so(phantom_scan.stored), grid=other)
    anatomy = turned(person.anatomy, other, np.eye(4), stored_so(person.anatomy.brain))
    result = scan.stored.copy()
    result[stored_so(person.mask)] = fill_values("reface", scan, anatomy, stored_so(person.mask)).values
    same = stored_so(person.filled("reface", phantom_scan)).astype(float)
    assert np.array_equal(result[~stored_so(person.mask)], scan.stored[~stored_so(person.mask)])
    where = stored_so(person.mask & person.head)
    assert np.corrcoef(result[where], same[where])[0, 1] > 0.98  # noise is drawn anew
    assert np.median(result[where]) == pytest.approx(np.median(same[where]), rel=0.03)


def test_a_fill_that_is_not_there_is_named(person, phantom_scan):
    with pytest.raises(UsageError, match="noise, own, reface, zero"):
        efface.plan(phantom_scan, person.anatomy, fill="marble")


def test_what_is_written_about_a_fill_is_about_kept_voxels(person, phantom_scan):
    facts = person.filling("reface", phantom_scan).facts
    assert facts["tissue_levels"]["white"] == pytest.approx(600, rel=0.2)
    assert facts["tissue_levels"]["bone"] < facts["tissue_levels"]["muscle"] < facts["tissue_levels"]["fat"]
    assert facts["levels_inferred"] == ["mucosa"]
