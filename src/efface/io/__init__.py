"""Reading and writing scans; the only part of efface that touches image files.

Reading goes by content, writing by the name's extension. What was read as NIfTI is written as NIfTI, MGH as MGH,
and every byte that is not a voxel stays as it was. A DICOM series is a folder, in and out (`efface.io.dicom`).
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from efface.errors import InputError, UnreadableImageError, UnsupportedImageError, UsageError
from efface.io import codec
from efface.io.atomic import Contents, check_output, write_all
from efface.io.folders import check_folder_name, check_output_folder
from efface.io.header import PLACE_FIELDS, header_differences
from efface.io.layout import Layout, join
from efface.io.memory import image_of, read_image
from efface.io.mgh import is_mgh, mgh_layout, read_mgh
from efface.io.nifti import is_nifti, is_pair, nifti_layout, read_nifti
from efface.io.privacy import header_warnings
from efface.io.sizes import AFTER, check_fits
from efface.io.sniff import holds_dicom, refusal
from efface.scan import Scan

__all__ = [
    "PLACE_FIELDS",
    "announced_voxels",
    "check_extension",
    "encode",
    "header_differences",
    "header_warnings",
    "image_of",
    "read_scan",
    "write_scan",
]

EXTENSIONS = {"nifti": (".nii.gz", ".nii"), "mgh": (".mgz", ".mgh.gz", ".mgh")}
HEAD = 1024
"""Bytes in which every header lies."""
PREFIX = 2**16
"""Compressed bytes that surely hold `HEAD`."""
COMPRESSED = (".gz", ".mgz")


def read_scan(source: str | os.PathLike[str] | Any) -> Scan:
    """Read a head scan.

    Parameters
    ----------
    source : path of a .nii, .nii.gz, .mgh or .mgz file (told apart by content), of a folder with one DICOM series
        (extra ``dicom``), or a nibabel image

    Raises
    ------
    UnreadableImageError
        The file is missing, truncated or no image.
    UnsupportedImageError
        An image, but not a 3-D or 4-D head scan in real numbers.
    UsageError
        Neither a path nor a nibabel image.
    """
    return _read_file(Path(source)) if isinstance(source, (str, os.PathLike)) else read_image(source)


def write_scan(scan: Scan, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a scan; under its own name the file, or the folder of a DICOM series, appears whole or not at all.

    Of DICOM, the files get new UIDs and say that they are derived; what was verified only `efface.deface` can say.

    Raises
    ------
    UsageError
        The extension does not fit the scan's format, or the path is a folder.
    OutputExistsError
        The file is there already and ``overwrite`` is False.
    OutputError
        No such folder, no permission, no space left.
    """
    path = Path(path)
    check_extension(scan, path.name)
    if scan.source.kind == "dicom":
        check_output_folder(path, None, overwrite)
    else:
        check_output(path, None, overwrite)
    contents = _unclaimed(scan) if scan.source.kind == "dicom" else encode(scan, path.name)
    write_all({path: contents}, overwrite=overwrite)


def encode(scan: Scan, name: str) -> bytes:
    """Return the bytes of a file of that name: compressed for .nii.gz and .mgz, plain for .nii and .mgh.

    Raises
    ------
    UsageError
        The extension does not fit the scan's format.
    """
    check_extension(scan, name)
    raw = join(scan)
    return codec.compress(raw) if name.lower().endswith(COMPRESSED) else raw


def check_extension(scan: Scan, name: str) -> None:
    """Raise `UsageError` unless a file of that name can hold this scan's format."""
    if scan.source.kind == "dicom":
        check_folder_name(name)
        return
    fitting = EXTENSIONS[scan.source.kind]
    if not name.lower().endswith(fitting):
        family = {"nifti": "NIfTI", "mgh": "MGH"}[scan.source.kind]
        message = f"{name}: the scan was read as {family} and keeps its format; let the name end in {_listed(fitting)}"
        raise UsageError(message)


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _unclaimed(scan: Scan) -> Contents:
    """Return a DICOM series of which nothing is said but that it is derived."""
    from efface.io.dicom.writing import series_contents
    from efface.provenance import Claim
    from efface.version import __version__

    return series_contents(scan, Claim(f"efface {__version__}", features_clean=False, recipe=""))


def _read_folder(path: Path) -> Scan:
    if not holds_dicom(path):
        message = f"{path}: a folder without DICOM files; give a scan (.nii, .nii.gz, .mgz) or a DICOM series"
        raise UnreadableImageError(message)
    from efface.io.dicom import require

    require(path)
    from efface.io.dicom.reading import read_folder

    return read_folder(path)


def _read_file(path: Path) -> Scan:
    name = str(path)
    if path.is_dir():
        return _read_folder(path)
    data = _read_bytes(path)
    layout = _layout(data, path)
    raw = data
    if data.startswith(codec.MAGIC):
        check_fits(min(layout.end, len(data) * codec.RATIO), name)
        raw = codec.decompress(data, name, layout.end + AFTER)
    return read_nifti(raw, name) if layout.kind == "nifti" else read_mgh(raw, name)


def announced_voxels(path: Path) -> int:
    """Return how many voxels a file announces; 0 if it is no image. Only its beginning is read."""
    try:
        return math.prod(_layout(_read_bytes(path, PREFIX), path).shape)
    except InputError:
        return 0


def _layout(data: bytes, path: Path) -> Layout:
    """Return what a file says of its voxels, by its beginning."""
    name = str(path)
    packed = data.startswith(codec.MAGIC)
    raw = codec.beginning(data, name, HEAD) if packed else data
    if packed and not raw:
        codec.decompress(data, name, HEAD)  # says what is wrong
    if is_nifti(raw):
        return nifti_layout(raw, name)
    if is_mgh(raw):
        return mgh_layout(raw, name)
    if is_pair(raw) or path.suffix.lower() == ".img":
        message = f"{name}: half of an .hdr/.img pair; convert the pair to a single file, .nii.gz"
        raise UnsupportedImageError(message)
    raise refusal(raw, name)


def _read_bytes(path: Path, most: int = -1) -> bytes:
    """Return a file's bytes, or its first ones."""
    if path.exists() and not path.is_file():
        message = f"{path}: not an ordinary file; give a scan (.nii, .nii.gz, .mgz)"
        raise UnreadableImageError(message)
    try:
        if most < 0:
            check_fits(path.stat().st_size, str(path))
        with path.open("rb") as file:
            raw = file.read(most)
    except FileNotFoundError as error:
        message = f"{path}: no such file; check the path"
        raise UnreadableImageError(message) from error
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror or error}); check its permissions and the disk"
        raise UnreadableImageError(message) from error
    if not raw:
        message = f"{path}: an empty file; copy or convert the scan again"
        raise UnreadableImageError(message)
    return raw
