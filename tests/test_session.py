"""A session: images of one person with movement between them, a slab, and one that is no head."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

import efface
import efface.session_anatomy as session_anatomy
from efface import phantom
from efface.crossing import ROOM_MM, _widened, session_checks
from efface.errors import SessionError, UsageError, VerificationError
from efface.grid import Grid
from efface.io import read_scan
from efface.movement import movement
from efface.session import plan_session
from efface.session_anatomy import Member

COARSE = (3.0, 3.0, 3.0)
SHIFT_MM = (3.0, -1.0, 2.0)


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def brain_tissue(person):
    return person.where("brain") & ~person.where("csf") & ~person.where("bone")


def shifted(image, shift_mm=SHIFT_MM):
    """The same voxels under a header that puts them elsewhere: the head moved within the scanner."""
    affine = image.affine.copy()
    affine[:3, 3] += shift_mm
    return nib.Nifti1Image(np.asarray(image.dataobj), affine)


@pytest.fixture(scope="module")
def people():
    """One person: T1w; FLAIR in another orientation, moved; a slab of the FLAIR, cut through face and lower brain."""
    t1w = phantom.make("T1w", spacing_mm=COARSE, seed=3)
    flair = phantom.make("FLAIR", spacing_mm=COARSE, seed=3, orientation="LPS", turn_deg=(2.0, 0.0, -2.0))
    return {"T1w": t1w, "FLAIR": flair}


@pytest.fixture(scope="module")
def images(people):
    flair = shifted(people["FLAIR"].image)
    return {"T1w": people["T1w"].image, "FLAIR": flair, "slab": people["T1w"].image.slicer[:, :, 8:36]}


@pytest.fixture(scope="module")
def scans(images):
    return {name: read_scan(image) for name, image in images.items()}


@pytest.fixture(scope="module")
def remembered(scans):
    """Each scan's own anatomy, found once; the slab's is not found."""
    found = {scans[name]: efface.locate(scans[name]) for name in ("T1w", "FLAIR")}

    def locate(scan):
        for known, anatomy in found.items():
            if known.grid.same_as(scan.grid):
                return anatomy
        message = "too little brain was found in this scan"
        raise VerificationError(message)

    return locate


@pytest.fixture(autouse=True)
def found_once(monkeypatch, remembered):
    monkeypatch.setattr(session_anatomy, "locate", remembered)


@pytest.fixture(scope="module")
def files(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("in")
    paths = {name: folder / f"Mustermann_{name}.nii.gz" for name in images}
    for name, image in images.items():
        nib.save(image, paths[name])
    return paths


@pytest.fixture(scope="module")
def written(files, remembered, tmp_path_factory):
    """Where the whole session was written, and what came of it."""
    folder = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session_anatomy, "locate", remembered)
        results = efface.deface_session([(path, folder / f"{name}.nii.gz") for name, path in files.items()])
    return folder, dict(zip(files, results, strict=True))


@pytest.fixture(scope="module")
def defaced(written):
    return written[1]


def test_all_images_are_verified(defaced):
    for name, result in defaced.items():
        assert result.verdict.passed, f"{name}: {result.verdict.summary()}"


def test_no_brain_is_touched_and_the_face_is_gone(people, defaced):
    for name, person in people.items():
        changed = defaced[name].plan.changed
        assert not (changed & brain_tissue(person)).any()
        assert changed[person.where("eye")].mean() > 0.95
    slab = np.s_[:, :, 8:36]
    changed = defaced["slab"].plan.changed
    assert not (changed & brain_tissue(people["T1w"])[slab]).any()
    assert changed[people["T1w"].where("eye")[slab]].mean() > 0.95


def test_the_brains_tell_the_movement(people, scans, remembered):
    found = movement(remembered(scans["T1w"]), remembered(scans["FLAIR"]))
    point = np.array([[0.0, 90.0, -30.0]])
    there = people["FLAIR"].shape.to_scan(people["T1w"].shape.to_atlas(point)) + SHIFT_MM
    assert np.linalg.norm(there - point) > 3
    assert np.linalg.norm(point @ found.matrix[:3, :3].T + found.matrix[:3, 3] - there) < 2
    assert found.apart_mm < 3


def test_little_movement_is_none(scans, remembered):
    one = remembered(scans["T1w"])
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("x", 0.5, degrees=True).as_matrix()
    found = movement(one, replace(one, atlas_to_scan=turn @ one.atlas_to_scan))
    assert 0 < found.moved_mm < 3
    assert np.array_equal(found.matrix, np.eye(4))


def test_what_one_image_leaves_the_other_makes_up_for(scans, defaced, monkeypatch):
    """Half of one image's mask is lost; the other image brings it back, moved to where the head lies there."""
    from efface.methods.template_mask import TemplateMask

    whole = TemplateMask.decide

    def lazy(self, scan, anatomy):
        decided = whole(self, scan, anatomy)
        if scan is not scans["FLAIR"]:
            return decided
        mask = decided.mask.copy()
        mask[: mask.shape[0] // 2] = 0
        return replace(decided, mask=mask)

    monkeypatch.setattr(TemplateMask, "decide", lazy)
    plans, members, moved = plan_session([scans["T1w"], scans["FLAIR"]])
    expected = defaced["FLAIR"].plan.changed
    half = np.s_[: expected.shape[0] // 2]
    head = members[1].scan.intensities() > 60
    assert plans[1].changed[half][expected[half] & head[half]].mean() > 0.9
    lost = plans[1].changed.copy()
    lost[half] = False
    for masks, passed in (([plans[0].changed, plans[1].changed], True), ([plans[0].changed, lost], False)):
        (check,) = (c for c in session_checks(members, masks, moved, 1) if c.name == "session_face_covered")
        assert check.passed is passed


def test_a_plan_says_where_its_region_comes_from(defaced):
    assert "best image" in defaced["slab"].plan.provenance["session"]
    assert "on its own" in defaced["FLAIR"].plan.provenance["session"]
    checks = {check.name: check for check in defaced["slab"].verdict.checks}
    assert checks["session_head_overlap"].passed is True


def test_choices_hold_the_other_images_too(scans):
    plans, _, _ = plan_session([scans["T1w"], scans["FLAIR"]], method="anatomy")
    assert plans[0].choices["image_2_nose_steps"] == plans[1].choices["nose_steps"]
    assert efface.DefacePlan.from_bytes(plans[0].to_bytes()).choices == plans[0].choices


def test_another_brain_is_not_the_same_head(scans, remembered):
    one = remembered(scans["T1w"])
    other = replace(one, centroids={name: 1.4 * middle for name, middle in one.centroids.items()})
    members = [Member(scans["T1w"], one), Member(scans["T1w"], other)]
    moved = {(0, 1): movement(one, other)}
    masks = [np.ones(one.grid.shape, bool)] * 2
    assert {c.name: c.passed for c in session_checks(members, masks, moved, 0)}["session_brains_apart"] is False


def test_files_are_written_together_and_name_no_input(written):
    folder, results = written
    assert names(folder) == ["FLAIR.json", "FLAIR.nii.gz", "T1w.json", "T1w.nii.gz", "slab.json", "slab.nii.gz"]
    for name, result in results.items():
        assert np.array_equal(np.asarray(nib.load(folder / f"{name}.nii.gz").dataobj), result.scan.stored)
        text = (folder / f"{name}.json").read_text("utf-8")
        assert "Mustermann" not in text
        assert json.loads(text)["efface"]["verified"] is True


def test_a_slab_under_a_wrong_header_is_refused_and_only_what_was_asked_for_is_written(
    files, images, tmp_path_factory, tmp_path
):
    out = tmp_path
    wrong = tmp_path_factory.mktemp("wrong") / "slab.nii.gz"
    nib.save(shifted(images["slab"], (0.0, 45.0, 0.0)), wrong)
    pairs = [(files["T1w"], out / "a.nii.gz"), (wrong, out / "b.nii.gz")]
    with pytest.raises(SessionError, match="1 of its 2 images") as refused:
        efface.deface_session(pairs, write_failed=True, report=out / "qc")
    assert list(refused.value.refusals) == [1]
    assert "session_head_overlap" in {check.name for check in refused.value.refusals[1].verdict.failed}
    assert names(out) == ["b_FAILED.json", "b_FAILED.nii.gz", "qc/b.html"]
    assert "<img" not in (out / "qc" / "b.html").read_text("utf-8")


def test_no_image_decides_for_a_session_of_slabs(files, tmp_path):
    with pytest.raises(SessionError, match="1 of its 1 images") as refused:
        efface.deface_session([(files["slab"], tmp_path / "a.nii.gz")])
    assert "too little brain" in str(refused.value.refusals[0])
    assert names(tmp_path) == []


def test_no_images():
    with pytest.raises(UsageError, match="without images"):
        efface.deface_session([])


def test_a_4d_image_of_a_session_loses_the_same_voxels_in_every_volume(scans, defaced):
    """One decision for all volumes; what they hold elsewhere stays."""
    flair = scans["FLAIR"]
    stored = np.stack([flair.stored, flair.stored[::-1]], axis=-1)
    series = replace(flair, stored=stored)
    plan = plan_session([scans["T1w"], series])[0][1]
    after = efface.apply_plan(series, plan).stored
    assert plan.changed.sum() > 0.9 * defaced["FLAIR"].plan.changed.sum()
    assert (after[plan.changed] == plan.values).all()
    assert np.array_equal(after[~plan.changed], stored[~plan.changed])


def test_regions_grow_as_far_as_they_should_and_keep_their_names():
    rng = np.random.default_rng(0)
    mask = np.where(rng.random((17, 15, 13)) < 0.01, rng.integers(1, 4, (17, 15, 13)), 0).astype(np.uint8)
    spacing = (1.0, 1.25, 2.5)
    distance, nearest = ndimage.distance_transform_edt(mask == 0, sampling=spacing, return_indices=True)
    grown = np.where(distance <= ROOM_MM, mask[tuple(nearest)], 0)
    assert np.array_equal(_widened(mask, Grid(mask.shape, np.diag([*spacing, 1.0]))), grown)
    assert (grown > 0).sum() > 2 * (mask > 0).sum()
