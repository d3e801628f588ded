"""A scan back to its DICOM series: only what must change changes."""

import numpy as np
import pytest
from making_dicom import (
    FRAME_OF_REFERENCE,
    NAME,
    SCOUT_IMAGE,
    STUDY,
    Making,
    pydicom,
    write_enhanced,
    write_series,
)
from pydicom.datadict import keyword_for_tag

import efface
from efface.errors import OutputError, OutputExistsError, UsageError
from efface.io.dicom.writing import series_contents
from efface.io.header import header_differences
from efface.provenance import Claim

WORLD = np.array([[0, 0, 3.0, -12], [-1.1, 0, 0, 9], [0, -0.9, 0, 40], [0, 0, 0, 1]])
VERIFIED = Claim("efface 9 anatomy zero", features_clean=True, recipe="abc")
REFUSED = Claim("efface 9 anatomy zero", features_clean=False, recipe="abc")
DERIVED = {"ImageType", "DerivationDescription", "DeidentificationMethod"}
UIDS = {"SOPInstanceUID", "SeriesInstanceUID", "MediaStorageSOPInstanceUID", "ReferencedSOPInstanceUID"}
CLEAN = {"RecognizableVisualFeatures", "DeidentificationMethodCodeSequence"}
ALWAYS = DERIVED | UIDS | {"PixelData", "LargestImagePixelValue", "IconImageSequence", "FileMetaInformationGroupLength"}


def voxels(*shape, dtype=np.uint16):
    return np.random.default_rng(2).integers(0, 2000, shape or (14, 12, 9)).astype(dtype)


def defaced(scan):
    """The same with a corner set to 0, and the mask of it."""
    stored = scan.stored.copy(order="K")
    mask = np.zeros(stored.shape, bool)
    mask[:5, :, 2:6] = True
    stored[mask] = 0
    return scan.with_stored(stored), mask


def copied(folder, claim=VERIFIED, **options):
    """What a defaced copy of a series holds, by file name."""
    scan = efface.read_scan(folder)
    return series_contents(defaced(scan)[0], claim, **options)


def dataset(data):
    return pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))


def differing(one, two):
    """Keywords, at any depth, under which two datasets differ."""
    names = set()
    for tag in {*one.keys(), *two.keys()}:
        name = keyword_for_tag(tag) or str(tag)
        if tag not in one or tag not in two or one[tag].VR != two[tag].VR:
            names.add(name)
        elif one[tag].VR == "SQ":
            names |= {"items"} if len(one[tag].value) != len(two[tag].value) else set()
            names |= set().union(*(differing(*pair) for pair in zip(one[tag].value, two[tag].value, strict=False)))
        elif one[tag].value != two[tag].value:
            names.add(name)
    return names


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return write_series(tmp_path_factory.mktemp("dicom") / "s", voxels(), WORLD)


@pytest.mark.parametrize(("claim", "more"), [(VERIFIED, CLEAN), (REFUSED, set())])
def test_only_what_must_change_changes(series, claim, more):
    copies = copied(series, claim)
    assert sorted(copies) == sorted(path.name for path in series.iterdir())
    for name, data in copies.items():
        before, after = pydicom.dcmread(series / name), dataset(data)
        assert differing(before, after) <= ALWAYS | more
        assert differing(before.file_meta, after.file_meta) <= ALWAYS
        assert after.ImageType == ["DERIVED", "PRIMARY", "M", "ND"]
        assert after.DeidentificationMethod == "efface 9 anatomy zero"
        assert after.get("RecognizableVisualFeatures") == ("NO" if more else None)
        assert "PatientIdentityRemoved" not in after
        assert str(after.PatientName) == NAME
        assert (after.StudyInstanceUID, after.FrameOfReferenceUID) == (STUDY, FRAME_OF_REFERENCE)


def test_the_code_says_what_was_verified(series):
    (code,) = dataset(next(iter(copied(series).values()))).DeidentificationMethodCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113102", "DCM")
    assert "DeidentificationMethodCodeSequence" not in dataset(next(iter(copied(series, REFUSED).values())))


def test_what_was_said_before_is_kept(tmp_path):
    said = {"DeidentificationMethod": "other tool", "DerivationDescription": "averaged"}
    folder = write_series(tmp_path / "s", voxels(), WORLD, Making(tags=said))
    after = dataset(next(iter(copied(folder).values())))
    assert after.DeidentificationMethod == ["other tool", "efface 9 anatomy zero"]
    assert after.DerivationDescription.startswith("averaged; ")


def test_uids_are_new_consistent_and_the_same_again(series):
    copies = [dataset(data) for data in copied(series).values()]
    own = {copy.SOPInstanceUID for copy in copies}
    assert len(own) == len(copies)
    assert len({copy.SeriesInstanceUID for copy in copies}) == 1
    assert not own & {pydicom.dcmread(path).SOPInstanceUID for path in series.iterdir()}
    for copy in copies:
        assert copy.SOPInstanceUID == copy.file_meta.MediaStorageSOPInstanceUID
        inside, outside = (item.ReferencedSOPInstanceUID for item in copy.ReferencedImageSequence)
        assert inside in own
        assert outside == SCOUT_IMAGE
        assert copy.SOPInstanceUID.is_valid
    assert copied(series) == copied(series)


def test_another_result_has_other_uids(series):
    scan = efface.read_scan(series)
    one, two = (dataset(next(iter(series_contents(each, VERIFIED).values()))) for each in (scan, defaced(scan)[0]))
    assert one.SeriesInstanceUID != two.SeriesInstanceUID


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big", "rle"])
@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint8])
def test_voxels_outside_the_mask_keep_their_bits(tmp_path, syntax, dtype):
    image = voxels(13, 11, 9, dtype=dtype)
    folder = write_series(tmp_path / "s", image, WORLD, Making(syntax=syntax))
    scan, _ = defaced(efface.read_scan(folder))
    efface.write_scan(scan, tmp_path / "out")
    again = efface.read_scan(tmp_path / "out")
    assert again.grid.same_as(scan.grid)
    assert np.array_equal(again.stored, scan.stored)
    for path in folder.iterdir():
        before, after = (pydicom.dcmread(place) for place in (path, tmp_path / "out" / path.name))
        if syntax == "rle":
            assert after.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
        else:
            assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
            assert len(before.PixelData) == len(after.PixelData)
            assert before["PixelData"].VR == after["PixelData"].VR


def test_bits_beyond_the_value_stay_where_nothing_changed(tmp_path):
    folder = write_series(tmp_path / "s", voxels(), WORLD)
    for path in folder.iterdir():
        each = pydicom.dcmread(path)
        each.PixelData = (np.frombuffer(each.PixelData, "<u2") | 0x9000).tobytes()
        each.save_as(path)
    scan, _ = defaced(efface.read_scan(folder))
    efface.write_scan(scan, tmp_path / "out")
    for path in folder.iterdir():
        before, after = (
            np.frombuffer(pydicom.dcmread(place).PixelData, "<u2") for place in (path, tmp_path / "out" / path.name)
        )
        assert set(after[before != after]) <= {0}
    assert np.array_equal(efface.read_scan(tmp_path / "out").stored, scan.stored)


@pytest.mark.parametrize("shape", [(14, 12, 9), (14, 12, 9, 2)])
def test_frames_of_one_file_are_written_to_one_file(tmp_path, shape):
    folder = write_enhanced(tmp_path / "s", voxels(*shape), WORLD, Making(slope=2.0, inter=-5.0))
    scan, _ = defaced(efface.read_scan(folder))
    efface.write_scan(scan, tmp_path / "out")
    assert np.array_equal(efface.read_scan(tmp_path / "out").stored, scan.stored)
    after = pydicom.dcmread(tmp_path / "out" / "enhanced.dcm")
    types = [frame.MRImageFrameTypeSequence[0].FrameType[0] for frame in after.PerFrameFunctionalGroupsSequence]
    assert set(types) == {"DERIVED"}
    assert differing(pydicom.dcmread(folder / "enhanced.dcm"), after) <= ALWAYS | {"FrameType"}


@pytest.mark.parametrize("write", [write_series, write_enhanced])
@pytest.mark.parametrize("syntax", ["explicit", "implicit"])
def test_clean_headers_hold_nothing_of_the_person(tmp_path, write, syntax):
    folder = write(tmp_path / "s", voxels(), WORLD, Making(syntax=syntax))
    copies = copied(folder, clean_headers=True)
    assert sorted(copies) == [f"{number + 1:05d}.dcm" for number in range(len(copies))]
    for data in copies.values():
        for word in (
            b"Mustermann",
            b"4711",
            b"19640812",
            b"20200102",
            b"Klinik",
            b"A1234",
            b"t1 sag",
            b"055Y",
            b"1.2.3.4",
        ):
            assert word not in data
        after = dataset(data)
        assert after.PatientIdentityRemoved == "YES"
        assert {code.CodeValue for code in after.DeidentificationMethodCodeSequence} == {"113100", "113102"}
        assert not any(tag.is_private for tag in after.keys())  # noqa: SIM118 - a Dataset iterates over its elements
        assert (after.RepetitionTime, after.MagneticFieldStrength) == (2000, 3)


def test_clean_headers_keep_a_study_together(tmp_path):
    folders = [
        write_series(tmp_path / str(number), voxels(), WORLD, Making(series=f"1.2.3.4.{number}")) for number in (3, 4)
    ]
    one, two = (dataset(next(iter(copied(folder, clean_headers=True).values()))) for folder in folders)
    for name in ("StudyInstanceUID", "FrameOfReferenceUID"):
        assert one[name].value == two[name].value != ""
    assert one.SeriesInstanceUID != two.SeriesInstanceUID
    scouts = [each.ReferencedImageSequence[1].ReferencedSOPInstanceUID for each in (one, two)]
    assert scouts[0] == scouts[1] != SCOUT_IMAGE
    assert copied(folders[0], clean_headers=True) == copied(folders[0], clean_headers=True)


def test_a_cleaned_series_lies_where_it_was(series, tmp_path):
    scan, _ = defaced(efface.read_scan(series))
    (tmp_path / "out").mkdir()
    for name, data in series_contents(scan, VERIFIED, clean_headers=True).items():
        (tmp_path / "out" / name).write_bytes(data)
    again = efface.read_scan(tmp_path / "out")
    assert again.grid.same_as(scan.grid)
    assert np.array_equal(again.stored, scan.stored)
    assert header_differences(scan, again) == ()


def test_differences_leave_out_what_must_change(series, tmp_path):
    scan, _ = defaced(efface.read_scan(series))
    efface.write_scan(scan, tmp_path / "out")
    assert header_differences(scan, efface.read_scan(tmp_path / "out")) == ()
    path = next((tmp_path / "out").iterdir())
    changed = pydicom.dcmread(path)
    changed.RepetitionTime = 99
    changed.save_as(path)
    assert header_differences(scan, efface.read_scan(tmp_path / "out")) == ("RepetitionTime",)


def test_a_folder_appears_whole_or_not_at_all(series, tmp_path, monkeypatch):
    scan = efface.read_scan(series)
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        efface.write_scan(scan, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_overwriting_replaces_a_series_and_nothing_else(series, tmp_path):
    scan = efface.read_scan(series)
    efface.write_scan(scan, tmp_path / "out")
    (tmp_path / "out" / next(series.iterdir()).name).rename(tmp_path / "out" / "left over")
    with pytest.raises(OutputExistsError):
        efface.write_scan(scan, tmp_path / "out")
    efface.write_scan(scan, tmp_path / "out", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in series.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.txt"):
        efface.write_scan(scan, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["out.nii.gz", "out.dcm"])
def test_a_series_is_not_written_to_a_file(series, tmp_path, name):
    with pytest.raises(UsageError, match="folder of files"):
        efface.write_scan(efface.read_scan(series), tmp_path / name)


def nested(*pairs):
    item = pydicom.dataset.Dataset()
    for name, value in pairs:
        setattr(item, name, value)
    return item


def test_every_other_copy_of_the_pixels_is_removed(tmp_path):
    folder = write_series(tmp_path / "s", voxels(), WORLD)
    for path in folder.iterdir():
        each = pydicom.dcmread(path)
        each.FloatPixelData = b"FACE" * 8
        each.DataSetTrailingPadding = b"FACE" * 8
        each.SourceImageSequence = [nested(("ReferencedSOPInstanceUID", "1.2.3"), ("PixelData", b"FACE" * 8))]
        each["SourceImageSequence"].value[0]["PixelData"].VR = "OB"
        each.add_new(0x7F110010, "OW", b"FACE" * 8)
        each.save_as(path)
    for data in copied(folder).values():
        assert b"FACE" not in data
        assert len(dataset(data).PixelData) == 14 * 12 * 2
        assert dataset(data).SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3"
    scan = efface.read_scan(folder)
    folder_of_copies = tmp_path / "copies"
    folder_of_copies.mkdir()
    for name, data in copied(folder).items():
        (folder_of_copies / name).write_bytes(data)
    assert header_differences(scan, efface.read_scan(folder_of_copies)) == ()


def test_clean_headers_leave_no_old_uid_date_or_address(tmp_path):
    folder = write_series(tmp_path / "s", voxels(), WORLD)
    old = "1.2.99.4711"
    for path in folder.iterdir():
        each = pydicom.dcmread(path)
        for name in (
            "SOPInstanceUIDOfConcatenationSource",
            "MultiFrameSourceSOPInstanceUID",
            "VolumeFrameOfReferenceUID",
            "StorageMediaFileSetUID",
            "ContextUID",
        ):
            setattr(each, name, f"{old}.{len(name)}")
        each.SourceImageSequence = [nested(("TableFrameOfReferenceUID", f"{old}.7"))]
        each.PatientBirthDateInAlternativeCalendar = NAME
        each.CommentsOnTheScheduledProcedureStep = NAME
        each.RetrieveURL = "http://pacs.klinik.example/4711"
        each.add_new(0x00181FFE, "UN", NAME.encode())
        each.file_meta.MediaStorageSOPInstanceUID = f"{old}.8"
        each.save_as(path)
    made = copied(folder, clean_headers=True)
    for data in made.values():
        assert old.encode() not in data
        assert NAME.encode() not in data
        assert b"klinik" not in data.lower()
        after = dataset(data)
        assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    uids = {dataset(data).VolumeFrameOfReferenceUID for data in made.values()}
    assert len(uids) == 1, "the same in all files"
