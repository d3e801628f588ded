"""An audit knows nothing but the voxels: faces are found, removed ones are not, and doubt is said."""

import gzip
import os

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from efface import audit, auditing, phantom
from efface.auditing.findings import Kind
from efface.auditing.judging import judge
from efface.auditing.leftovers import leftover, stored_name
from efface.auditing.walking import Sort, candidates
from efface.errors import UnreadableImageError
from efface.io import read_scan, write_scan
from efface.pipeline import deface_scan

SPACING = (2.5, 2.5, 2.5)


@pytest.fixture(scope="module")
def person():
    return phantom.make("T1w", spacing_mm=SPACING, seed=21)


@pytest.fixture(scope="module")
def scan(person):
    return read_scan(person.image)


@pytest.fixture(scope="module")
def defaced(scan):
    return deface_scan(scan)


def saved(scan, path):
    write_scan(scan, path)
    return path


def image(values, person):
    return nib.Nifti1Image(values, person.image.affine)


@pytest.mark.parametrize(("contrast", "size"), [("T2w", 0.75), ("FLAIR", 1.0), ("PDw", 0.9)])
@pytest.mark.parametrize("orientation", ["RAS", "LPI"])
def test_a_face_is_found_and_named(contrast, size, orientation, tmp_path):
    head = phantom.head(contrast, spacing_mm=(2.5, 2.5, 4.0), seed=22, size=size, orientation=orientation)
    finding = judge(read_scan(head), tmp_path)
    assert finding.kind is Kind.FACE
    assert {"left_eye", "right_eye", "nose", "left_ear", "right_ear"} <= set(finding.features)


@pytest.mark.parametrize("options", [{}, {"method": "template-mask"}, {"fill": "noise"}, {"extent": "full"}])
def test_a_removed_face_is_gone(scan, options, tmp_path):
    assert judge(deface_scan(scan, **options).scan, tmp_path).kind is Kind.DEFACED


@pytest.mark.parametrize(("part", "names"), [("ears", {"left_ear", "right_ear"}), ("eyes", {"left_eye", "right_eye"})])
def test_what_was_kept_is_named(scan, part, names, tmp_path):
    finding = judge(deface_scan(scan, keep=part).scan, tmp_path)
    assert finding.kind is Kind.FACE
    assert set(finding.features) == names


@pytest.mark.parametrize("spacing", [SPACING, (1.5, 4.0, 1.5)])
def test_a_new_face_is_told_from_a_persons(spacing, tmp_path):
    scan = read_scan(phantom.head("PDw", spacing_mm=spacing, seed=24, size=0.86))
    assert judge(scan, tmp_path).kind is Kind.FACE
    assert judge(deface_scan(scan, fill="reface").scan, tmp_path).kind is Kind.REFACED


def test_a_blurred_face_is_a_face(scan, defaced, tmp_path):
    blurred = ndimage.gaussian_filter(scan.intensities(), 2.0).astype(scan.stored.dtype)
    finding = judge(scan.with_stored(np.where(defaced.plan.changed, blurred, scan.stored)), tmp_path)
    assert finding.kind is Kind.FACE


def test_a_stripped_brain_is_told(person, scan, tmp_path):
    stored = np.where(person.where("brain"), scan.stored, scan.stored.dtype.type(0))
    assert judge(scan.with_stored(stored), tmp_path).kind is Kind.STRIPPED


def test_a_phantom_of_no_head_is_none(person, tmp_path):
    ball = np.random.default_rng(1).integers(0, 20, person.grid.shape).astype(np.int16)
    ball[tuple(slice(n // 2 - 8, n // 2 + 8) for n in ball.shape)] += 500
    assert judge(read_scan(image(ball, person)), tmp_path).kind is Kind.NO_HEAD


def test_a_view_without_the_face_is_said_to_be_one(person, tmp_path):
    top = person.image.slicer[:, :, round(0.62 * person.image.shape[2]) :]
    assert judge(read_scan(top), tmp_path).kind in (Kind.NO_FACE, Kind.UNSURE)


def test_a_mask_that_follows_the_skin_shows_the_face(person, scan, defaced, tmp_path):
    whole = (person.tissues > 0).astype(np.uint8)
    kept = np.where(defaced.plan.changed, 0, whole).astype(np.uint8)
    kinds = [judge(read_scan(image(each, person)), tmp_path).kind for each in (whole, 1 - whole, kept)]
    assert kinds[:2] == [Kind.FACE, Kind.FACE]
    assert judge(read_scan(image(defaced.plan.changed.astype(np.uint8), person)), tmp_path).kind is Kind.NO_FACE


def test_a_mask_of_several_labels_is_judged_by_its_outline(person, defaced, tmp_path):
    """As `efface deface --mask` writes it: one label for each region; and a map of tissues that has the skin."""
    mask = defaced.plan.mask.astype(np.uint8)
    assert len(np.unique(mask)) > 2
    assert judge(read_scan(image(mask, person)), tmp_path).kind is Kind.NO_FACE
    tissues = person.tissues.astype(np.uint8)
    assert len(np.unique(tissues)) > 2
    assert judge(read_scan(image(tissues, person)), tmp_path).kind is Kind.FACE


def test_folders_are_searched_and_sorted_by_risk(scan, defaced, person, tmp_path, monkeypatch):
    monkeypatch.setattr("efface.io.dicom.find_spec", lambda name: None)
    folder = tmp_path / "sub-01" / "anat"
    folder.mkdir(parents=True)
    saved(defaced.scan, folder / "sub-01_T1w.nii.gz")
    saved(scan, folder / "sub-01_T1w_orig.nii.gz")
    (folder / "broken.nii.gz").write_bytes(b"no image")
    (folder / "notes.txt").write_text("nothing")
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "IM0001").write_bytes(b"\0" * 128 + b"DICM")
    findings = audit([tmp_path])
    assert [one.kind for one in findings] == [Kind.FACE, Kind.UNREADABLE, Kind.UNSURE, Kind.DEFACED]
    assert findings[0].path.name == "sub-01_T1w_orig.nii.gz"
    assert "beside sub-01_T1w.nii.gz" in " ".join(findings[0].notes)
    assert findings[2].path == tmp_path / "dicom"
    assert "pip install 'efface[dicom]'" in findings[2].reason
    assert [one.path for one in audit([tmp_path, folder])] == [one.path for one in findings]


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 64, 64), (64, 64, 3), (3, 3, 90), (20, 20, 20, 2)])
def test_odd_shapes_do_not_end_an_audit(shape, tmp_path):
    values = np.random.default_rng(1).integers(0, 500, shape).astype(np.int16)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "odd.nii")
    (finding,) = audit([tmp_path])
    assert finding.kind in (Kind.NO_HEAD, Kind.UNSURE, Kind.NO_FACE)
    assert "failed" not in finding.reason


def test_one_file_that_fails_does_not_end_the_audit(defaced, tmp_path, monkeypatch):
    saved(defaced.scan, tmp_path / "b.nii")
    saved(defaced.scan, tmp_path / "a.nii")
    monkeypatch.setattr(auditing, "judge", lambda scan, path: 1 / 0 if path.name == "a.nii" else judge(scan, path))
    findings = audit([tmp_path])
    assert [(one.path.name, one.kind) for one in findings] == [("a.nii", Kind.UNSURE), ("b.nii", Kind.DEFACED)]
    assert "ZeroDivisionError" in findings[0].reason


def test_a_link_to_nowhere_is_unreadable(tmp_path):
    """As git-annex leaves what was not fetched: nobody knows what it shows, and no other file is lost for it."""
    (tmp_path / "sub-01_T1w.nii.gz").symlink_to(tmp_path / "nowhere")
    (finding,) = audit([tmp_path])
    assert finding.kind is Kind.UNREADABLE
    assert "failed" not in finding.reason


def test_linked_folders_are_looked_into_once(tmp_path):
    """A dataset may hold its subjects as links; a link may also lead back."""
    (tmp_path / "store" / "anat").mkdir(parents=True)
    (tmp_path / "store" / "anat" / "a.nii").write_bytes(b"x")
    (tmp_path / "store" / "anat" / "back").symlink_to(tmp_path / "store")
    (tmp_path / "dataset").mkdir()
    for name in ("sub-01", "sub-02"):
        (tmp_path / "dataset" / name).symlink_to(tmp_path / "store")
    assert [one.path.name for one in candidates([tmp_path / "dataset"])] == ["a.nii"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may read everything")
def test_a_file_that_may_not_be_read_is_unreadable(tmp_path):
    (tmp_path / "a.nii").write_bytes(b"x")
    (tmp_path / "a.nii").chmod(0)
    assert [one.kind for one in audit([tmp_path])] == [Kind.UNREADABLE]


def test_a_folder_that_cannot_be_listed_does_not_end_the_audit(defaced, tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    saved(defaced.scan, tmp_path / "b.nii")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    findings = {one.path.name: one for one in audit([tmp_path])}
    assert (findings["closed"].kind, findings["b.nii"].kind) == (Kind.UNREADABLE, Kind.DEFACED)
    assert "cannot be listed" in findings["closed"].reason


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UnreadableImageError, match="no such file"):
        audit([tmp_path / "nowhere"])


def test_every_kind_of_file_is_looked_at(tmp_path):
    for name in ("a.nii", "b.mgz", "c.surf.gii", "d.nrrd", "e.dcm", "f.json", "g.obj", "h.tsv"):
        (tmp_path / name).write_bytes(b"x")
    sorts = {one.path.name: one.sort for one in candidates([tmp_path])}
    assert sorts == {
        "a.nii": Sort.IMAGE, "b.mgz": Sort.IMAGE, "c.surf.gii": Sort.SURFACE, "d.nrrd": Sort.OTHER,
        "g.obj": Sort.SURFACE, tmp_path.name: Sort.DICOM,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("sub-01_T1w_no_deid.nii.gz", True), ("sub-01_T1w_faced.nii.gz", True), ("sub-01_T1w_orig.nii.gz", True),
        ("orig.mgz", True), ("sub-01_T1w_defaced.nii.gz", False), ("sub-01_T1w_refaced.nii.gz", False),
        ("sub-01_desc-aligned_T1w.nii.gz", False), ("sub-01_T1w.nii.gz", False), ("sub-orighi_T1w.nii.gz", False),
    ],
)  # fmt: skip
def test_originals_are_known_by_their_names(tmp_path, name, original):
    assert (leftover(tmp_path / name, [name]) is not None) is original


def test_a_name_in_a_gzip_header_is_noticed(tmp_path):
    path = tmp_path / "sub-01_T1w.nii.gz"
    with path.open("wb") as file, gzip.GzipFile("jane_doe.nii", "wb", fileobj=file) as packed:
        packed.write(b"x")
    assert "jane" not in stored_name(path)
    with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file) as packed:
        packed.write(b"x")
    assert stored_name(path) is None


def surface_of(mask, affine):
    """The faces of a mask's voxels as triangles."""
    points, triangles = [], []
    for axis in range(3):
        for sign in (-1, 1):
            beside = np.roll(mask, -sign, axis)
            at = np.argwhere(mask & ~beside)
            u, v = (np.eye(3)[(axis + k) % 3] / 2 for k in (1, 2))
            middle = at + sign * np.eye(3)[axis] / 2
            start = sum(len(each) for each in points)
            points.append(np.concatenate([middle + a * u + b * v for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]))
            one = start + np.arange(len(at))
            corners = [one + k * len(at) for k in range(4)]
            triangles += [np.stack([corners[0], corners[k], corners[k + 1]], axis=1) for k in (1, 2)]
    world = np.concatenate(points) @ affine[:3, :3].T + affine[:3, 3]
    arrays = [
        nib.gifti.GiftiDataArray(world.astype(np.float32), "NIFTI_INTENT_POINTSET"),
        nib.gifti.GiftiDataArray(np.concatenate(triangles).astype(np.int32), "NIFTI_INTENT_TRIANGLE"),
    ]
    return nib.gifti.GiftiImage(darrays=arrays)


def test_a_head_surface_shows_the_face_and_a_brain_surface_does_not(person, defaced, tmp_path):
    head = np.pad(ndimage.binary_fill_holes(person.tissues > 0), 1)
    cut = np.pad(ndimage.binary_fill_holes((person.tissues > 0) & ~defaced.plan.changed), 1)
    brain = np.pad(person.where("brain"), 1)
    kinds = {}
    for name, mask in {"head": head, "cut": cut, "brain": brain}.items():
        nib.save(surface_of(mask, person.image.affine), tmp_path / f"{name}.surf.gii")
        kinds[name] = audit([tmp_path / f"{name}.surf.gii"])[0].kind
    assert kinds["head"] is Kind.FACE
    surface = nib.load(tmp_path / "head.surf.gii")
    for name in ("lh.seghead", "outer_skin.surf"):  # as FreeSurfer calls the skin of the head
        nib.freesurfer.write_geometry(tmp_path / name, *surface.agg_data(("pointset", "triangle")))
        assert [one.kind for one in audit([tmp_path]) if one.path.name == name] == [Kind.FACE]
    assert kinds["cut"] is Kind.UNSURE
    assert kinds["brain"] in (Kind.NO_HEAD, Kind.UNSURE)


def test_a_surface_that_is_no_surface_is_unreadable(tmp_path):
    (tmp_path / "broken.gii").write_text("no xml")
    (tmp_path / "head.obj").write_text("v 0 0 0")
    (tmp_path / "lh.seghead").write_text("no surface")
    assert {one.path.name: one.kind for one in audit([tmp_path])} == {
        "broken.gii": Kind.UNREADABLE, "head.obj": Kind.UNSURE, "lh.seghead": Kind.UNREADABLE,
    }  # fmt: skip


def test_a_surface_with_an_endless_triangle_is_not_filled(tmp_path):
    points = np.array([[0, 0, 0], [1900, 0, 0], [0, 1900, 0], [150, 150, 150]], float)
    nib.freesurfer.write_geometry(tmp_path / "lh.seghead", points, np.array([[0, 1, 2], [0, 1, 3]]))
    assert [one.kind for one in audit([tmp_path])] == [Kind.UNSURE]
