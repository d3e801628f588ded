"""FreeSurfer's MGH files: header before the voxels, scan parameters and tags behind them, all kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from nibabel.freesurfer.mghformat import DATA_OFFSET, MGHHeader

from efface.errors import UnreadableImageError, UnsupportedImageError
from efface.io.checks import check_scan, check_shape
from efface.io.layout import Layout, cut
from efface.scan import Scan

DTYPES = {0: ">u1", 1: ">i4", 3: ">f4", 4: ">i2", 10: ">u2"}
"""Of MRI_UCHAR, MRI_INT, MRI_FLOAT, MRI_SHORT and MRI_USHRT; FreeSurfer's mri.h."""


def is_mgh(raw: bytes) -> bool:
    """Whether the bytes begin as an MGH file does: version 1, big endian."""
    return raw[:4] == b"\0\0\0\1"


def read_mgh(raw: bytes, name: str) -> Scan:
    """Cut the bytes of an MGH file into header, voxels and what follows.

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
    return check_scan(cut(raw, mgh_layout(raw, name), name), name)


def mgh_layout(raw: bytes, name: str) -> Layout:
    """Return what the header says of the voxels; the beginning of a file is enough.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        As for `read_mgh`.
    """
    if len(raw) < DATA_OFFSET:
        message = f"{name}: {len(raw)} bytes are too few for an MGH header; copy or download the file again"
        raise UnreadableImageError(message)
    header_class: Any = MGHHeader
    header = header_class(raw[:DATA_OFFSET], check=False)
    with np.errstate(all="ignore"):
        affine = np.asarray(header.get_affine(), np.float64)
    return Layout(
        kind="mgh",
        offset=DATA_OFFSET,
        dtype=_dtype(header, name),
        shape=check_shape(tuple(int(n) for n in header["dims"]), name),
        affine=affine,
        slope=1.0,
        inter=0.0,
    )


def _dtype(header: Any, name: str) -> np.dtype[Any]:
    code = int(header["type"])
    if code not in DTYPES:
        message = f"{name}: voxels of MGH type {code}, not uchar, short, ushort, int or float; use mri_convert first"
        raise UnsupportedImageError(message)
    return np.dtype(DTYPES[code])
