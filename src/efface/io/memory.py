"""Images in memory: nibabel's in, nibabel's out, nothing scaled on the way."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from nibabel import MGHImage, Nifti1Image
from nibabel.freesurfer.mghformat import DATA_OFFSET, MGHError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from efface.errors import UnreadableImageError, UnsupportedImageError, UsageError
from efface.grid import Grid
from efface.io.checks import check_dtype, check_scan, check_shape
from efface.io.layout import in_space, join
from efface.io.nifti import parse_header
from efface.scan import Scan, Source

MGH_HEADER = 90
"""Bytes of the header proper; nibabel's header holds the scan parameters, which follow the voxels, right after."""


def read_image(image: Any) -> Scan:
    """Turn a nibabel image into a scan.

    Parameters
    ----------
    image : Nifti1Image, Nifti2Image or MGHImage. Where it is backed by a file, the scan holds the stored voxels
        and their scaling; where it wraps an array, it holds that array (slope 1).

    Raises
    ------
    UsageError
        Not a nibabel image.
    UnreadableImageError
        The file behind the image is missing or truncated.
    UnsupportedImageError
        Another class of image, or not a 3-D or 4-D head scan in real numbers.
    """
    name = _name(image)
    shape = check_shape(tuple(image.shape), name)
    source, dtype, slope, inter = _describe(image, name)
    stored = _voxels(image, name).astype(dtype, copy=False).reshape(shape)
    return check_scan(Scan(stored, Grid(in_space(shape), image.affine), slope, inter, source), name)


def image_of(scan: Scan, like: Any) -> Any:
    """Return the scan's voxels as an image of the class, header, affine, dtype and scaling of ``like``.

    Parameters
    ----------
    scan : what was read from ``like``, with other voxels
    like : Nifti1Image, Nifti2Image or MGHImage. Where it is backed by a file, the new image is backed by bytes
        in memory with the same scaling; where it wraps an array, the new one wraps an array of that dtype.

    Raises
    ------
    UsageError
        The scan has another number of voxels than the image.
    """
    name = _name(like)
    if scan.stored.size != math.prod(like.shape):
        message = f"{name}: a scan of {scan.stored.shape} voxels does not fit the image's {like.shape}; read it again"
        raise UsageError(message)
    if not _is_proxy(like):
        voxels = scan.stored.astype(like.dataobj.dtype, copy=True).reshape(like.shape)
        return type(like)(voxels, like.affine, like.header)
    source, dtype, _, _ = _describe(like, name)
    return type(like).from_bytes(join(replace(scan, stored=scan.stored.astype(dtype, copy=False), source=source)))


def _name(image: Any) -> str:
    if not hasattr(image, "dataobj"):
        message = f"{type(image).__name__}: neither a path nor a nibabel image; give one of them"
        raise UsageError(message)
    name = str(image.get_filename() or f"the {type(image).__name__}")
    if not isinstance(image, (Nifti1Image, MGHImage)):
        message = f"{name}: a {type(image).__name__} is not supported; convert it to a single file, .nii.gz"
        raise UnsupportedImageError(message)
    return name


def _is_proxy(image: Any) -> bool:
    return hasattr(image.dataobj, "get_unscaled")


def _voxels(image: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(image.dataobj.get_unscaled() if _is_proxy(image) else image.dataobj)
    except (OSError, EOFError, ValueError, zlib.error, MemoryError, OverflowError) as error:
        message = f"{name}: the voxels behind the image cannot be read; the file is missing or truncated, load it again"
        raise UnreadableImageError(message) from error


def _describe(image: Any, name: str) -> tuple[Source, np.dtype[Any], float, float]:
    """Return the image's header as bytes, the dtype of its stored voxels, and their slope and inter."""
    dtype = np.dtype(image.dataobj.dtype)
    check_dtype(dtype, dtype.name, name)
    slope, inter = (float(image.dataobj.slope), float(image.dataobj.inter)) if _is_proxy(image) else (1.0, 0.0)
    header = type(image)(image.dataobj, image.affine, image.header).header  # a copy that has the image's affine
    try:
        header.set_data_dtype(dtype)
    except (HeaderDataError, MGHError) as error:
        message = f"{name}: its format cannot hold {dtype.name} voxels; convert the array to float32 first"
        raise UnsupportedImageError(message) from error
    if isinstance(image, MGHImage):
        block = header.binaryblock
        source = Source("mgh", block[:MGH_HEADER].ljust(DATA_OFFSET, b"\0"), block[MGH_HEADER:])
        return source, dtype.newbyteorder(">"), slope, inter
    head = _nifti_head(header, dtype, slope, inter)
    return Source("nifti", head), dtype, slope, inter


def _nifti_head(header: Any, dtype: np.dtype[Any], slope: float, inter: float) -> bytes:
    """Return header and extensions as bytes, in the byte order of the voxels."""
    order = dtype.str[0]
    extensions = header.extensions
    if order != "|" and order != header.endianness:
        header = header.as_byteswapped(order)
        header.extensions = extensions
    header.set_slope_inter(slope, inter)
    header.set_data_offset(0)
    head = BytesIO()
    header.write_to(head)
    offset = int(parse_header(head.getvalue(), "the header")["vox_offset"])
    return head.getvalue().ljust(offset, b"\0")
