"""nibabel images in, nibabel images out: same class, header, dtype and scaling."""

import nibabel as nib
import numpy as np
import pytest
from nibabel.spm99analyze import Spm99AnalyzeImage

from efface.errors import UnreadableImageError, UnsupportedImageError, UsageError
from efface.io import encode, header_warnings, image_of, read_scan, write_scan

RNG = np.random.default_rng(0)
AFFINE = np.array([[0, -1.2, 0, 9], [0.9, 0, 0, -4], [0, 0, 2.5, 1], [0, 0, 0, 1.0]])
CLASSES = [nib.Nifti1Image, nib.Nifti2Image, nib.MGHImage]
SHAPES = [(8, 9, 10), (8, 9, 10, 3), (8, 9, 10, 1)]


def voxels_of(shape, dtype=np.int16):
    return RNG.integers(0, 250, shape).astype(dtype)


def blanked(scan):
    stored = scan.stored.copy()
    stored[:4] = 7
    return scan.with_stored(stored)


def backed(image_class, shape, dtype=np.int16, order="<"):
    """An image that nibabel reads on demand, with a slope and an extension where the format has them."""
    if image_class is nib.MGHImage:
        shape = shape[:3] if shape[-1] == 1 else shape  # nibabel cannot write the last axis of length 1
        return image_class.from_bytes(image_class(voxels_of(shape, dtype), AFFINE).to_bytes())
    header = image_class.header_class(endianness=order)
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept"))
    image = image_class(voxels_of(shape, dtype), AFFINE, header, dtype=dtype)
    image.set_data_dtype(dtype)
    image.header.set_slope_inter(0.5, -3)
    return image_class.from_bytes(image.to_bytes())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("image_class", CLASSES)
def test_backed_image_keeps_stored_voxels_and_scaling(image_class, shape):
    like = backed(image_class, shape)
    scan = read_scan(like)
    assert (scan.slope, scan.inter) == (like.dataobj.slope, like.dataobj.inter)
    assert scan.stored.shape == (shape if shape[-1] == 3 else shape[:3])
    out = image_of(blanked(scan), like)
    assert type(out) is image_class
    assert out.header == like.header
    assert out.shape == like.shape
    np.testing.assert_array_equal(out.affine, like.affine)
    assert (out.dataobj.slope, out.dataobj.inter) == (like.dataobj.slope, like.dataobj.inter)
    a, b = out.dataobj.get_unscaled(), like.dataobj.get_unscaled()
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a[4:], b[4:])
    assert (a[:4] == 7).all()
    if image_class is not nib.MGHImage:
        assert [e.get_content() for e in out.header.extensions] == [e.get_content() for e in like.header.extensions]
        assert scan.slope == 0.5


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<i2", "u1", ">u2"])
@pytest.mark.parametrize("image_class", CLASSES)
def test_array_image_keeps_array_and_dtype(image_class, dtype, shape, order):
    voxels = np.array(voxels_of(shape), dtype, order=order)
    like = image_class(voxels, AFFINE)
    scan = read_scan(like)
    assert (scan.slope, scan.inter) == (1.0, 0.0)
    out = image_of(blanked(scan), like)
    assert type(out) is image_class
    assert isinstance(out.dataobj, np.ndarray)
    assert out.dataobj.dtype == voxels.dtype
    assert out.header == like.header
    np.testing.assert_array_equal(out.affine, AFFINE)
    np.testing.assert_array_equal(out.dataobj[4:], voxels[4:])
    assert (out.dataobj[:4] == 7).all()
    assert like.dataobj is voxels
    assert out.dataobj.flags.writeable

    again = image_class.from_bytes(encode(scan, "x.mgh" if image_class is nib.MGHImage else "x.nii"))
    np.testing.assert_array_equal(np.asarray(again.dataobj).reshape(voxels.shape), voxels)
    np.testing.assert_allclose(again.affine, AFFINE, atol=1e-5)


def test_array_that_is_no_longer_what_the_header_says():
    """The usual way of working: load, get_fdata, compute, wrap with the old header."""
    old = backed(nib.Nifti1Image, (8, 9, 10), order=">")
    like = nib.Nifti1Image(old.get_fdata(), old.affine, old.header)
    assert like.header.get_data_dtype() == ">i2"
    scan = read_scan(like)
    again = nib.Nifti1Image.from_bytes(encode(scan, "x.nii"))
    assert again.get_data_dtype() == np.float64
    np.testing.assert_array_equal(again.get_fdata(), like.get_fdata())
    assert [e.get_content() for e in again.header.extensions] == [b"kept"]
    assert image_of(scan, like).header == like.header


@pytest.mark.parametrize("order", ["<", ">"])
def test_image_on_disk_and_its_path_give_the_same_scan(tmp_path, order):
    path = tmp_path / "in.nii.gz"
    backed(nib.Nifti1Image, (8, 9, 10), order=order).to_filename(path)
    image = nib.load(path)
    one, two = read_scan(path), read_scan(image)
    assert one.stored.dtype == two.stored.dtype
    np.testing.assert_array_equal(one.stored, two.stored)
    np.testing.assert_array_equal(one.grid.affine, two.grid.affine)
    assert (one.slope, one.inter) == (two.slope, two.inter)
    assert one.source.head == two.source.head
    write_scan(two, tmp_path / "out.nii.gz")
    assert read_scan(tmp_path / "out.nii.gz").source.head == one.source.head
    assert header_warnings(two)


def test_affine_that_the_user_changed_is_the_one():
    like = backed(nib.Nifti1Image, (8, 9, 10))
    like.affine[0, 3] += 40
    scan = read_scan(like)
    assert scan.grid.affine[0, 3] == like.affine[0, 3]
    np.testing.assert_allclose(image_of(scan, like).affine, like.affine, atol=1e-5)


def test_input_image_is_left_alone():
    like = backed(nib.Nifti1Image, (8, 9, 10))
    before = like.header.binaryblock, like.affine.copy()
    image_of(blanked(read_scan(like)), like)
    assert like.header.binaryblock == before[0]
    np.testing.assert_array_equal(like.affine, before[1])


@pytest.mark.parametrize(
    ("image", "word"),
    [
        (nib.Nifti1Pair(voxels_of((8, 9, 10)), AFFINE), "single file"),
        (Spm99AnalyzeImage(voxels_of((8, 9, 10)), AFFINE), "single file"),
        (nib.Nifti1Image(voxels_of((8, 9, 10), np.complex64), AFFINE), "complex64"),
        (nib.Nifti1Image(voxels_of((8, 9)), AFFINE), "2-D"),
        (nib.Nifti1Image(voxels_of((8, 9, 10, 2, 2)), AFFINE), "5 axes"),
        (nib.Nifti1Image(np.zeros((8, 9, 10), np.int16), AFFINE), "nothing to see"),
        (nib.Nifti1Image(voxels_of((8, 9, 10), np.float16), AFFINE, nib.Nifti1Header()), "float16"),
        (nib.Nifti1Image(voxels_of((8, 9, 10)) > 100, AFFINE, nib.Nifti1Header()), "bool"),
        (nib.MGHImage(voxels_of((8, 9, 10), np.float64), AFFINE, nib.MGHImage.header_class()), "float64"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_unsupported_image_is_refused_in_one_line(image, word):
    with pytest.raises(UnsupportedImageError, match=word) as error:
        read_scan(image)
    assert "\n" not in str(error.value)
    assert "; " in str(error.value)


@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
@pytest.mark.parametrize("fate", ["removed", "truncated"])
def test_file_behind_the_image_is_gone(tmp_path, extension, fate):
    path = tmp_path / f"in{extension}"
    backed(nib.Nifti1Image, (8, 9, 10)).to_filename(path)
    image = nib.load(path)
    if fate == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UnreadableImageError, match="missing or truncated") as error:
        read_scan(image)
    assert "\n" not in str(error.value)


def test_scan_of_another_image_does_not_fit():
    scan = read_scan(backed(nib.Nifti1Image, (8, 9, 10)))
    with pytest.raises(UsageError, match="does not fit"):
        image_of(scan, backed(nib.Nifti1Image, (8, 9, 11)))
