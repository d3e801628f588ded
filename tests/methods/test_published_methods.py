"""Each published method does what its paper says: what it takes, what it leaves, what it writes."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

import efface
from efface import phantom
from efface.atlas import FACE, load_atlas
from efface.errors import GridMismatchError, UsageError, VerificationError
from efface.evaluate.coverage import feature_coverage, visible_skin
from efface.io import read_scan
from efface.methods import get_method
from efface.methods.afni_refacer import SCALE
from efface.methods.quickshear import sheared
from efface.methods.spm_deface import ATLAS_TO_MNI
from efface.spatial.head_surface import head_of
from efface.spatial.mask import clearance_mm
from efface.spatial.resample import resample

KEYS = ("pydeface", "fsl-deface", "mridefacer", "spm-deface", "quickshear", "mri-deface", "mideface", "afni-refacer",
        "mri-reface", "deepdefacer", "defacer", "pediatric", "skull-strip")  # fmt: skip


@pytest.fixture(scope="module")
def scan():
    return read_scan(phantom.head("T1w", spacing_mm=(2.5, 2.5, 2.5), seed=4))


@pytest.fixture(scope="module")
def anatomy(scan):
    return efface.locate(scan)


@pytest.fixture(scope="module")
def decisions(scan, anatomy):
    return {key: get_method(key).decide(scan, anatomy) for key in KEYS}


@pytest.fixture(scope="module")
def covered(scan, anatomy, decisions):
    """Share of each feature's visible skin that a method takes."""
    skin = visible_skin(head_of(scan), anatomy, FACE)
    return {
        key: {name: one.fraction for name, one in feature_coverage(skin, decision.mask > 0, anatomy).items()}
        for key, decision in decisions.items()
    }


@pytest.mark.parametrize("key", KEYS)
def test_no_brain_is_taken(key, decisions, anatomy):
    assert not (decisions[key].mask > 0)[anatomy.brain].any()


@pytest.mark.parametrize("key", ["pydeface", "spm-deface", "quickshear", "mri-deface", "deepdefacer"])
def test_plane_and_template_methods_leave_ears(key, covered):
    assert max(covered[key]["left_ear"], covered[key]["right_ear"]) < 0.3
    assert covered[key]["mouth"] > 0.8


@pytest.mark.parametrize("key", ["fsl-deface", "mideface", "afni-refacer", "mri-reface"])
def test_shells_and_large_masks_take_ears(key, covered):
    assert min(covered[key]["left_ear"], covered[key]["right_ear"]) > 0.7
    assert covered[key]["nose"] > 0.9


@pytest.mark.parametrize("key", ["deepdefacer", "defacer", "pediatric"])
def test_learned_masks_are_not_the_default_one(key, decisions, scan, anatomy):
    ours = get_method("anatomy").decide(scan, anatomy).mask > 0
    learned = decisions[key].mask > 0
    assert 2 * (ours & learned).sum() / (ours.sum() + learned.sum()) < 0.8


def test_pydeface_soft_edge_scales_down(scan, anatomy, decisions):
    soft = get_method("pydeface", soft_edge=True).decide(scan, anatomy)
    before = scan.intensities()[soft.mask > 0]
    hard = decisions["pydeface"].mask > 0
    assert (soft.mask > 0)[hard].mean() > 0.999
    assert (np.abs(soft.values) <= np.abs(before) + 1e-4).all()
    edge = (soft.values > 0) & (before > 50)
    assert edge.any()
    assert (soft.values[edge] < before[edge]).all()


def test_users_template_gives_the_same_mask(tmp_path, scan, anatomy, decisions):
    """A head and its mask as template: laid on itself, the mask comes back."""
    mask = decisions["mridefacer"].mask == 0
    efface.write_scan(scan, tmp_path / "head.nii.gz")
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), scan.grid.affine), tmp_path / "mask.nii.gz")
    both = {"template": tmp_path / "head.nii.gz", "mask_template": tmp_path / "mask.nii.gz"}
    for key in ("pydeface", "mridefacer"):
        found = get_method(key, **both).decide(scan, anatomy).mask == 0
        assert (found != mask).mean() < 0.002


@pytest.mark.parametrize("parameters", [{"nudge_mm": (1.0, 2.0)}, {"nudge_mm": (1.0,) * 4}])
def test_fsl_deface_nudges_along_three_axes(parameters):
    with pytest.raises(UsageError, match=r"nudge_mm = .*3 numbers"):
        get_method("fsl-deface", **parameters)


def test_template_without_its_mask_is_refused(tmp_path):
    with pytest.raises(UsageError, match="belong together"):
        get_method("pydeface", template=tmp_path / "head.nii.gz")


def test_mask_of_another_template_is_refused(tmp_path, scan, anatomy):
    efface.write_scan(scan, tmp_path / "head.nii.gz")
    nib.save(nib.Nifti1Image(np.arange(8000).reshape(20, 20, 20).astype(np.int16), np.eye(4)), tmp_path / "mask.nii.gz")
    method = get_method("fsl-deface", template=tmp_path / "head.nii.gz", mask_template=tmp_path / "mask.nii.gz")
    with pytest.raises(GridMismatchError, match="mask"):
        method.decide(scan, anatomy)


def test_fsl_deface_nudges_in_mm(scan, anatomy, decisions):
    """10 mm to the back moves the mask's front-most kept plane by 10 mm."""
    nudged = get_method("fsl-deface", nudge_mm=(0.0, -10.0, 0.0)).decide(scan, anatomy).mask > 0
    world = scan.grid.ras(np.argwhere(decisions["fsl-deface"].mask > 0))[:, 1].min()
    moved = scan.grid.ras(np.argwhere(nudged))[:, 1].min()
    assert moved - world == pytest.approx(-10, abs=2.6)


def test_fsl_deface_crops_the_neck(scan, anatomy, decisions):
    cropped = get_method("fsl-deface", crop=True).decide(scan, anatomy).mask > 0
    plain = decisions["fsl-deface"].mask > 0
    assert (cropped | ~plain).all()
    head, ras = head_of(scan)
    crown = ras.ras(np.argwhere(head))[:, 2].max()
    height = scan.grid.ras(np.argwhere(cropped & ~plain))[:, 2]
    assert height.size
    assert height.max() < crown - 165


def test_spm_plane_is_the_published_one(scan, anatomy, decisions):
    """Of removed and kept voxels next to each other, MNI's equation changes its sign between them (as registered)."""
    removed = decisions["spm-deface"].mask > 0
    points = np.array([(0, 100, 0), (0, 100, -20), (0, 60, -60), (0, 80, -20), (0, 0, 0), (0, 20, -70), (0, 110, 10)])
    mni_to_scan = anatomy.atlas_to_scan @ np.linalg.inv(ATLAS_TO_MNI)
    voxels = np.rint(scan.grid.index(points @ mni_to_scan[:3, :3].T + mni_to_scan[:3, 3])).astype(int)
    inside = ((voxels >= 0) & (voxels < scan.grid.shape)).all(axis=1)
    value = -1.1 * points[:, 1] + 0.98 * points[:, 2] + 100
    clear = inside & (np.abs(value) > 12)
    assert clear.sum() >= 3
    assert (removed[tuple(voxels[clear].T)] == (value[clear] < 0)).all()


AXES = ["RAS", "LPS", "SRA", "ILP"]


# numpy warns of the package's cross products of plane vectors
@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("spacing", [2.0, 2.5])
def test_quickshear_is_the_package_voxel_by_voxel(axes, spacing):
    """Cubic voxels; the package's buffer counts voxels."""
    package = pytest.importorskip("quickshear")
    image = turned(brain_image(spacing), axes)
    brain = np.asanyarray(image.dataobj) > 0
    whole = nib.Nifti1Image(np.ones(brain.shape, np.int16), image.affine)
    expected = np.asanyarray(package.quickshear(whole, image, buff=10).dataobj) == 0
    assert 0.02 < expected.mean() < 0.6
    assert (sheared(brain, efface.Grid(brain.shape, image.affine), 10 * spacing) == expected).all()


def brain_image(spacing):
    """The atlas's brain in a cube, so that the package cuts every column."""
    atlas = load_atlas()
    brain = (atlas.regions == atlas.region("brain")).astype(np.uint8)
    side = int(max(atlas.grid.shape) * 1.5 / spacing)
    affine = np.diag([spacing] * 3 + [1.0])
    affine[:3, 3] = atlas.grid.affine[:3, 3]
    cube = resample(brain, atlas.grid, efface.Grid((side,) * 3, affine), order=0)
    return nib.Nifti1Image(cube, affine)


def turned(image, axes):
    ornt = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(axes))
    return image.as_reoriented(ornt)


def test_quickshear_plane_is_the_same_on_thick_slices(anatomy, scan):
    """The original's buffer of 10 voxels would be 50 mm here."""
    fine = sheared(anatomy.brain, scan.grid, 10.0)
    thick_affine = scan.grid.affine @ np.diag([1, 1, 2, 1])
    thick_affine[:3, 3] = scan.grid.ras([0, 0, 0.5])
    even = anatomy.brain[:, :, : anatomy.brain.shape[2] // 2 * 2]
    thick_brain = even[:, :, ::2] | even[:, :, 1::2]
    thick = sheared(thick_brain, efface.Grid(thick_brain.shape, thick_affine), 10.0)
    assert abs(thick.mean() - fine.mean()) < 0.04


def test_quickshear_takes_a_users_brain_mask(tmp_path, scan, anatomy, decisions):
    nib.save(nib.Nifti1Image(anatomy.brain.astype(np.uint8), scan.grid.affine), tmp_path / "brain.nii.gz")
    given = get_method("quickshear", brain_mask=tmp_path / "brain.nii.gz").decide(scan, anatomy)
    assert (given.mask == decisions["quickshear"].mask).all()


@pytest.mark.parametrize("key", ["quickshear", "pydeface"])
def test_a_mask_on_another_grid_is_told_with_its_own_shape(tmp_path, scan, anatomy, key):
    nib.save(nib.Nifti1Image(np.indices((20, 21, 22))[0].astype(np.int16), np.eye(4)), tmp_path / "mask.nii.gz")
    efface.write_scan(scan, tmp_path / "head.nii.gz")
    given = {"brain_mask": "mask"} if key == "quickshear" else {"template": "head", "mask_template": "mask"}
    method = get_method(key, **{name: tmp_path / f"{file}.nii.gz" for name, file in given.items()})
    with pytest.raises(GridMismatchError, match=r"mask\.nii\.gz: shape \(20, 21, 22\)"):
        method.decide(scan, anatomy)


def test_quickshear_without_brain_is_refused(scan):
    with pytest.raises(VerificationError, match="no brain"):
        sheared(np.zeros(scan.grid.shape, bool), scan.grid, 10.0)


def test_mri_deface_protects_a_shell(scan, anatomy, decisions):
    """Twice as much protection takes less, and moves the erased region away from the brain."""
    near = decisions["mri-deface"].mask > 0
    far = get_method("mri-deface", protected_mm=14.0).decide(scan, anatomy).mask > 0
    assert far.sum() < near.sum()
    gained = clearance_mm(far, anatomy.brain, scan.grid, 40) - clearance_mm(near, anatomy.brain, scan.grid, 40)
    assert gained > 2


def test_mri_deface_keeps_what_looks_like_brain(scan, anatomy, decisions):
    everything = get_method("mri-deface", deviations=1e6).decide(scan, anatomy).mask > 0
    nothing = get_method("mri-deface", deviations=0.0).decide(scan, anatomy).mask > 0
    usual = decisions["mri-deface"].mask > 0
    assert everything.sum() < usual.sum() <= nothing.sum()


def test_mideface_holds_a_nose_longer_than_the_template(scan, anatomy, covered, decisions):
    """Outward it goes as far as any place of the label needs."""
    short = get_method("mideface", outward_mm=(0.0, 0.5), inward_mm=(2.0, 2.5)).decide(scan, anatomy).mask > 0
    assert covered["mideface"]["nose"] > 0.95
    assert short.sum() < 0.5 * (decisions["mideface"].mask > 0).sum()


def test_mideface_writes_noise_not_the_face(scan, decisions):
    decision = decisions["mideface"]
    before, after = scan.intensities()[decision.mask > 0], decision.values
    for tissue in (True, False):
        here = ((after > after.max() / 3) == tissue) & (before > 50)
        assert here.sum() > 100
        assert after[here].std() > 0
        assert abs(np.corrcoef(before[here], after[here])[0, 1]) < 0.1
    assert (after >= 0).all()


def test_mideface_that_may_touch_nothing_finds_no_face(scan, anatomy):
    with pytest.raises(VerificationError, match="found no face"):
        efface.plan(scan, replace(anatomy, brain=np.ones(scan.grid.shape, bool)), method="mideface")


def test_mideface_without_ears(scan, anatomy):
    skin = visible_skin(head_of(scan), anatomy, FACE)
    mask = get_method("mideface", ears=False).decide(scan, anatomy).mask > 0
    assert feature_coverage(skin, mask, anatomy)["left_ear"].fraction < 0.3


@pytest.fixture(scope="module")
def refaced(scan, anatomy):
    return get_method("afni-refacer", mode="reface").decide(scan, anatomy)


def test_afni_refacer_scales_by_the_ratio_of_means(scan, refaced):
    """Blurring within the tissue hardly changes its mean."""
    before, after = scan.intensities()[refaced.mask > 0], refaced.values
    tissue = after > 0
    assert after[tissue].mean() / before[tissue & (before != 0)].mean() == pytest.approx(SCALE, rel=0.02)


def test_afni_refacer_leaves_the_air_of_its_shell_at_0(refaced):
    """The blur stays inside of what is replaced by tissue, as 3dBlurInMask's."""
    tissue = refaced.values[refaced.values > 0]
    assert 0.1 < len(tissue) / len(refaced.values) < 0.9
    assert tissue.min() > 0.15 * np.median(tissue)


def test_afni_refacer_does_without_what_was_not_measured(scan, anatomy, refaced):
    """NaN and 0 are no part of the mean, as 3dBrickStat -non-zero leaves them out."""
    stored = scan.stored.astype(np.float32)
    there = np.zeros(stored.shape, bool)
    there[::2, ::3, ::2] = True
    found = []
    for blank in (np.nan, 0.0):
        holes = read_scan(nib.Nifti1Image(np.where(there, np.float32(blank), stored), scan.grid.affine))
        method = get_method("afni-refacer", mode="reface")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("efface.methods.templates.Template.lay_on", lambda *given, **more: anatomy.atlas_to_scan)
            found.append(method.decide(holes, anatomy).values)
    assert np.isfinite(found[0]).all()
    assert np.allclose(found[0], found[1])
    assert np.median(found[0][found[0] > 0]) == pytest.approx(np.median(refaced.values[refaced.values > 0]), rel=0.2)


def test_afni_refacer_modes(scan, anatomy, decisions):
    plus = get_method("afni-refacer", mode="reface_plus").decide(scan, anatomy).mask > 0
    shell = decisions["afni-refacer"]
    assert plus[shell.mask > 0].all()
    assert plus.sum() > 1.5 * (shell.mask > 0).sum()
    assert (shell.values == 0).all()
    with pytest.raises(UsageError, match="reface_plus"):
        get_method("afni-refacer", mode="blur")


def test_mri_reface_looks_like_a_head(scan, anatomy, decisions):
    """Skin where the average has skin, and air behind the head filled with the scan's air."""
    decision = decisions["mri-reface"]
    painted = np.zeros(scan.grid.shape, np.float32)
    painted[decision.mask > 0] = decision.values
    skin = np.percentile(scan.intensities(), 97)
    front = decision.mask > 0
    front[scan.grid.ras(np.moveaxis(np.indices(scan.grid.shape), 0, -1))[..., 1] < 0] = False
    assert 0.03 < (painted[front] > 0.5 * skin).mean() < 0.7
    behind = (decision.mask > 0) & ~front
    assert np.median(painted[behind]) < 0.2 * skin
    without = get_method("mri-reface", air_behind=False).decide(scan, anatomy).mask > 0
    assert without.sum() < (decision.mask > 0).sum()


def test_defacer_refuses_a_head_without_eyes(scan, anatomy):
    labels = np.where(anatomy.seen.labels == anatomy.classes.index("left_eye"), 0, anatomy.seen.labels)
    blind = replace(anatomy, seen=replace(anatomy.seen, labels=labels.astype(np.uint8)))
    with pytest.raises(VerificationError, match="left eye"):
        get_method("defacer").decide(scan, blind)


def test_skull_strip_writes_the_scans_air(scan, anatomy):
    plan = efface.plan(scan, anatomy, method="skull-strip")
    assert (efface.apply_plan(scan, plan).stored[plan.changed] == 0).all()


def test_skull_strip_keeps_the_brain_and_its_margin(scan, anatomy, decisions):
    kept = decisions["skull-strip"].mask == 0
    assert kept[anatomy.brain].all()
    assert kept.sum() < 1.5 * anatomy.brain.sum()
    bare = get_method("skull-strip", margin_mm=0.0).decide(scan, anatomy).mask == 0
    assert (bare == anatomy.brain).all()
