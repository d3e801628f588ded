"""Which header fields differ between two scans."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import nibabel as nib
import numpy as np

from efface.scan import Scan, Source

PLACE_FIELDS = frozenset(
    (
        *("dim_info", "dim", "pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d"),
        *("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"),
        *("dims", "delta", "Mdc", "Pxyz_c", "goodRASFlag"),
    )
)
"""Fields that say where voxels lie, of NIfTI and of MGH: other ones for the same voxels in another order."""


def header_differences(one: Scan, two: Scan) -> tuple[str, ...]:
    """Name the header fields that differ, without quoting them.

    Returns
    -------
    names : field names; ``"format"`` for another file format, ``"extensions"`` and ``"tail"`` for other bytes. Of
        DICOM, attributes that every defaced copy must change are left out.
    """
    if one.source.kind != two.source.kind:
        return ("format",)
    if one.source is two.source:
        return ()
    if one.source.series is not None and two.source.series is not None:
        from efface.io.dicom.comparing import series_differences

        return series_differences(one.source.series, two.source.series)
    if one.source.head == two.source.head and one.source.tail == two.source.tail:
        return ()
    first, second = _header(one.source), _header(two.source)
    if type(first) is not type(second):
        return ("format",)
    names = [key for key in first.keys() if not _same(first[key], second[key])]  # noqa: SIM118 - nibabel's header
    size = first.structarr.dtype.itemsize
    if one.source.head[size:] != two.source.head[size:]:
        names.append("extensions")
    if one.source.kind == "mgh" and one.source.tail != two.source.tail:
        names.append("tail")
    return tuple(names)


def _header(source: Source) -> Any:
    if source.kind == "mgh":
        return nib.freesurfer.mghformat.MGHHeader(source.head[:284], check=False)
    kind = nib.Nifti2Header if len(source.head) >= 544 and source.head[:4] in _NIFTI2 else nib.Nifti1Header
    return kind.from_fileobj(BytesIO(source.head), check=False)


_NIFTI2 = ((540).to_bytes(4, "little"), (540).to_bytes(4, "big"))


def _same(one: Any, two: Any) -> bool:
    first, second = np.asarray(one), np.asarray(two)
    if first.dtype.kind == "f":
        return bool(np.array_equal(first, second, equal_nan=True))
    return bool(np.array_equal(first, second))
