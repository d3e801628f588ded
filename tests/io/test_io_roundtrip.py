"""Read, replace a block, write: every byte outside the block is the input's, for every kind of file."""

import gzip
import io
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from efface.deface_plan import DefacePlan, apply_plan
from efface.io import encode, read_scan, write_scan

sitk.ProcessObject.SetGlobalWarningDisplay(False)

NIFTI_DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
MGH_DTYPES = ("u1", "i2", "u2", "i4", "f4")
MGH_CODES = {"u1": 0, "i4": 1, "f4": 3, "i2": 4, "u2": 10}
ORIENTATIONS = [
    np.eye(3)[list(axes)] * signs
    for axes in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
BLOCK = (slice(2, 5), slice(1, 4), slice(3, 8))


@dataclass(frozen=True)
class Case:
    """A file to make: everything of it is drawn."""

    family: str = "nifti1"
    extension: str = ".nii.gz"
    dtype: str = "<i2"
    axes: tuple[int, ...] = (8, 9, 10)
    orientation: int = 0
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0)
    angles: tuple[float, ...] = (0.0, 0.0, 0.0)
    slope: float = 1.0
    inter: float = 0.0
    comment: bytes = b""
    padding: int = 0
    seed: int = 0


def rotation(angles):
    turn = np.eye(3)
    for (i, j), angle in zip(((0, 1), (1, 2), (0, 2)), angles, strict=True):
        plane = np.eye(3)
        plane[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        turn = turn @ plane
    return turn


def affine_of(case):
    affine = np.eye(4)
    affine[:3, :3] = rotation(case.angles) @ ORIENTATIONS[case.orientation] @ np.diag(case.spacing)
    affine[:3, 3] = (-90.5, 12.25, 3)
    return affine


def voxels_of(case):
    """Any bytes at all: floats have NaNs, infinities and subnormals among them."""
    count = int(np.prod(case.axes)) * np.dtype(case.dtype).itemsize
    return np.random.default_rng(case.seed).integers(0, 256, count, np.uint8).tobytes()


def nifti_parts(case):
    header_class = nib.Nifti2Header if case.family == "nifti2" else nib.Nifti1Header
    header = header_class(endianness=">" if case.dtype[0] == ">" else "<")
    header.set_data_shape(case.axes)
    header.set_data_dtype(case.dtype)
    header.set_sform(affine_of(case), 1)
    header.set_qform(affine_of(case), 1)
    header["scl_slope"], header["scl_inter"] = case.slope, case.inter
    header["descrip"], header["cal_max"], header["toffset"] = b"TE=1.7", 77, 3.5
    if case.comment:
        header.extensions.append(nib.nifti1.Nifti1Extension("comment", case.comment))
    minimum = header.single_vox_offset + int(header.extensions.get_sizeondisk())
    header.set_data_offset(minimum + 16 * case.padding)
    head = io.BytesIO()
    header.write_to(head)
    return head.getvalue().ljust(minimum + 16 * case.padding, b"\0"), voxels_of(case), b""


def mgh_parts(case):
    header = nib.freesurfer.mghformat.MGHHeader()
    header["dims"] = (*case.axes, 1)[:4]
    header["type"] = MGH_CODES[case.dtype[1:]]
    affine = affine_of(case)
    header["delta"] = case.spacing
    header["Mdc"] = (affine[:3, :3] / case.spacing).T
    header["Pxyz_c"] = affine[:3, :3] @ np.array(case.axes[:3]) / 2 + affine[:3, 3]
    block = header.binaryblock
    tags = b"\0\0\0\3" + (len(case.comment)).to_bytes(8, "big") + case.comment if case.comment else b""
    return block[:90].ljust(284, b"\0"), voxels_of(case), block[90:] + tags


def make(folder, case):
    parts = (mgh_parts if case.family == "mgh" else nifti_parts)(case)
    raw = b"".join(parts)
    path = folder / f"in{case.extension}"
    packed = gzip.compress(raw, 1) if case.extension in (".nii.gz", ".mgz") else raw
    path.write_bytes(packed)
    return path, parts


def block_plan(scan):
    mask = np.zeros(scan.grid.shape, np.uint8)
    mask[BLOCK] = 3
    values = np.array(7, scan.stored.dtype)
    return DefacePlan(scan.grid, mask, {3: "block"}, values, "by-hand", "zero", {}, {})


def unpack(path):
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def says_nothing_but_data(packed):
    """Whether a gzip header holds no name, comment, extra field or time, and no system."""
    return packed[3] == 0 and packed[4:8] == bytes(4) and packed[9] in (3, 255)


def as_voxel_bytes(voxels, case):
    """One row of bytes per voxel, (I, J, K, volumes, itemsize); the first axis runs fastest on disk."""
    i, j, k = case.axes[:3]
    size = np.dtype(case.dtype).itemsize
    return np.frombuffer(voxels, np.uint8).reshape(-1, k, j, i, size).transpose(3, 2, 1, 0, 4)


def same_for_nibabel(family, before, after, outside):
    image_class = {"nifti1": nib.Nifti1Image, "nifti2": nib.Nifti2Image, "mgh": nib.MGHImage}[family]
    one, two = (image_class.from_bytes(unpack(path)) for path in (before, after))
    assert one.header == two.header
    np.testing.assert_array_equal(one.affine, two.affine)
    a, b = (np.asarray(image.dataobj.get_unscaled()) for image in (one, two))
    assert a.dtype == b.dtype
    assert a[outside].tobytes() == b[outside].tobytes()
    with np.errstate(all="ignore"):
        assert np.asarray(one.dataobj)[outside].tobytes() == np.asarray(two.dataobj)[outside].tobytes()


def same_for_itk(before, after, outside):
    one, two = (sitk.ReadImage(str(path)) for path in (before, after))
    for get in ("GetOrigin", "GetSpacing", "GetDirection", "GetPixelIDTypeAsString"):
        assert getattr(one, get)() == getattr(two, get)()
    a, b = (sitk.GetArrayFromImage(image).T[outside] for image in (one, two))
    assert a.tobytes() == b.tobytes()


def check(case, itk=False):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before, (head, voxels, tail) = make(folder, case)
        original = before.read_bytes()
        scan = read_scan(before)
        plan = block_plan(scan)
        after = folder / f"out{case.extension}"
        write_scan(apply_plan(scan, plan), after)

        assert before.read_bytes() == original
        assert scan.stored.dtype == np.dtype(case.dtype)
        np.testing.assert_allclose(scan.grid.affine, affine_of(case), atol=2e-4)
        raw = unpack(after)
        assert after.suffix in (".nii", ".mgh") or says_nothing_but_data(after.read_bytes())
        assert raw[: len(head)] == head
        assert raw[len(head) + len(voxels) :] == tail
        was = as_voxel_bytes(voxels, case)
        now = as_voxel_bytes(raw[len(head) : len(head) + len(voxels)], case)
        outside = ~plan.changed
        np.testing.assert_array_equal(now[outside], was[outside])
        assert {row.tobytes() for row in now[plan.changed].reshape(-1, now.shape[-1])} == {plan.values.tobytes()}
        if not (case.comment and case.padding):  # which nibabel 5.4 cannot read
            same_for_nibabel(case.family, before, after, outside)
        if itk:
            same_for_itk(before, after, outside)
        assert sorted(path.name for path in folder.iterdir()) == sorted([before.name, after.name])


lengths = st.integers(8, 11)
angles = st.floats(-1.5, 1.5, width=32)


@st.composite
def cases(draw):
    family = draw(st.sampled_from(["nifti1", "nifti2", "mgh"]))
    mgh = family == "mgh"
    order = ">" if mgh else draw(st.sampled_from("<>"))
    extra = draw(st.sampled_from([(), (1,), (2,), (5,)] if mgh else [(), (1,), (3,), (1, 1), (3, 1), (1, 1, 1, 1)]))
    plain = st.just(1.0) if mgh else st.sampled_from([1.0, 0.0, float("nan"), 2.5, -0.125, 1e-3])
    return Case(
        family=family,
        extension=draw(st.sampled_from([".mgh", ".mgz"] if mgh else [".nii", ".nii.gz"])),
        dtype=order + draw(st.sampled_from(MGH_DTYPES if mgh else NIFTI_DTYPES)),
        axes=(draw(lengths), draw(lengths), draw(lengths), *extra),
        orientation=draw(st.integers(0, 47)),
        spacing=tuple(draw(st.sampled_from([0.5, 0.859375, 1.0, 1.2, 5.0])) for _ in range(3)),
        angles=(draw(angles), draw(angles), draw(angles)) if draw(st.booleans()) else (0.0, 0.0, 0.0),
        slope=draw(plain),
        inter=0.0 if mgh else draw(st.sampled_from([0.0, -1024.0, 0.1])),
        comment=draw(st.sampled_from([b"", b"a comment", bytes(range(256))])),
        padding=0 if mgh else draw(st.integers(0, 2)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


@settings(max_examples=400, deadline=None)
@given(cases())
def test_all_but_the_block_is_kept(case):
    check(case)


@pytest.mark.parametrize("orientation", range(48))
def test_every_orientation_is_kept(orientation):
    case = Case(
        dtype="<" + NIFTI_DTYPES[orientation % 10],
        axes=(8, 9, 10) if orientation % 3 else (8, 9, 10, 2),
        orientation=orientation,
        spacing=(0.9, 1.1, 2.0),
        angles=(0.1, -0.2, 0.3) if orientation % 2 else (0.0, 0.0, 0.0),
        slope=0.5 if orientation % 5 == 0 else 1.0,
        inter=3.0,
        seed=orientation,
    )
    check(case, itk=True)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", NIFTI_DTYPES)
@pytest.mark.parametrize(("family", "extension"), [("nifti1", ".nii"), ("nifti1", ".nii.gz"), ("nifti2", ".nii.gz")])
def test_every_nifti_dtype_is_kept(family, extension, dtype, order):
    case = Case(family=family, extension=extension, dtype=order + dtype, slope=2.0, inter=-5.0)
    check(case, itk=family == "nifti1")  # ITK reads no NIfTI-2


@pytest.mark.parametrize("dtype", MGH_DTYPES)
@pytest.mark.parametrize("extension", [".mgh", ".mgz"])
def test_every_mgh_dtype_is_kept(extension, dtype):
    check(Case(family="mgh", extension=extension, dtype=">" + dtype, axes=(8, 9, 10, 2), comment=b"mri_convert a b"))


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf"), 1.0])
def test_slope_that_scales_nothing_reads_as_one(tmp_path, slope):
    path, _ = make(tmp_path, Case(slope=slope, inter=4.0 if slope == 1 else 0.0))
    scan = read_scan(path)
    assert (scan.slope, scan.inter) == (1.0, 4.0 if slope == 1 else 0.0)


def test_content_not_name_decides_how_a_file_is_read(tmp_path):
    path, (_, voxels, _) = make(tmp_path, Case())
    for name in ("no_extension", "gzip_called_plain.nii", "upper.NII.GZ"):
        other = tmp_path / name
        other.write_bytes(path.read_bytes())
        assert read_scan(str(other)).stored.tobytes(order="F") == voxels


def test_bytes_after_nifti_voxels_are_not_written(tmp_path):
    path, parts = make(tmp_path, Case(extension=".nii"))
    path.write_bytes(path.read_bytes() + b"Jane Doe")
    scan = read_scan(path)
    assert encode(scan, "x.nii") == b"".join(parts)


def test_voxels_are_read_only_and_not_copied(tmp_path):
    path, _ = make(tmp_path, Case(extension=".nii"))
    scan = read_scan(path)
    assert not scan.stored.flags.writeable
    assert not scan.stored.flags.owndata
    assert scan.stored.flags.f_contiguous
