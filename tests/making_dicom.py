"""DICOM series of a synthetic head: what scanners and archives make, and what is broken on the way."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")
Dataset, FileDataset = pydicom.dataset.Dataset, pydicom.dataset.FileDataset
SYNTAXES = {
    "explicit": pydicom.uid.ExplicitVRLittleEndian,
    "implicit": pydicom.uid.ImplicitVRLittleEndian,
    "big": pydicom.uid.ExplicitVRBigEndian,
    "rle": pydicom.uid.RLELossless,
}
STUDY, FRAME_OF_REFERENCE, SCOUT_IMAGE = "1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.9.1"
NAME = "Mustermann^Erika"


@dataclass(frozen=True)
class Making:
    """How a series is made of voxels (I, J, K) or (I, J, K, T) and their RAS+ affine."""

    syntax: str = "explicit"
    bits_stored: int = 12
    slope: float | None = None
    inter: float | None = None
    series: str = "1.2.3.4.3"
    number: int = 5
    kind: str = "ORIGINAL\\PRIMARY\\M\\ND"
    echoes: tuple[float, ...] = (2.5,)
    tags: dict[str, Any] = field(default_factory=dict)
    """Further attributes of every file."""


def write_series(folder, voxels, affine, making=Making()):
    """Write one file for each image, in an order of names that is not that of the slices."""
    folder.mkdir(parents=True, exist_ok=True)
    stack = voxels if voxels.ndim == 4 else voxels[..., None]
    for t in range(stack.shape[3]):
        for k in range(stack.shape[2]):
            number = t * stack.shape[2] + k
            dataset = _image(stack[:, :, k, t][None].swapaxes(1, 2), making, number)
            place(dataset, affine, k)
            dataset.EchoTime = making.echoes[t] if t < len(making.echoes) else making.echoes[0]
            dataset.update(_sequences(making, number))
            save(dataset, folder / f"IM{(number * 7) % 1000:04d}_{number}")
    return folder


def write_enhanced(folder, voxels, affine, making=Making()):
    """Write all images as frames of one file, frames in reverse order."""
    folder.mkdir(parents=True, exist_ok=True)
    stack = voxels if voxels.ndim == 4 else voxels[..., None]
    order = [(k, t) for t in range(stack.shape[3]) for k in reversed(range(stack.shape[2]))]
    dataset = _image(np.stack([stack[:, :, k, t].T for k, t in order]), making, 0)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.EnhancedMRImageStorage
    dataset.NumberOfFrames = len(order)
    groups = []
    for k, t in order:
        here = Dataset()
        place(here, affine, k)
        frame = Dataset()
        frame.PlanePositionSequence = [_only(here, "ImagePositionPatient")]
        frame.PlaneOrientationSequence = [_only(here, "ImageOrientationPatient")]
        frame.FrameContentSequence = [Dataset()]
        frame.FrameContentSequence[0].TemporalPositionIndex = t + 1
        frame.FrameContentSequence[0].FrameAcquisitionDateTime = "20200102030405"
        frame.MRImageFrameTypeSequence = [Dataset()]
        frame.MRImageFrameTypeSequence[0].FrameType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
        groups.append(frame)
    shared = Dataset()
    shared.PixelMeasuresSequence = [_only(here, "PixelSpacing")]
    if making.slope is not None:
        shared.PixelValueTransformationSequence = [_only(dataset, "RescaleSlope", "RescaleIntercept")]
        del dataset.RescaleSlope, dataset.RescaleIntercept
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = groups
    save(dataset, folder / "enhanced.dcm")
    return folder


def write_capture(folder, name="capture.dcm"):
    """Write a screenshot."""
    folder.mkdir(parents=True, exist_ok=True)
    dataset = _image(np.zeros((1, 16, 16), np.uint16), Making(series="1.2.3.4.99", number=99), 0)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    save(dataset, folder / name)
    return folder / name


def place(dataset: Dataset, affine, k: int) -> None:
    """Say where an image lies: DICOM's own attributes, in LPS."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    position = lps[:3, 3] + lps[:3, 2] * k
    dataset.ImagePositionPatient = [f"{value:.8g}" for value in position]
    axes = (lps[:3, :2] / spacing[:2]).T.ravel()
    dataset.ImageOrientationPatient = [f"{value:.9f}" for value in axes]
    dataset.PixelSpacing = [f"{spacing[1]:.8g}", f"{spacing[0]:.8g}"]
    dataset.SliceThickness = f"{spacing[2]:.8g}"


def save(dataset: FileDataset, path: Path) -> None:
    """Write one file as an archive would."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and not dataset["PixelData"].is_undefined_length:
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        dataset.compress(syntax, encoding_plugin="pydicom", generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)


def edit(path: Path, **values) -> None:
    """Change attributes of a file; None removes one."""
    dataset = pydicom.dcmread(path)
    for name, value in values.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.save_as(path)


def _image(frames, making: Making, number: int) -> FileDataset:
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
    meta.MediaStorageSOPInstanceUID = f"{making.series}.{number + 1}"
    meta.TransferSyntaxUID = SYNTAXES[making.syntax]
    dataset = FileDataset(
        "", {}, file_meta=meta, preamble=b"II*\0" + bytes(124), is_implicit_VR=meta.TransferSyntaxUID.is_implicit_VR,
        is_little_endian=meta.TransferSyntaxUID.is_little_endian,
    )  # fmt: skip
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.ImageType = making.kind.split("\\")
    dataset.SOPClassUID = pydicom.uid.MRImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyDate, dataset.StudyTime = "20200102", "030405"
    dataset.AccessionNumber, dataset.Modality, dataset.Manufacturer = "A1234", "MR", "Nobody"
    dataset.InstitutionName, dataset.SeriesDescription = "Klinik", "t1 sag"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = NAME, "4711", "19640812"
    dataset.PatientSex, dataset.PatientAge = "F", "055Y"
    dataset.RepetitionTime, dataset.MagneticFieldStrength = "2000", "3"
    dataset.MRAcquisitionType, dataset.ScanningSequence, dataset.SequenceVariant = "3D", "GR", "NONE"
    dataset.PatientPosition = "HFS"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, making.series
    dataset.FrameOfReferenceUID = FRAME_OF_REFERENCE
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.AcquisitionNumber = making.number, number + 1, 1
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = frames.shape[1:]
    bits = frames.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored = bits, min(making.bits_stored, bits)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(frames.dtype.kind == "i")
    if making.slope is not None:
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = making.slope, making.inter, "US"
    dataset.LargestImagePixelValue = int(frames.max())
    for name, value in making.tags.items():
        setattr(dataset, name, value)
    order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    data = np.ascontiguousarray(frames, frames.dtype.newbyteorder(order)).tobytes()
    dataset.add_new("PixelData", "OB" if bits == 8 else "OW", data + b"\0" * (len(data) % 2))
    return dataset


def _sequences(making: Making, number: int) -> Dataset:
    """Return what else a file holds: an icon, references into the series and out of it, and a private block."""
    dataset, own, scout, icon = Dataset(), Dataset(), Dataset(), Dataset()
    own.ReferencedSOPClassUID = scout.ReferencedSOPClassUID = pydicom.uid.MRImageStorage
    own.ReferencedSOPInstanceUID = f"{making.series}.1"
    scout.ReferencedSOPInstanceUID = SCOUT_IMAGE
    dataset.ReferencedImageSequence = [own, scout]
    icon.Rows = icon.Columns = 4
    icon.SamplesPerPixel, icon.PhotometricInterpretation = 1, "MONOCHROME2"
    icon.BitsAllocated, icon.BitsStored, icon.HighBit, icon.PixelRepresentation = 8, 8, 7, 0
    icon.PixelData = bytes(16)
    dataset.IconImageSequence = [icon]
    block = dataset.private_block(0x0029, "NOBODY HEADER", create=True)
    block.add_new(0x10, "OB", b"Mustermann was here ")
    return dataset


def _only(dataset: Dataset, *names: str) -> Dataset:
    part = Dataset()
    for name in names:
        setattr(part, name, dataset[name].value)
    return part
