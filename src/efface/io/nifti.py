"""NIfTI-1 and NIfTI-2 single files: the header is understood by nibabel and kept as bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from efface.errors import UnreadableImageError, UnsupportedImageError
from efface.io.checks import check_dtype, check_scan, check_shape
from efface.io.layout import Layout, cut
from efface.scan import Scan

EXTENDER = 4
"""Bytes after the header that say whether extensions follow."""


def is_nifti(raw: bytes) -> bool:
    """Whether the bytes begin as a single NIfTI file does."""
    return raw[344:348] == b"n+1\0" or raw[4:8] == b"n+2\0"


def is_pair(raw: bytes) -> bool:
    """Whether the bytes begin as the header of an .hdr/.img pair (NIfTI or Analyze) does."""
    size = raw[:4]
    sizes = (int.from_bytes(size, "little"), int.from_bytes(size, "big"))
    announced = any(header.sizeof_hdr in sizes for header in (Nifti1Header, Nifti2Header))
    return not is_nifti(raw) and (announced or raw[344:348] == b"ni1\0")


def read_nifti(raw: bytes, name: str) -> Scan:
    """Cut the bytes of a NIfTI file into header, voxels and what follows.

    Parameters
    ----------
    raw : the whole file, decompressed
    name : how messages call the file

    Raises
    ------
    UnreadableImageError
        The header contradicts itself or the file's length.
    UnsupportedImageError
        Not a 3-D or 4-D head scan in real numbers.
    """
    return check_scan(cut(raw, nifti_layout(raw, name), name), name)


def nifti_layout(raw: bytes, name: str) -> Layout:
    """Return what the header says of the voxels; the beginning of a file is enough.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        As for `read_nifti`.
    """
    return _layout(parse_header(raw, name), name)


def parse_header(raw: bytes, name: str) -> Any:
    """Return nibabel's header of a NIfTI file, in its own version and byte order, unchecked and unrepaired."""
    header_class: Any = Nifti2Header if raw[4:8] == b"n+2\0" else Nifti1Header
    size = int(header_class.sizeof_hdr)
    if len(raw) < size + EXTENDER:
        message = f"{name}: {len(raw)} bytes are too few for a NIfTI header; copy or download the file again"
        raise UnreadableImageError(message)
    orders = {size.to_bytes(4, "little"): "<", size.to_bytes(4, "big"): ">"}
    return header_class(raw[:size], endianness=orders.get(raw[:4]), check=False)


def _layout(header: Any, name: str) -> Layout:
    slope, inter = _scaling(header, name)
    return Layout(
        kind="nifti",
        offset=_offset(header, name),
        dtype=_dtype(header, name),
        shape=check_shape(_axes(header, name), name),
        affine=_affine(header, name),
        slope=slope,
        inter=inter,
    )


def _axes(header: Any, name: str) -> tuple[int, ...]:
    count, *axes = (int(n) for n in header["dim"])
    if not 1 <= count <= 7:
        message = f"{name}: the header announces {count} axes; it is damaged, convert the scan again"
        raise UnreadableImageError(message)
    return tuple(axes[:count])


def _offset(header: Any, name: str) -> int:
    offset = float(header["vox_offset"])
    least = int(header.sizeof_hdr) + EXTENDER
    if not (math.isfinite(offset) and offset >= least):
        message = f"{name}: voxels at byte {offset:g}, within the header ({least} bytes); convert the scan again"
        raise UnreadableImageError(message)
    return int(offset)


def _dtype(header: Any, name: str) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = header.get_data_dtype()
    except KeyError as error:
        message = f"{name}: datatype {int(header['datatype'])} is unknown to NIfTI; convert the scan again"
        raise UnsupportedImageError(message) from error
    label = header._data_type_codes.label[int(header["datatype"])]
    check_dtype(dtype, label, name)
    return dtype


def _scaling(header: Any, name: str) -> tuple[float, float]:
    try:
        slope, inter = header.get_slope_inter()
    except HeaderDataError as error:
        message = f"{name}: the header's scl_inter is not finite, so voxels have no value; repair the header"
        raise UnreadableImageError(message) from error
    return (1.0, 0.0) if slope is None else (slope, inter)


def _affine(header: Any, name: str) -> NDArray[np.float64]:
    try:
        with np.errstate(all="ignore"):
            return np.asarray(header.get_best_affine(), np.float64)
    except (HeaderDataError, ValueError, ArithmeticError) as error:
        message = f"{name}: the header's qform is not a rotation; repair it or convert the scan again"
        raise UnsupportedImageError(message) from error
