"""What holds for every method of the table: any orientation, dtype and number of volumes, every fill, and verification.

One synthetic head is located once. Stored along other axes it is the same head, and its anatomy is turned with it.
"""

import sys
from dataclasses import fields, replace
from functools import lru_cache

import nibabel as nib
import numpy as np
import pytest
from nibabel import orientations

import efface
from efface import phantom
from efface.anatomy import Anatomy
from efface.deface_plan import DefacePlan
from efface.errors import UsageError
from efface.fill import FILLS, OWN
from efface.grid import Grid
from efface.io import read_scan
from efface.methods import TABLE, get_method, method_class
from efface.methods.base import availability_of, traits_of
from efface.methods.external import External
from efface.methods.regions import region_names
from efface.planning import decide, plan_decided

COARSE = (5.0, 5.0, 5.0)
SCRIPT = (
    "import sys, nibabel as nib, numpy as np; image = nib.load(sys.argv[1]); "
    "voxels = np.asarray(image.dataobj).copy(); "
    "y = nib.affines.apply_affine(image.affine, np.moveaxis(np.indices(voxels.shape), 0, -1))[..., 1]; "
    "voxels[y > np.quantile(y, 0.8)] = 0; nib.save(nib.Nifti1Image(voxels, image.affine), sys.argv[2])"
)
PARAMETERS = {"external": {"command_line": f"'{sys.executable}' -c '{SCRIPT}' {{in}} {{out}}"}}
"""Of methods that have no default for something."""
KINDS = {"LPS": ("uint8", 1), "PIR": (">f4", 2), "SAL": ("float64", 1)}
"""Orientation -> dtype and number of volumes: each of them once."""
FILES = {"template", "mask_template", "brain_mask"}
MOST_UNLIKE = 0.005
"""Of the mask: voxels between two regions may fall to either side by rounding."""


def usable(key):
    """Return whether a method can be tried here; the known programs have tests of their own."""
    method = method_class(key)
    return key in PARAMETERS or not (issubclass(method, External) or not availability_of(method).ready)


KEYS = [key for key in TABLE if usable(key)]


def parameters_of(key):
    return [each.name for each in fields(method_class(key))]


def made(key):
    return get_method(key, **PARAMETERS.get(key, {}))


@pytest.fixture(scope="module")
def head():
    """A scan, and what was found in it."""
    scan = read_scan(phantom.head("T1w", spacing_mm=COARSE, seed=3))
    return scan, efface.locate(scan)


@pytest.fixture(scope="module")
def decided(head):
    """``decided(key)`` is what a method decides of the head, made once."""
    return lru_cache(maxsize=None)(lambda key: decide(made(key), *head))


def stored_along(code, scan, anatomy: Anatomy, dtype="int16", volumes=1):
    """Return the same head stored along other axes, in another dtype, as several volumes."""
    turn = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(code))
    grid = Grid(
        orientations.apply_orientation(scan.stored, turn).shape,
        scan.grid.affine @ orientations.inv_ornt_aff(turn, scan.grid.shape),
    )
    voxels = orientations.apply_orientation(np.clip(scan.stored // 5, 0, 255), turn).astype(dtype)
    if volumes > 1:
        voxels = np.stack([voxels] * volumes, axis=-1)
    brain = np.ascontiguousarray(orientations.apply_orientation(anatomy.brain, turn))
    other = read_scan(nib.Nifti1Image(voxels, grid.affine, dtype=voxels.dtype))
    return replace(other, stored=voxels), replace(anatomy, grid=grid, brain=brain)


def turned(volume, code):
    turn = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(code))
    return orientations.apply_orientation(volume, turn)


def numbers(key):
    """Name every parameter that holds numbers, and how many it holds by default."""
    for each in fields(method_class(key)):
        held = each.default if isinstance(each.default, tuple) else (each.default,)
        if held and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in held):
            yield each.name, len(held)


@pytest.mark.parametrize("absurd", [np.nan, -1e9, 1e9])
@pytest.mark.parametrize("key", KEYS)
def test_absurd_numbers_are_refused_at_once(key, absurd):
    for name, count in numbers(key):
        with pytest.raises(UsageError, match=name):
            get_method(key, **PARAMETERS.get(key, {}), **{name: absurd if count == 1 else (absurd,) * count})


@pytest.mark.parametrize("key", [key for key in KEYS if FILES & set(parameters_of(key))])
def test_a_file_that_is_not_there_is_missed_at_once(key):
    given = dict.fromkeys(FILES & set(parameters_of(key)), "missing.nii.gz")
    with pytest.raises(UsageError, match=r"missing\.nii\.gz: no such file"):
        get_method(key, **given)


@pytest.mark.parametrize("key", KEYS)
def test_the_mask_names_regions_and_something_of_the_face_goes(head, decided, key):
    decision = decided(key)
    assert decision.mask.dtype == np.uint8
    assert decision.mask.shape == head[0].grid.shape
    assert set(np.unique(decision.mask)) - {0} <= set(region_names())
    assert (decision.mask > 0).sum() > 1000
    assert decision.values is None or len(decision.values) == np.count_nonzero(decision.mask)
    assert traits_of(made(key)).writes_own or decision.values is None
    assert all(isinstance(number, int) for number in decision.choices.values())


@pytest.mark.parametrize("key", KEYS)
def test_the_same_scan_gives_the_same_decision(head, decided, key):
    one, two = decided(key), decide(made(key), *head)
    assert np.array_equal(one.mask, two.mask)
    assert dict(one.choices) == dict(two.choices)
    assert one.values is None or np.array_equal(one.values, two.values, equal_nan=True)


@pytest.mark.parametrize("code", KINDS)
@pytest.mark.parametrize("key", KEYS)
def test_the_mask_turns_with_the_axes_whatever_holds_the_voxels(head, key, code):
    dtype, volumes = KINDS[code]
    method = made(key)
    upright, anatomy = stored_along("RAS", *head)
    scan, other = stored_along(code, *head, dtype=dtype, volumes=volumes)
    decision = decide(method, scan, other)
    expected = turned(reference(method, upright, anatomy), code)
    assert (expected != decision.mask).sum() < MOST_UNLIKE * np.count_nonzero(expected)
    plan = plan_decided(scan, other, method, decision, "zero")
    result = efface.apply_plan(scan, plan)
    assert result.stored.dtype == scan.stored.dtype
    assert result.stored.shape == scan.stored.shape
    assert (result.stored[plan.changed] == 0).all()


REFERENCES = {}


def reference(method, upright, anatomy):
    """Return the mask of the head as it lies, in the same numbers; made once."""
    if method.key not in REFERENCES:
        REFERENCES[method.key] = decide(method, upright, anatomy).mask
    return REFERENCES[method.key]


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("key", KEYS)
def test_every_fill_and_a_saved_plan_that_does_the_same(head, decided, key, fill):
    if fill == OWN and not traits_of(made(key)).writes_own:
        pytest.skip("it writes nothing of its own")
    scan, anatomy = head
    plan = plan_decided(scan, anatomy, made(key), decided(key), fill)
    result = efface.apply_plan(scan, plan)
    assert np.array_equal(result.stored[~plan.changed], scan.stored[~plan.changed])
    again = efface.apply_plan(scan, DefacePlan.from_bytes(plan.to_bytes()))
    assert np.array_equal(again.stored, result.stored)


@pytest.mark.parametrize("key", KEYS)
def test_it_goes_through_verification(head, decided, key):
    scan, anatomy = head
    fill = traits_of(made(key)).default_fill
    plan = plan_decided(scan, anatomy, made(key), decided(key), fill)
    verdict = efface.verify(scan, efface.apply_plan(scan, plan), anatomy=anatomy, plan=plan)
    checks = {check.name: check for check in verdict.checks}
    for name in ("header_fields_changed", "outside_mask_changed", "mask_not_replaced"):
        assert checks[name].passed, name
    assert checks["nose_covered"].value > 0.5
