"""Every bad input: the right error, one line that names it, nothing written, no memory spent."""

import gzip
import os
import struct
import tracemalloc
import warnings
from contextlib import contextmanager

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efface.errors import InputError, UnreadableImageError, UnsupportedImageError, UsageError
from efface.io import encode, header_warnings, read_scan, write_scan
from efface.io.documents import parsed

RNG = np.random.default_rng(0)
VOXELS = RNG.integers(0, 1000, (8, 9, 10)).astype(np.int16)
AFFINE = np.diag([1.0, 1.5, 2.0, 1.0])


def nifti(voxels=VOXELS, *, image_class=nib.Nifti1Image, **fields):
    """Bytes of a NIfTI file, with header fields overwritten as they are on disk."""
    image = image_class(voxels, AFFINE)
    raw = image.to_bytes()
    header = image.header_class(raw[: image.header_class.sizeof_hdr], check=False)
    for field, value in fields.items():
        header[field] = value
    return header.binaryblock + raw[len(header.binaryblock) :]


def mgh(**fields):
    raw = nib.MGHImage(VOXELS, AFFINE).to_bytes()
    header = nib.freesurfer.mghformat.MGHHeader(raw[:284], check=False)
    for field, value in fields.items():
        header[field] = value
    return header.binaryblock[:90] + raw[90:]


def dim(*numbers):
    return (len(numbers), *numbers, *[1] * (7 - len(numbers)))


def floats(part_not_finite):
    voxels = VOXELS.astype(np.float32)
    voxels.reshape(-1)[: int(voxels.size * part_not_finite)] = np.nan
    return voxels


def complex_voxels():
    return nifti(VOXELS.astype(np.complex64))


def rgb_voxels():
    colours = np.zeros((8, 9, 10), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    return nifti(colours)


def sform(*rows):
    return dict(zip(("srow_x", "srow_y", "srow_z"), rows, strict=True))


def spaced(x, y, z):
    return sform((x, 0, 0, 0), (0, y, 0, 0), (0, 0, z, 0))


PACKED = gzip.compress(nifti())
CORRUPT = PACKED[:400] + bytes(byte ^ 255 for byte in PACKED[400:440]) + PACKED[440:]
UNREADABLE = {
    "empty": (b"", "empty"),
    "empty gzip": (gzip.compress(b""), "nothing"),
    "gzip header only": (PACKED[:10], "truncated"),
    "truncated gzip": (PACKED[:-200], "truncated"),
    "no gzip trailer": (PACKED[:-4], "truncated"),
    "corrupt gzip": (CORRUPT, "corrupt"),
    "wrong checksum": (PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], "corrupt"),
    "truncated voxels": (nifti()[:-1], "truncated"),
    "truncated in gzip": (gzip.compress(nifti()[:-1]), "truncated"),
    "truncated header": (nifti()[:349], "too few"),
    "truncated NIfTI-2 header": (nifti(image_class=nib.Nifti2Image)[:400], "too few"),
    "truncated MGH header": (mgh()[:100], "too few"),
    "truncated MGH voxels": (mgh()[:1000], "truncated"),
    "text": (b"subject,age\n1,26\n" * 40, "text"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(600), "PNG"),
    "noise": (bytes(range(255, 0, -1)) * 4, "not an image"),
    "gzip of text": (gzip.compress(b"hello"), "text"),
    "gzip of gzip": (gzip.compress(PACKED), "gzip"),
    "bzip2": (b"BZh91AY&SY" + bytes(50), "bzip2"),
    "negative dim": (nifti(dim=dim(8, -9, 10)), "-9"),
    "zero dim": (nifti(dim=dim(8, 0, 10)), "damaged"),
    "no axes": (nifti(dim=(0, 8, 9, 10, 1, 1, 1, 1)), "axes"),
    "many axes": (nifti(dim=(9, 8, 9, 10, 1, 1, 1, 1)), "axes"),
    "dims beyond the data": (nifti(dim=dim(8, 9, 11)), "truncated"),
    "absurd dims": (nifti(dim=dim(32767, 32767, 32767, 32767)), "truncated"),
    "absurd NIfTI-2 dims": (nifti(image_class=nib.Nifti2Image, dim=dim(2**62, 2**62, 2**62)), "truncated"),
    "absurd MGH dims": (mgh(dims=(2**31 - 1, 2**31 - 1, 2**31 - 1, 2**31 - 1)), "truncated"),
    "negative MGH dims": (mgh(dims=(-8, 9, 10, 1)), "-8"),
    "voxels within the header": (nifti(vox_offset=16), "within the header"),
    "voxels at no number": (nifti(vox_offset=np.nan), "within the header"),
    "voxels beyond the end": (nifti(vox_offset=1e30), "truncated"),
    "inter is not finite": (nifti(scl_slope=2, scl_inter=np.inf), "scl_inter"),
}
UNSUPPORTED = {
    "complex": (complex_voxels(), "complex64"),
    "RGB": (rgb_voxels(), "RGB"),
    "bits": (nifti(datatype=1, bitpix=1), "binary"),
    "no datatype": (nifti(datatype=0), "none"),
    "unknown datatype": (nifti(datatype=77), "77"),
    "unknown MGH type": (mgh(type=9), "9"),
    "2-D": (nifti(dim=dim(8, 90)), "2-D"),
    "1-D": (nifti(dim=dim(720)), "2-D"),
    "one slice": (nifti(dim=dim(24, 30, 1)), "2-D"),
    "few slices": (nifti(dim=dim(72, 5, 2)), "too few"),
    "5-D": (nifti(np.repeat(VOXELS[..., None, None], 3, 4)), "5 axes"),
    "spacing zero": (nifti(**spaced(1.0, 0.0, 1.0)), "mm"),
    "spacing huge": (nifti(**spaced(1.0, 1e6, 1.0)), "mm"),
    "spacing in metres": (nifti(**spaced(1e-3, 1e-3, 1e-3)), "mm"),
    "singular": (nifti(**sform((1, 0, 1, 0), (0, 1, 0, 0), (1, 0, 1, 0))), "singular"),
    "affine not finite": (nifti(srow_x=(np.nan, 0, 0, 0)), "finite"),
    "offset not finite": (nifti(srow_x=(1, 0, 0, np.inf)), "finite"),
    "a kilometre away": (nifti(**sform((1, 0, 0, 2e6), (0, 1, 0, 0), (0, 0, 1, 0))), "2e+03 m"),
    "no rotation": (nifti(sform_code=0, qform_code=1, quatern_b=3), "qform"),
    "MGH spacing zero": (mgh(delta=(0, 1, 1)), "mm"),
    "all zero": (nifti(np.zeros_like(VOXELS)), "nothing to see"),
    "constant": (nifti(np.full(VOXELS.shape, 4.5, np.float32)), "4.5"),
    "constant but for NaN": (nifti(np.where(floats(0.2) > 0, 4.5, np.nan).astype(np.float32)), "nothing to see"),
    "mostly NaN": (nifti(floats(0.6)), "60%"),
    "all NaN": (nifti(floats(1)), "100%"),
    "NIfTI pair": (nifti(magic=b"ni1"), "pair"),
    "big-endian Analyze": (struct.pack(">i", 348) + bytes(344), "pair"),
    "DICOM": (bytes(128) + b"DICM" + bytes(600), "the folder that holds its series"),
    "NRRD": (b"NRRD0004\n", "NRRD"),
}
BAD = [
    pytest.param(data, word, error, id=name)
    for error, table in ((UnreadableImageError, UNREADABLE), (UnsupportedImageError, UNSUPPORTED))
    for name, (data, word) in table.items()
]


def refused(path, error, word=""):
    with pytest.raises(InputError) as caught:
        read_scan(path)
    message = str(caught.value)
    assert caught.type is error
    assert message.startswith(f"{path}: ")
    assert word in message
    assert "\n" not in message
    assert "; " in message, "what to try comes after what is wrong"
    assert caught.value.exit_status == 4


@pytest.mark.parametrize(("data", "word", "error"), BAD)
def test_bad_file_is_refused_in_one_line(tmp_path, data, word, error):
    path = tmp_path / "scan.nii"
    path.write_bytes(data)
    refused(path, error, word)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == data


@pytest.mark.parametrize("voxels", [VOXELS, floats(0.5)])
def test_the_same_file_without_the_fault_is_read(tmp_path, voxels):
    path = tmp_path / "scan.nii"
    path.write_bytes(nifti(voxels))
    assert read_scan(path).stored.tobytes() == voxels.tobytes()
    path.write_bytes(mgh())
    np.testing.assert_array_equal(read_scan(path).stored, VOXELS)


def test_no_such_file(tmp_path):
    refused(tmp_path / "missing.nii.gz", UnreadableImageError, "no such file")
    refused(tmp_path / "missing" / "scan.nii.gz", UnreadableImageError, "no such file")


def test_folder(tmp_path):
    refused(tmp_path, UnreadableImageError, "without DICOM files")


def test_device_is_no_file():
    refused("/dev/null", UnreadableImageError, "ordinary")


def test_image_half_of_a_pair(tmp_path):
    nib.Nifti1Pair(VOXELS, AFFINE).to_filename(tmp_path / "scan.img")
    refused(tmp_path / "scan.img", UnsupportedImageError, "pair")
    refused(tmp_path / "scan.hdr", UnsupportedImageError, "pair")


def test_no_permission(tmp_path, monkeypatch):
    path = tmp_path / "scan.nii"
    path.write_bytes(nifti())

    def refuse(self, *arguments, **options):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.open", refuse)  # root may read anything
    refused(path, UnreadableImageError, "Permission denied")


def test_float128_is_kept_or_refused(tmp_path):
    path = tmp_path / "scan.nii"
    path.write_bytes(nifti(VOXELS.astype(np.float64), datatype=1536, dim=dim(8, 9, 10)) + bytes(8 * VOXELS.size))
    if nib.casting.have_binary128():
        assert read_scan(path).stored.dtype.itemsize == 16
    else:
        refused(path, UnsupportedImageError, "float128")


@pytest.mark.parametrize("name", ["absurd dims", "absurd NIfTI-2 dims", "absurd MGH dims", "voxels beyond the end"])
def test_header_that_lies_costs_no_memory(tmp_path, name):
    path = tmp_path / "scan.nii"
    path.write_bytes(UNREADABLE[name][0])
    tracemalloc.start()
    try:
        refused(path, UnreadableImageError)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("source", [3, None, VOXELS, b"scan.nii"])
def test_neither_path_nor_image(source):
    with pytest.raises(UsageError, match="neither a path nor a nibabel image"):
        read_scan(source)


@pytest.mark.parametrize("name", ["scan", "scan.mgz", "scan.mgh", "scan.nii.bz2", "scan.hdr", "scan.img", "nii.gz.txt"])
def test_nifti_is_written_as_nifti_only(tmp_path, name):
    (tmp_path / "in.nii").write_bytes(nifti())
    scan = read_scan(tmp_path / "in.nii")
    with pytest.raises(UsageError, match=r"end in \.nii\.gz or \.nii$"):
        write_scan(scan, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["in.nii"]


def test_mgh_is_written_as_mgh_only(tmp_path):
    (tmp_path / "in.mgh").write_bytes(mgh())
    scan = read_scan(tmp_path / "in.mgh")
    with pytest.raises(UsageError, match=r"end in \.mgz, \.mgh\.gz or \.mgh$"):
        write_scan(scan, tmp_path / "out.nii.gz")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "scan"


def read_or_refuse(path, data):
    """Whatever the bytes: a scan that is whole, or one of our errors in one line; no warning, no other error."""
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            scan = read_scan(path)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is fine
            return
        assert np.isfinite(scan.grid.affine).all()
        kept = encode(scan, "x.nii" if scan.source.kind == "nifti" else "x.mgh")
        assert data.startswith(kept)
        assert all("\n" not in line for line in header_warnings(scan))


MUTATIONS = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=12)
ORIGINALS = [nifti(), nifti(image_class=nib.Nifti2Image), nifti(floats(0.1)), mgh()]


@settings(max_examples=300, deadline=None)
@given(which=st.integers(0, 3), mutations=MUTATIONS)
def test_damaged_header_is_read_or_refused(scratch, which, mutations):
    data = bytearray(ORIGINALS[which])
    for at, value in mutations:
        data[at] = value
    read_or_refuse(scratch, bytes(data))


@settings(max_examples=100, deadline=None)
@given(length=st.integers(0, len(PACKED) - 1))
def test_gzip_truncated_anywhere_is_refused(scratch, length):
    scratch.write_bytes(PACKED[:length])
    refused(scratch, UnreadableImageError)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_refused(scratch, data):
    read_or_refuse(scratch, data)


def packed_zeros(head, size):
    """A gzip file of a header and zeros, made in members so that the test itself stays small."""
    zeros = gzip.compress(bytes(2**24), mtime=0)
    return gzip.compress(head, mtime=0) + zeros * (size // 2**24)


def test_a_bomb_behind_a_small_scan_is_refused(tmp_path):
    head = nib.Nifti1Image(np.ones((10, 10, 10), np.int16), np.eye(4)).to_bytes()
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(packed_zeros(head, 2**29))
    with pytest.raises(UnreadableImageError, match="more than"), peak_below(250e6):
        read_scan(path)


def test_a_bomb_that_is_no_scan_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(packed_zeros(bytes(1000), 2**29))
    with pytest.raises(UnreadableImageError, match="neither NIfTI nor MGH"), peak_below(100e6):
        read_scan(path)


def test_a_file_that_does_not_fit_into_memory_is_not_read(tmp_path):
    path = tmp_path / "huge.nii"
    path.write_bytes(nifti(dim=dim(30000, 30000, 30000)))
    os.truncate(path, 2**43)  # a sparse file: 8 TB that take no room
    with pytest.raises(UnsupportedImageError, match="memory"):
        read_scan(path)


def test_a_packed_file_that_does_not_fit_into_memory_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(gzip.compress(nifti()))
    monkeypatch.setattr("efface.io.sizes.memory_bytes", lambda: 2000.0)
    with pytest.raises(UnsupportedImageError, match="memory"):
        read_scan(path)


@contextmanager
def peak_below(most):
    """Fail if Python's own allocations rise above so many bytes meanwhile."""
    tracemalloc.start()
    try:
        yield
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < most


@pytest.mark.parametrize(
    "text", [b'{"a": NaN, "b": 1e999}', b"\xef\xbb\xbf" + b'{"a": null, "b": null}', b'{"a": -Infinity, "b": null}']
)
def test_json_with_numbers_that_are_none(text):
    assert parsed(text) == {"a": None, "b": None}


@pytest.mark.parametrize("text", [b"[" * 100_000, b"\xff\xfe", b"{", b""])
def test_what_is_no_json_is_one_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - its message is said by who reads the file
        parsed(text)
