"""A DICOM series as a scan: every voxel with its place, whatever way it was stored."""

import subprocess
import sys
import zlib

import nibabel as nib
import numpy as np
import pytest
from making_dicom import Making, edit, place, pydicom, write_capture, write_enhanced, write_series

import efface
from efface.errors import InputError, UnreadableImageError, UnsupportedImageError
from efface.fill.kept import to_stored

SIZE = (14, 12, 9)


def affine(code="PIR", spacing=(1.1, 0.9, 3.0), turn=0.0):
    """Axes by their codes, of unequal spacing, turned about x by some radians."""
    axes = nib.orientations.inv_ornt_aff(nib.orientations.axcodes2ornt(code), (1, 1, 1))[:3, :3]
    about_x = [[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]]
    made = np.eye(4)
    made[:3, :3] = np.array(about_x) @ axes @ np.diag(spacing)
    made[:3, 3] = (-31.5, 12.25, 40.125)
    return made


def voxels(*shape, dtype=np.uint16, low=0, high=4000):
    return np.random.default_rng(1).integers(low, high, shape or SIZE).astype(dtype)


def assert_same(scan, image, world):
    """Every voxel of the image is in the scan, at the same place in the world."""
    scan_image = nib.as_closest_canonical(nib.Nifti1Image(scan.stored, scan.grid.affine))
    made = nib.as_closest_canonical(nib.Nifti1Image(image, world))
    assert np.allclose(scan_image.affine, made.affine, atol=1e-4)
    assert np.array_equal(np.asanyarray(scan_image.dataobj), np.asanyarray(made.dataobj))


@pytest.mark.parametrize("code", ["LPS", "LIP", "PIR", "LPI", "RAS", "AIL"])
@pytest.mark.parametrize("turn", [0.0, 0.35])
def test_every_voxel_has_its_place(tmp_path, code, turn):
    image, world = voxels(), affine(code, turn=turn)
    assert_same(efface.read_scan(write_series(tmp_path / "s", image, world)), image, world)


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big", "rle"])
@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint8])
def test_every_encoding_gives_the_same_voxels(tmp_path, syntax, dtype):
    image = voxels(dtype=dtype, low=-900 if dtype == np.int16 else 0, high=250 if dtype == np.uint8 else 2000)
    scan = efface.read_scan(write_series(tmp_path / "s", image, affine(), Making(syntax=syntax)))
    assert scan.stored.dtype == dtype
    assert_same(scan, image, affine())


@pytest.mark.parametrize("name", ["JPEGLosslessProcess14_1", "JPEG2000Lossless", "JPEGLSLossless"])
@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_lossless_compression_is_undone(tmp_path, name, dtype):
    gdcm = pytest.importorskip("gdcm")
    image = voxels(dtype=dtype, low=-900 if dtype == np.int16 and name != "JPEGLSLossless" else 0, high=2000)
    folder = write_series(tmp_path / "s", image, affine())
    for path in folder.iterdir():
        compress(gdcm, path, getattr(gdcm.TransferSyntax, name))
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID.is_compressed
    assert_same(efface.read_scan(folder), image, affine())


def test_a_decoder_that_aborts_does_not_take_efface_with_it(tmp_path, monkeypatch):
    gdcm = pytest.importorskip("gdcm")
    folder = write_series(tmp_path / "s", voxels(), affine())
    for path in folder.iterdir():
        compress(gdcm, path, gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    abort = tmp_path / "abort"
    abort.mkdir()
    (abort / "gdcm.py").write_text("import os\nos.abort()\n")  # as gdcm itself does at some damaged streams
    monkeypatch.setattr(sys, "path", [str(abort), *sys.path])
    with pytest.raises(UnreadableImageError, match="compressed pixels are broken"):
        efface.read_scan(folder)


def test_no_code_is_taken_from_the_current_folder(tmp_path, monkeypatch):
    gdcm = pytest.importorskip("gdcm")
    image = voxels()
    folder = write_series(tmp_path / "s", image, affine())
    for path in folder.iterdir():
        compress(gdcm, path, gdcm.TransferSyntax.JPEGLosslessProcess14_1)
        for name in ("gdcm", "numpy", "pydicom", "efface", "struct"):
            (folder / f"{name}.py").write_text("raise SystemExit('taken over')\n")
    monkeypatch.chdir(folder)
    assert_same(efface.read_scan(folder), image, affine())


def test_a_decoder_that_never_ends_is_ended(tmp_path, monkeypatch):
    gdcm = pytest.importorskip("gdcm")
    folder = write_series(tmp_path / "s", voxels(), affine())
    for path in folder.iterdir():
        compress(gdcm, path, gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "gdcm.py").write_text("import time\ntime.sleep(100)\n")
    monkeypatch.setattr(sys, "path", [str(slow), *sys.path])
    monkeypatch.setattr("efface.io.dicom.decoding.LONGEST_S", 2.0)
    with pytest.raises(UnreadableImageError, match="never ended"):
        efface.read_scan(folder)


def test_deflated_headers_are_read_and_bombs_are_not(tmp_path):
    image = voxels()
    folder = write_series(tmp_path / "s", image, affine())
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
        dataset.save_as(path)
    assert_same(efface.read_scan(folder), image, affine())
    whole = path.read_bytes()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    start = len(whole) - len(deflated_part(whole))
    path.write_bytes(whole[:start] + zlib.compress(bytes(2**28), 9, wbits=-15))
    with pytest.raises(UnreadableImageError, match="deflated part"):
        efface.read_scan(folder)


def deflated_part(data):
    """What follows the file's own header, whose length is in its first element."""
    length = int.from_bytes(data[140:144], "little")
    return data[144 + length :]


def test_few_bytes_are_not_many_pixels(tmp_path):
    folder = write_series(tmp_path / "s", voxels(), affine(), Making(syntax="rle"))
    edit(next(folder.iterdir()), Rows=30000, Columns=30000)
    with pytest.raises(UnreadableImageError, match="announces"):
        efface.read_scan(folder)


def compress(gdcm, path, syntax):
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


@pytest.mark.parametrize("write", [write_series, write_enhanced])
def test_rescale_is_the_scan_s_scaling(tmp_path, write):
    image = voxels()
    scan = efface.read_scan(write(tmp_path / "s", image, affine(), Making(slope=2.5, inter=-100)))
    assert (scan.slope, scan.inter) == (2.5, -100)
    assert scan.intensities().max() == pytest.approx(2.5 * image.max() - 100)


def test_frames_of_one_file_are_a_volume(tmp_path):
    image = voxels()
    scan = efface.read_scan(write_enhanced(tmp_path / "s", image, affine("LPS", turn=0.2)))
    assert_same(scan, image, affine("LPS", turn=0.2))


@pytest.mark.parametrize("write", [write_series, write_enhanced])
def test_echoes_and_time_points_are_volumes(tmp_path, write):
    image = voxels(*SIZE, 3)
    scan = efface.read_scan(write(tmp_path / "s", image, affine(), Making(echoes=(2.0, 4.5, 7.0))))
    assert scan.volumes == 3
    assert_same(scan, image, affine())


def test_bits_beyond_the_value_are_no_part_of_it(tmp_path):
    folder = write_series(tmp_path / "s", voxels(), affine())
    clean = efface.read_scan(folder).stored
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.PixelData = (np.frombuffer(dataset.PixelData, "<u2") | 0x8000).tobytes()
        dataset.save_as(path)
    assert np.array_equal(efface.read_scan(folder).stored, clean)


def test_signed_values_of_few_bits_keep_their_sign(tmp_path):
    image = voxels(dtype=np.int16, low=-2000, high=2000)
    folder = write_series(tmp_path / "s", image, affine())
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.PixelData = (np.frombuffer(dataset.PixelData, "<u2") & 0x0FFF).tobytes()
        dataset.save_as(path)
    scan = efface.read_scan(folder)
    assert scan.limits == (-2048, 2047)
    assert_same(scan, image, affine())


def test_a_fill_stays_within_the_bits_in_use(tmp_path):
    scan = efface.read_scan(write_series(tmp_path / "s", voxels(), affine(), Making(slope=2.0, inter=-10.0)))
    assert to_stored(np.array([-500.0, 390.0, 1e6], np.float32), scan).tolist() == [0, 200, 4095]


def test_padding_is_seen_as_background(tmp_path):
    image = voxels(dtype=np.int16, low=10, high=2000)
    image[:5] = -2000
    making = Making(tags={"PixelPaddingValue": -2000})
    scan = efface.read_scan(write_series(tmp_path / "s", image, affine(), making))
    assert scan.padding == (-2000, -2000)
    assert scan.intensities().min() == 0
    assert scan.stored.min() == -2000


@pytest.mark.parametrize("turn", [0.0, 0.3])
@pytest.mark.parametrize("code", ["LPS", "LIP", "PIR"])
def test_dcm2niix_puts_every_voxel_at_the_same_place(tmp_path, code, turn):
    dcm2niix = pytest.importorskip("dcm2niix")
    world = affine(code, turn=turn)
    folder = write_series(tmp_path / "s", voxels(), world)
    subprocess.run([dcm2niix.bin, "-o", tmp_path, "-f", "by_dcm2niix", folder], check=True, stdout=subprocess.DEVNULL)
    image = nib.load(tmp_path / "by_dcm2niix.nii")
    assert_same(efface.read_scan(folder), np.asanyarray(image.dataobj).astype(np.uint16), image.affine)


def test_dicom2nifti_puts_every_voxel_at_the_same_place(tmp_path):
    convert = pytest.importorskip("dicom2nifti.convert_dicom")
    folder = write_series(tmp_path / "s", voxels(), affine())
    convert.dicom_series_to_nifti(folder, tmp_path / "x.nii", reorient_nifti=False)
    image = nib.load(tmp_path / "x.nii")
    assert_same(efface.read_scan(folder), np.asanyarray(image.dataobj).astype(np.uint16), image.affine)


def made(folder, **tags):
    return sorted(write_series(folder, voxels(), affine(), Making(tags=tags)).iterdir(), key=slice_number)


def slice_number(path):
    return int(path.name.split("_")[1])


def remove_one(folder):
    made(folder)[4].unlink()


def double_one(folder):
    path = made(folder)[4]
    path.with_name("copy").write_bytes(path.read_bytes())


def another_at_one_place(folder):
    path = made(folder)[4]
    dataset = pydicom.dcmread(path)
    dataset.SOPInstanceUID = "1.2.3.77"
    dataset.save_as(path.with_name("another"))


def tilt(folder):
    world = affine()
    world[:3, 2] += 0.4 * world[:3, 1] / np.linalg.norm(world[:3, 1])
    write_series(folder, voxels(), world)


def uneven(folder):
    for number, path in enumerate(made(folder)):
        dataset = pydicom.dcmread(path)
        world = affine()
        world[:3, 3] += world[:3, 2] * 0.02 * number**2
        place(dataset, world, number)
        dataset.save_as(path)


def turn_some(folder):
    for path in made(folder)[::3]:
        edit(path, ImageOrientationPatient=[1, 0, 0, 0, 1, 0])


def truncate(folder):
    path = made(folder)[2]
    path.write_bytes(path.read_bytes()[:-40])


def truncate_the_header(folder):
    path = made(folder)[2]
    path.write_bytes(path.read_bytes()[:140])


def unknown_syntax(folder):
    path = made(folder)[2]
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.8\0", 1))


def slopes(folder):
    write_series(folder, voxels(), affine(), Making(slope=1.0, inter=0.0))
    edit(next(folder.iterdir()), RescaleSlope=3.5)


def two_echoes_mixed(folder):
    write_series(folder, voxels(*SIZE, 2), affine(), Making(echoes=(2.0, 5.0)))
    for path in folder.iterdir():
        if slice_number(path) == 3:
            edit(path, EchoTime=9.0)


BROKEN = {
    "a missing slice": (remove_one, UnsupportedImageError, "slices are missing"),
    "a file twice": (double_one, UnsupportedImageError, "the same image as"),
    "two images at one place": (another_at_one_place, UnsupportedImageError, "missing or doubled"),
    "a gantry tilt": (tilt, UnsupportedImageError, "gantry tilt"),
    "uneven slices": (uneven, UnsupportedImageError, "uneven distances"),
    "several directions": (turn_some, UnsupportedImageError, "several directions"),
    "truncated pixels": (truncate, UnreadableImageError, "truncated"),
    "a truncated header": (truncate_the_header, UnreadableImageError, "export"),
    "an unknown encoding": (unknown_syntax, UnreadableImageError, "not a transfer syntax"),
    "several slopes": (slopes, UnsupportedImageError, "different rescale"),
    "echoes mixed up": (two_echoes_mixed, UnsupportedImageError, "differ within a volume"),
    "a mosaic": (lambda folder: made(folder, ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]),
                 UnsupportedImageError, "mosaic"),
    "colours": (lambda folder: made(folder, PhotometricInterpretation="PALETTE COLOR"),
                UnsupportedImageError, "brightness"),
    "no position": (lambda folder: edit(made(folder)[0], ImagePositionPatient=None), UnsupportedImageError, "position"),
    "no spacing": (lambda folder: edit(made(folder)[0], PixelSpacing=[0, 0]), UnreadableImageError, "spacing"),
    "lies about its size": (lambda folder: edit(made(folder)[0], Rows=60000, Columns=60000),
                            UnreadableImageError, "announces"),
    "no pixels": (lambda folder: edit(made(folder)[0], PixelData=None), UnsupportedImageError, "no pixel data"),
    "phase and magnitude": (lambda folder: edit(made(folder)[0], ImageType=["ORIGINAL", "PRIMARY", "P"]),
                            UnsupportedImageError, "magnitude and phase"),
    "a screenshot": (write_capture, UnsupportedImageError, "Secondary Capture"),
    "one image": (lambda folder: [path.unlink() for path in made(folder)[1:]], UnsupportedImageError, "2-D"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_volume_is_refused_in_one_line(tmp_path, kind):
    break_it, error, words = BROKEN[kind]
    folder = tmp_path / "s"
    break_it(folder)
    with pytest.raises(InputError, match=words) as refused:
        efface.read_scan(folder)
    assert type(refused.value) is error
    assert "\n" not in str(refused.value)
    assert str(folder) in str(refused.value)


def test_several_series_are_named(tmp_path):
    write_series(tmp_path / "one", voxels(), affine())
    other = Making(series="1.2.3.4.8", number=12, tags={"SeriesDescription": "t2 tra"})
    write_series(tmp_path / "two", voxels(), affine(), other)
    with pytest.raises(UnsupportedImageError, match=r"series 5 \(t1 sag\), 9 files; series 12 \(t2 tra\), 9 files"):
        efface.read_scan(tmp_path)


def test_a_folder_without_dicom_says_so(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(UnreadableImageError, match="without DICOM"):
        efface.read_scan(tmp_path)


def test_other_files_beside_the_series_are_let_be(tmp_path):
    image = voxels()
    folder = write_series(tmp_path / "s", image, affine())
    (folder / "notes.txt").write_text("read me")
    assert_same(efface.read_scan(folder), image, affine())


def test_without_pydicom_the_extra_is_named(tmp_path, monkeypatch):
    folder = write_series(tmp_path / "s", voxels(), affine())
    monkeypatch.setattr("efface.io.dicom.find_spec", lambda name: None)
    with pytest.raises(UnsupportedImageError, match=r"pip install 'efface\[dicom\]'"):
        efface.read_scan(folder)


def test_nifti_does_not_load_what_reads_dicom(phantom_file):
    code = f"import sys, efface; efface.read_scan({str(phantom_file)!r}); sys.exit('efface.io.dicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
