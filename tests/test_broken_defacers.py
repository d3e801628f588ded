"""Deliberately broken defacers, each caught by the check that is there for it; what is harmless passes."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from nibabel import orientations
from scipy import ndimage

from efface import phantom
from efface.deface_plan import apply_plan
from efface.errors import GridMismatchError
from efface.grid import Grid
from efface.io import image_of, read_scan
from efface.pipeline import deface_scan
from efface.spatial.head_surface import head_of
from efface.spatial.resample import resample
from efface.verification import verify

SPACING_MM = 3.0


@pytest.fixture(scope="module")
def person():
    return phantom.make("T1w", spacing_mm=(SPACING_MM,) * 3, seed=3)


@pytest.fixture(scope="module")
def good(person):
    """A synthetic head, and what is right to do with it."""
    return deface_scan(read_scan(person.image))


@pytest.fixture(scope="module")
def image(good, person):
    """The good result as a nibabel image."""
    return image_of(good.scan, person.image)


@pytest.fixture
def judge(good):
    """Judge a defaced scan or image as another tool's work."""

    def judged(defaced):
        scan = read_scan(defaced) if isinstance(defaced, nib.Nifti1Image) else defaced
        return verify(good.original, scan, anatomy=good.anatomy)

    return judged


def with_mask(good, mask):
    return apply_plan(good.original, replace(good.plan, mask=np.asarray(mask, np.uint8)))


def written(good, values, where):
    """Return the original with other values somewhere."""
    stored = good.original.stored.copy()
    stored[where] = np.broadcast_to(values, stored.shape)[where]
    return good.original.with_stored(stored)


def failed(verdict):
    return {check.name for check in verdict.failed}


def of(verdict, name):
    return next(check for check in verdict.checks if check.name == name)


def shifted(mask, mm, axis):
    return ndimage.shift(mask, np.eye(3)[axis] * round(mm / SPACING_MM), order=0)


def oriented(image, codes):
    turn = orientations.ornt_transform(orientations.io_orientation(image.affine), orientations.axcodes2ornt(codes))
    return image.as_reoriented(turn)


def at(stored, affine, like):
    """Return an image of other voxels elsewhere, with the header of one there is."""
    return nib.Nifti1Image(np.asarray(stored), affine, like.header)


def blurred(good, sigma_mm):
    soft = ndimage.gaussian_filter(good.original.stored.astype(np.float32), sigma_mm / SPACING_MM)
    return written(good, soft.astype(good.original.stored.dtype), good.plan.changed)


# What is fine.


@pytest.mark.parametrize("fill", ["zero", "noise"])
def test_a_good_result_passes(person, fill):
    result = deface_scan(read_scan(person.image), fill=fill)
    verdict = verify(result.original, result.scan)
    assert verdict.passed, verdict.summary()
    assert of(verdict, "changed_outside_face").value == 0
    assert of(verdict, "reversible").value < 0.02
    assert of(verdict, "depth_removed").value > 20


@pytest.mark.parametrize("method", [{"extent": "full"}, {"method": "template-mask"}])
def test_other_good_masks_are_no_foreign_change(good, method):
    result = deface_scan(good.original, **method)
    verdict = verify(good.original, result.scan, anatomy=good.anatomy)
    assert not {"changed_outside_face", "reversible", "depth_removed"} & failed(verdict)


def test_air_may_be_cleaned(good, judge):
    head, ras = head_of(good.original)
    air = resample(head.astype(np.uint8), ras, good.original.grid, order=0) == 0
    verdict = judge(written(good, 0, good.plan.changed | air))
    assert verdict.passed, verdict.summary()


def test_several_volumes_pass_and_blurred_ones_do_not():
    scan = read_scan(phantom.head("T2w", spacing_mm=(3, 3, 3), seed=1, volumes=2))
    result = deface_scan(scan)
    verdict = verify(scan, result.scan, anatomy=result.anatomy)
    assert verdict.passed, verdict.summary()
    stored = scan.stored.copy()
    stored[result.plan.changed] = ndimage.gaussian_filter(stored, (1, 1, 1, 0))[result.plan.changed]
    assert "reversible" in failed(verify(scan, scan.with_stored(stored), anatomy=result.anatomy))


def test_a_volume_that_was_left():
    scan = read_scan(phantom.head("T2w", spacing_mm=(4, 4, 4), seed=1, volumes=12))
    result = deface_scan(scan)
    stored = result.scan.stored.copy()
    stored[..., 11] = scan.stored[..., 11]
    verdict = verify(scan, scan.with_stored(stored), anatomy=result.anatomy)
    assert of(verdict, "volumes_defaced").passed is False
    assert of(verify(scan, result.scan, anatomy=result.anatomy), "volumes_defaced").passed


@pytest.mark.parametrize("codes", ["LAS", "RPI", "SAL", "PIR"])
def test_another_order_of_axes_is_brought_back(image, judge, codes):
    verdict = judge(oriented(image, codes))
    assert verdict.passed, verdict.summary()


def test_a_crop_is_brought_back(good, image, judge):
    mask = good.plan.changed
    brain = np.argwhere(good.anatomy.brain)
    cropped = image.slicer[2:-1, :, brain[:, 2].min() - 4 :]
    verdict = judge(cropped)
    assert verdict.passed, verdict.summary()
    assert of(verdict, "brain_clearance").value >= 2
    assert mask[:, :, : brain[:, 2].min() - 4].any()


def test_a_pad_in_another_order_of_axes_is_brought_back(image, judge):
    affine = image.affine.copy()
    affine[:3, 3] -= image.affine[:3, :3] @ [4, 0, 7]
    padded = at(np.pad(image.dataobj, ((4, 3), (0, 5), (7, 0))), affine, image)
    verdict = judge(oriented(padded, "ASL"))
    assert verdict.passed, verdict.summary()


def test_a_plan_judges_what_was_brought_back(good, image):
    scan = read_scan(oriented(image, "LPS"))
    verdict = verify(good.original, scan, anatomy=good.anatomy, plan=good.plan)
    assert verdict.passed, verdict.summary()


def test_other_scaling_of_the_same_values_is_no_change(good, judge):
    stored = (good.scan.stored * 2).astype(np.int32)
    verdict = judge(replace(good.scan, stored=stored, slope=good.scan.slope / 2))
    assert verdict.passed, verdict.summary()


def test_other_values_of_the_same_voxels_are_a_change(good, judge):
    assert "brain_voxels_changed" in failed(judge(replace(good.scan, slope=2 * good.scan.slope)))


# What is not.


@pytest.mark.parametrize(
    ("mm", "axis", "name"),
    [
        (20, 1, "left_ear_covered"),
        (-20, 1, "brain_voxels_changed"),
        (20, 2, "brain_voxels_changed"),
        (20, 0, "right_ear_covered"),
        (-20, 0, "left_ear_covered"),
    ],
)
def test_a_mask_that_slid(good, judge, mm, axis, name):
    assert name in failed(judge(with_mask(good, shifted(good.plan.mask, mm, axis))))


@pytest.mark.parametrize("part", ["left_eye", "right_ear", "nose", "mouth"])
def test_a_part_that_was_left(good, judge, part):
    assert f"{part}_covered" in failed(judge(with_mask(good, np.where(good.anatomy.region(part), 0, good.plan.mask))))


def test_ears_that_were_left(good, judge):
    ears = good.anatomy.region("left_ear", "right_ear")
    verdict = judge(with_mask(good, np.where(ears, 0, good.plan.mask)))
    assert {"left_ear_covered", "right_ear_covered"} <= failed(verdict)


def test_three_voxels_of_brain(good, judge):
    mask = good.plan.mask.copy()
    inside = np.argwhere(good.anatomy.brain)
    mask[tuple(inside[len(inside) // 2 : len(inside) // 2 + 3].T)] = 1
    check = of(judge(with_mask(good, mask)), "brain_voxels_changed")
    assert (check.passed, check.value) == (False, 3)


@pytest.mark.parametrize("sigma_mm", [3, 6])
def test_a_blur(good, judge, sigma_mm):
    verdict = judge(blurred(good, sigma_mm))
    assert {"reversible", "depth_removed", "independent_front"} <= failed(verdict)
    assert "blurring can be undone" in of(verdict, "reversible").sentence


@pytest.mark.parametrize("dim", [0.5, -0.5])
def test_a_dimmed_or_inverted_face(good, judge, dim):
    stored = good.original.stored
    values = (stored * abs(dim) if dim > 0 else stored.max() - stored).astype(stored.dtype)
    assert "reversible" in failed(judge(written(good, values, good.plan.changed)))


def test_a_peeled_face(good, judge):
    """Removing the skin alone leaves its shape."""
    head, ras = head_of(good.original)
    inside = resample(head.astype(np.uint8), ras, good.original.grid, order=0) > 0
    peel = inside & ~ndimage.binary_erosion(inside, iterations=2)
    verdict = judge(written(good, 0, good.plan.changed & (peel | ~inside)))
    assert "depth_removed" in failed(verdict)


def test_a_scalp_that_went_too(good, judge):
    head, ras = head_of(good.original)
    inside = resample(head.astype(np.uint8), ras, good.original.grid, order=0) > 0
    scalp = inside & ~ndimage.binary_erosion(inside, iterations=2)
    back = np.indices(inside.shape)[1] < good.original.grid.index([0, -60, 0])[1]
    assert failed(judge(written(good, 0, good.plan.changed | (scalp & back)))) == {"changed_outside_face"}


@pytest.mark.parametrize("world", [False, True], ids=["a column negated", "a row negated"])
def test_a_header_that_was_flipped(good, image, judge, world):
    flip = np.diag([-1.0, 1, 1, 1])
    verdict = judge(at(image.dataobj, flip @ image.affine if world else image.affine @ flip, image))
    assert {"header_axes_turned"} <= failed(verdict)
    assert of(verdict, "header_axes_turned").value == 1


def test_voxels_that_were_flipped_under_the_same_header(image, judge):
    assert "brain_voxels_changed" in failed(judge(at(np.flip(image.dataobj, 0), image.affine, image)))


def test_a_crop_into_the_brain(good, image, judge):
    middle = int(np.median(np.argwhere(good.anatomy.brain)[:, 2]))
    assert "brain_voxels_changed" in failed(judge(image.slicer[:, :, :middle]))


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.diag([0.5, 0.5, 0.5, 1]), "its voxels are 1.5 x 1.5 x 1.5 mm, the original's 3 x 3 x 3 mm"),
        (np.array([[1, -0.1, 0, 0], [0.1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "turned by 5.7 degrees"),
        (np.array([[1, 0, 0, 0.4], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "off by 1.2, 0, 0 mm"),
        (np.array([[1, 0, 0, 500], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "nothing of the original's view"),
    ],
    ids=["spacing", "turned", "between", "elsewhere"],
)
def test_what_cannot_be_brought_back_is_refused(good, judge, matrix, words):
    grid = Grid(good.scan.grid.shape, good.scan.grid.affine @ matrix)
    with pytest.raises(GridMismatchError, match=words) as refusal:
        judge(replace(good.scan, grid=grid))
    assert str(refusal.value).startswith("the defaced scan: ")
    assert "\n" not in str(refusal.value)


def test_an_origin_that_moved_a_little_is_a_changed_header(good, image, judge):
    affine = image.affine.copy()
    affine[0, 3] += 0.05
    check = of(judge(at(image.dataobj, affine, image)), "header_fields_changed")
    assert check.passed is False
    assert "srow_x" in check.sentence


def test_a_copy_that_shows_more_is_refused(good, image):
    with pytest.raises(GridMismatchError, match="shows more than the original"):
        verify(read_scan(image.slicer[:, :, 10:]), good.scan)


def test_missing_volumes_are_refused(good, judge):
    with pytest.raises(GridMismatchError, match="give both whole"):
        judge(replace(good.scan, stored=np.stack([good.scan.stored] * 2, axis=-1)))
