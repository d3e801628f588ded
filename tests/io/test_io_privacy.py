"""What may say something of a person is named, and never quoted."""

import nibabel as nib
import numpy as np
import pytest

from efface.io import header_warnings, read_scan

VOXELS = np.random.default_rng(0).integers(0, 1000, (8, 9, 10)).astype(np.int16)
SECRET = "Jane"


def scan_of(tmp_path, raw):
    path = tmp_path / "scan"
    path.write_bytes(raw)
    return read_scan(path)


def nifti(image_class=nib.Nifti1Image, extensions=(), order="<", **fields):
    header = image_class.header_class(endianness=order)
    for field, value in fields.items():
        header[field] = value
    header.extensions.extend(nib.nifti1.Nifti1Extension(code, content) for code, content in extensions)
    header.set_data_dtype(np.int16)
    return image_class(VOXELS, np.eye(4), header).to_bytes()


def mgh(tail):
    return nib.MGHImage(VOXELS, np.eye(4)).to_bytes() + tail


def tag(number, content, width=8):
    return number.to_bytes(4, "big") + (len(content).to_bytes(width, "big") if width else b"") + content


def check(warnings, *words):
    assert len(warnings) == len(words)
    for warning, word in zip(warnings, words, strict=True):
        assert word in warning
        assert SECRET not in warning
        assert "\n" not in warning
        assert len(warning) < 200
        assert any(mark in warning for mark in ("; ", "with: ")), "says what to try"


@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_clean_header_gives_no_warning(tmp_path, image_class, order):
    assert header_warnings(scan_of(tmp_path, nifti(image_class, order=order))) == ()
    assert header_warnings(scan_of(tmp_path, nifti(image_class, order=order, descrip=b"   "))) == ()


@pytest.mark.parametrize("field", ["descrip", "db_name", "aux_file", "intent_name", "data_type"])
def test_text_field_is_named(tmp_path, field):
    check(header_warnings(scan_of(tmp_path, nifti(**{field: SECRET}))), f"field {field} ")


def test_acquisition_time_of_dcm2niix_is_named(tmp_path):
    scan = scan_of(tmp_path, nifti(nib.Nifti2Image, descrip=b"TE=1.7;Time=173637.760;phase=1", aux_file=b"x"))
    warnings = header_warnings(scan)
    check(warnings, "descrip", "aux_file")
    assert not any("1736" in warning for warning in warnings)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
def test_extensions_are_named_by_code(tmp_path, image_class, order):
    extensions = [(6, b"comment of Jane"), (4, b"<AFNI Jane/>" * 9), (1000, b"Jane")]
    warnings = header_warnings(scan_of(tmp_path, nifti(image_class, extensions, order)))
    check(warnings, "6 (comment)", "4 (afni)", "1000 (unregistered)")


def test_dicom_extension_is_named_specially(tmp_path):
    raw = bytearray(nifti(extensions=[(6, b"comment of Jane")]))
    raw[356] = 2
    check(header_warnings(scan_of(tmp_path, bytes(raw))), "2 (dicom) may hold names, dates and identifiers")


def test_bytes_hidden_before_the_voxels_are_named(tmp_path):
    raw = nifti()
    header = nib.Nifti1Header(raw[:348])
    header["vox_offset"] = 352 + 64
    block = (64).to_bytes(4, "little") + (6).to_bytes(4, "little") + b"Jane Doe"  # an extension, but not announced
    hidden = header.binaryblock + bytes(4) + block.ljust(64) + raw[352:]
    check(header_warnings(scan_of(tmp_path, hidden)), "between header and voxels")


def test_damaged_extension_is_named(tmp_path):
    raw = bytearray(nifti(extensions=[(6, b"comment of Jane")]))
    raw[352:356] = b"\xff\xff\xff\x7f"
    check(header_warnings(scan_of(tmp_path, bytes(raw))), "between header and voxels")


def test_bytes_after_nifti_voxels_are_named(tmp_path):
    check(header_warnings(scan_of(tmp_path, nifti() + b"Jane Doe")), "8 bytes after the voxels")


def test_mgh_without_tags_gives_no_warning(tmp_path):
    assert header_warnings(scan_of(tmp_path, mgh(b""))) == ()
    assert header_warnings(scan_of(tmp_path, mgh(bytes(12)))) == ()


def test_mgh_tags_are_named(tmp_path):
    tail = tag(20, b"", 0) + tag(30, b"/Jane/t.xfm\0", 4) + tag(3, b"mri_convert Jane\0") + tag(99, b"Jane")
    words = "20 (surface geometry)", "30 (path of a transform)", "3 (command line)", "99 (unknown)"
    check(header_warnings(scan_of(tmp_path, mgh(tail))), *words)


@pytest.mark.parametrize("tail", [b"Jane", b"\0\0\0\3\0\0\0\0\0\0\1\0Jane", b"\xff\xff\xff\xff" + bytes(20)])
def test_mgh_tail_that_is_no_tags_is_named(tmp_path, tail):
    check(header_warnings(scan_of(tmp_path, mgh(tail))), "no readable MGH tags")
