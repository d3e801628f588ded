"""The default method: the brain decides what goes, muscles and tongue stay, what was folded over goes."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from efface import phantom
from efface.anatomy import locate
from efface.atlas import FACE, load_atlas, load_envelope
from efface.deface_plan import DefacePlan, apply_plan
from efface.errors import UsageError
from efface.evaluate.wrapped import wrapped_face
from efface.grid import Grid
from efface.io import read_scan
from efface.methods import get_method
from efface.methods.anatomy import BrainDecides
from efface.methods.growth import GROUPS
from efface.pipeline import deface_scan
from efface.planning import plan
from efface.spatial.resample import resample
from efface.verification import verify

COARSE = (3.0, 3.0, 3.0)
EARS = [load_atlas().region(name) for name in ("left_ear", "right_ear")]


@pytest.fixture(scope="module")
def adult():
    """A phantom, its scan and what was found in it."""
    person = phantom.make("T1w", spacing_mm=COARSE, seed=3)
    scan = read_scan(person.image)
    return person, scan, locate(scan)


@pytest.fixture(scope="module")
def default(adult):
    return anatomy_plan(adult[1], adult[2])


def anatomy_plan(scan, anatomy, **parameters):
    return plan(scan, anatomy, method="anatomy", **parameters)


def share(mask, part):
    return float(mask[part].mean())


def judged(scan, anatomy, decided):
    return verify(scan, apply_plan(scan, decided), anatomy=anatomy, plan=decided)


def test_most_of_muscles_and_tongue_stay(adult, default):
    person = adult[0]
    assert share(default.changed, person.where("left_temporalis")) < 0.25
    assert share(default.changed, person.where("right_temporalis")) < 0.25
    assert share(default.changed, person.where("tongue")) < 0.5


def test_eyes_and_ears_go_whole_and_each_part_has_its_name(adult, default):
    person = adult[0]
    assert share(default.changed, person.where("eye")) > 0.98
    assert set(default.names.values()) == set(FACE)
    for name in ("left_eye", "right_eye"):
        eye = person.where("eye") & (person.regions == load_atlas().region(name))
        assert share(default.mask == load_atlas().region(name), eye) > 0.8


def test_full_takes_all_that_face_takes_and_the_tongue_but_no_brain(adult, default):
    person, scan, anatomy = adult
    full = anatomy_plan(scan, anatomy, extent="full")
    assert not (default.changed & ~full.changed).any()
    assert share(full.changed, person.where("tongue")) > 0.9
    assert full.changed.sum() > 1.2 * default.changed.sum()
    assert not (full.changed & anatomy.brain).any()


def test_ears_are_kept_and_not_judged_on_request(adult, default):
    _, scan, anatomy = adult
    kept = anatomy_plan(scan, anatomy, keep="ears")
    assert np.isin(default.mask, EARS).any()
    assert not np.isin(kept.mask, EARS).any()
    verdict = judged(scan, anatomy, kept)
    assert verdict.passed, verdict.summary()
    assert {check.passed for check in verdict.checks if "ear_" in check.name or check.name.endswith("_ear")} == {None}
    hidden = replace(kept, parameters=dict(kept.parameters) | {"keep": []})
    assert not judged(scan, anatomy, hidden).passed


@pytest.mark.parametrize("parameters", [{"extent": "half"}, {"keep": ("nose",)}, {"clearance_mm": 1.0}])
def test_wrong_parameters_are_refused(parameters):
    with pytest.raises(UsageError, match=next(iter(parameters))):
        get_method("anatomy", **parameters)


def test_the_steps_are_few_whole_numbers_and_in_the_saved_plan(default):
    groups = ("eyes", "nose", "mouth", "chin", "cheeks", "left_ear", "right_ear")
    looked = {f"look_{name}" for name in ("turned", "nod", "tilt", "turn", "size", "x", "y", "z")} | {"wide_brain_room"}
    decided = {"size_class", "folded_voxels", *(f"{name}_steps" for name in groups)}
    assert set(default.choices) == looked | decided
    assert all(isinstance(number, int) for number in default.choices.values())
    assert all(0 <= default.choices[f"{name}_steps"] <= 8 for name in groups)
    assert DefacePlan.from_bytes(default.to_bytes()).choices == default.choices


def test_a_region_that_is_too_small_grows_by_more_steps_until_eyes_nose_and_mouth_are_covered(adult, default):
    _, scan, anatomy = adult
    margins = {f"{part}margin_mm": -35.0 for part in ("", "jaw_", "chin_", "ear_")}
    small = anatomy_plan(scan, anatomy, **margins)
    stuck = anatomy_plan(scan, anatomy, **margins, max_steps=0)
    assert small.choices["nose_steps"] > default.choices["nose_steps"]
    failed = [{check.name for check in judged(scan, anatomy, one).failed} for one in (small, stuck)]
    assert not {"left_eye_covered", "nose_covered", "mouth_covered"} & failed[0]
    assert failed[1]


def test_a_childs_brain_chooses_a_childs_envelope():
    size = {}
    for head in (0.7, 1.0):
        scan = read_scan(phantom.head("T1w", spacing_mm=COARSE, seed=2, size=head))
        size[head] = anatomy_plan(scan, locate(scan)).choices["size_class"]
    assert size[0.7] < size[1.0]
    envelope = load_envelope()
    tongue = envelope.grid.index([0.0, 42.0, -95.0]).round().astype(int)
    assert envelope.distance_mm[size[0.7]][tuple(tongue)] < 0 < envelope.distance_mm[size[1.0]][tuple(tongue)]


def rolled(person, axis, beyond_mm):
    """Return the scan with the head moved past one end of the view and folded in at the other, and the truth so too."""
    head = person.where("head")
    last = int(np.flatnonzero(head.any(axis=tuple({0, 1, 2} - {axis})))[-1])
    steps = head.shape[axis] - 1 - last + round(beyond_mm / 3)
    voxels = np.roll(np.asarray(person.image.dataobj), steps, axis)
    return read_scan(nib.Nifti1Image(voxels, person.image.affine)), np.roll(head, steps, axis), steps


@pytest.mark.parametrize(("axis", "least"), [(0, 0.9), (1, 0.95)])
def test_what_was_folded_of_the_face_goes_and_the_back_of_the_head_stays(axis, least):
    person = phantom.make("T1w", spacing_mm=COARSE, seed=3, noise=0.01)
    scan, head, steps = rolled(person, axis, 15.0)
    folded, _ = ndimage.label(head)
    pieces = folded == folded[(slice(0, 1),) + (slice(None),) * 2 if axis == 0 else (slice(None), slice(0, 1))].max()
    result = deface_scan(scan, method="anatomy")
    face = np.isin(np.roll(person.regions, steps, axis), [load_atlas().region(name) for name in FACE])
    assert (pieces & face).sum() > 30
    assert share(result.plan.changed, pieces & face) > least
    back = head & ~pieces & (np.indices(head.shape)[axis] < head.shape[axis] // 3)
    assert axis == 0 or share(result.plan.changed, back) < 0.01
    left = replace(result.plan, mask=np.where(pieces, 0, result.plan.mask))
    verdict = judged(scan, result.anatomy, left)
    assert "wrapped_face_left" in {check.name for check in verdict.failed}


def test_nothing_is_taken_for_folded_in_a_plain_scan(adult):
    found = wrapped_face(adult[1], adult[2])
    assert not found.tissue.any()
    assert not found.block.any()


def test_another_persons_face_gives_the_same_bytes():
    """Non-interference, from end to end: what is written follows from what is kept alone."""
    scan, other = (read_scan(phantom.head("T1w", spacing_mm=COARSE, seed=seed)) for seed in (8, 9))
    one = deface_scan(scan)
    shape = tuple(min(a, b) for a, b in zip(other.grid.shape, scan.grid.shape, strict=True))
    box = tuple(slice(n) for n in shape)
    inner = np.zeros(scan.grid.shape, bool)
    inner[box] = ndimage.binary_erosion(one.plan.changed, iterations=4)[box]
    stored = scan.stored.copy()
    stored[inner] = np.pad(other.stored[box], [(0, a - b) for a, b in zip(scan.grid.shape, shape, strict=True)])[inner]
    assert (stored != scan.stored).sum() > 5000
    two = deface_scan(scan.with_stored(stored))
    outputs = [each.scan.stored for each in (one, two)]
    assert dict(one.plan.choices) == dict(two.plan.choices)
    assert np.array_equal(*outputs)


@st.composite
def grids(draw):
    """A grid of any spacing, turned anyhow, around the atlas's brain or off it."""
    spacing = np.array([draw(st.sampled_from([0.8, 1.0, 2.2, 6.0])) for _ in range(3)])
    shape = tuple(max(1, int(draw(st.sampled_from([20, 120, 200])) / each)) for each in spacing)
    affine = np.eye(4)
    turn = Rotation.from_euler("xyz", [draw(st.integers(-40, 40)) for _ in range(3)], degrees=True).as_matrix()
    affine[:3, :3] = turn * spacing * [draw(st.sampled_from([-1, 1])) for _ in range(3)]
    middle = load_atlas().brain_center + [draw(st.integers(-80, 80)) for _ in range(3)]
    affine[:3, 3] = middle - affine[:3, :3] @ (np.array(shape) - 1) / 2
    return Grid(shape, affine)


@settings(max_examples=25, deadline=None)
@given(grids(), st.sampled_from([0.55, 1.0, 1.2]))
def test_no_voxel_to_remove_lies_outside_the_box_that_is_looked_at_nor_the_brain_near_it(grid, size):
    method, envelope = BrainDecides(max_steps=2), load_envelope()
    field = method._field(envelope, 1, dict.fromkeys(GROUPS, 2))
    to_atlas = np.diag([1 / size] * 3 + [1.0])
    inside = resample(field, envelope.grid, grid, target_to_source=to_atlas, outside=None) < 0
    room = np.ceil(method.ear_clearance_mm / grid.spacing_mm).astype(int).tolist()
    box = method._box(field, envelope.grid, to_atlas, grid)
    for axis, (side, margin) in enumerate(zip(box, room, strict=True)):
        there = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        if there.size:
            assert there[0] >= (side.start + margin if side.start else 0)
            assert there[-1] < (side.stop - margin if side.stop < grid.shape[axis] else side.stop)


@pytest.mark.parametrize("seed", [5, 8])
def test_a_newborns_ears_go_though_the_skull_is_thin(seed):
    person = phantom.make("T2w", spacing_mm=(1.5, 1.5, 1.5), seed=seed, size=0.54)
    scan = read_scan(person.image)
    changed = anatomy_plan(scan, locate(scan)).changed
    assert share(changed, person.where("left_ear") & person.where("head")) > 0.85
    assert not (changed & person.where("brain")).any()


def test_less_room_at_the_ears_than_elsewhere_may_be_asked_for(adult):
    _, scan, anatomy = adult
    usual, near = (anatomy_plan(scan, anatomy, ear_clearance_mm=mm, clearance_mm=8.0) for mm in (8.0, 2.0))
    assert np.isin(near.mask, EARS).sum() > np.isin(usual.mask, EARS).sum()
