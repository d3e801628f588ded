"""Reading and writing scans; the only part of efface that touches image files.

Reading goes by content, writing by the name's extension. What was read as NIfTI is written as NIfTI, MGH as MGH,
and every byte that is not a voxel stays as it was.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from efface.errors import UnreadableImageError, UnsupportedImageError, UsageError
from efface.io import codec
from efface.io.atomic import check_output, write_whole
from efface.io.header import PLACE_FIELDS, header_differences
from efface.io.layout import join
from efface.io.memory import image_of, read_image
from efface.io.mgh import is_mgh, read_mgh
from efface.io.nifti import is_nifti, is_pair, read_nifti
from efface.io.privacy import header_warnings
from efface.io.sniff import refusal
from efface.scan import Scan

__all__ = [
    "PLACE_FIELDS",
    "check_extension",
    "encode",
    "header_differences",
    "header_warnings",
    "image_of",
    "read_scan",
    "write_scan",
]

EXTENSIONS = {"nifti": (".nii.gz", ".nii"), "mgh": (".mgz", ".mgh.gz", ".mgh")}
COMPRESSED = (".gz", ".mgz")


def read_scan(source: str | os.PathLike[str] | Any) -> Scan:
    """Read a head scan.

    Parameters
    ----------
    source : path of a .nii, .nii.gz, .mgh or .mgz file (told apart by content), or a nibabel image

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
    """Write a scan; under its own name the file appears whole or not at all.

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
    check_output(path, None, overwrite)
    write_whole(path, encode(scan, path.name), overwrite=overwrite)


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
    fitting = EXTENSIONS[scan.source.kind]
    if not name.lower().endswith(fitting):
        family = {"nifti": "NIfTI", "mgh": "MGH"}[scan.source.kind]
        message = f"{name}: the scan was read as {family} and keeps its format; let the name end in {_listed(fitting)}"
        raise UsageError(message)


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _read_file(path: Path) -> Scan:
    name = str(path)
    raw = _read_bytes(path)
    if raw.startswith(codec.MAGIC):
        raw = codec.decompress(raw, name)
    if is_nifti(raw):
        return read_nifti(raw, name)
    if is_mgh(raw):
        return read_mgh(raw, name)
    if is_pair(raw) or path.suffix.lower() == ".img":
        message = f"{name}: half of an .hdr/.img pair; convert the pair to a single file, .nii.gz"
        raise UnsupportedImageError(message)
    raise refusal(raw, name)


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        message = f"{path}: a folder; give a scan (.nii, .nii.gz, .mgz), and convert DICOM series with dcm2niix"
        raise UnreadableImageError(message)
    if path.exists() and not path.is_file():
        message = f"{path}: not an ordinary file; give a scan (.nii, .nii.gz, .mgz)"
        raise UnreadableImageError(message)
    try:
        raw = path.read_bytes()
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
