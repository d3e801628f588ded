"""What a file is, by its first bytes, where it is no scan that efface reads."""

from __future__ import annotations

import os
from pathlib import Path

from efface.errors import InputError, UnreadableImageError, UnsupportedImageError

CONVERT = "convert the series to NIfTI with dcm2niix"
WHOLE_SERIES = "give the folder that holds its series"
DICOM_MAGIC, DICOM_AT = b"DICM", 128
SAVE_AS_NIFTI = "save it as .nii.gz"
OTHER_SCANS = (
    (DICOM_AT, DICOM_MAGIC, "a DICOM file", WHOLE_SERIES),
    (0, b"NRRD", "an NRRD file", SAVE_AS_NIFTI),
    (0, b"\x89HDF", "an HDF5 or MINC file", SAVE_AS_NIFTI),
    (0, b"CDF", "a netCDF or MINC file", SAVE_AS_NIFTI),
    (0, b"ObjectType", "a MetaImage header", SAVE_AS_NIFTI),
)
NO_SCANS = (
    (0, b"\x89PNG", "a PNG picture", CONVERT),
    (0, b"\xff\xd8\xff", "a JPEG picture", CONVERT),
    (0, b"%PDF", "a PDF document", CONVERT),
    (0, b"PK\3\4", "a zip archive", "unpack it first"),
    (0, b"BZh", "a bzip2 file", "decompress it first"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file", "decompress it first"),
    (0, b"\xfd7zXZ", "an xz file", "decompress it first"),
    (0, b"\x1f\x8b", "a gzip file within a gzip file", "decompress it first"),
)


def refusal(raw: bytes, name: str) -> InputError:
    """Return the error that says what a file is instead of NIfTI or MGH."""
    for table, error in ((OTHER_SCANS, UnsupportedImageError), (NO_SCANS, UnreadableImageError)):
        for offset, magic, what, advice in table:
            if raw[offset : offset + len(magic)] == magic:
                return error(f"{name}: {what}, neither NIfTI nor MGH; {advice}")
    return UnreadableImageError(f"{name}: {_unknown(raw)}, neither NIfTI nor MGH; {CONVERT}")


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do, whatever it is called; False if it cannot be read."""
    if not path.is_file():  # a pipe would wait for ever
        return False
    try:
        with path.open("rb") as file:
            return file.read(DICOM_AT + len(DICOM_MAGIC))[DICOM_AT:] == DICOM_MAGIC
    except OSError:
        return False


def holds_dicom(folder: Path) -> bool:
    """Whether a DICOM file lies somewhere below a folder."""
    return any(is_dicom(Path(place) / name) for place, _, files in os.walk(folder) for name in files)


def _unknown(raw: bytes) -> str:
    start = raw[:512]
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in start)
    return "looks like text" if printable == len(start) else "not an image that efface knows"
