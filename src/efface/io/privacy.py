"""What a header may say of a person: named, never quoted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from nibabel.nifti1 import extension_codes

from efface.io.nifti import EXTENDER, parse_header
from efface.scan import Scan

TEXT_FIELDS = ("descrip", "db_name", "aux_file", "intent_name", "data_type", "unused_str")
"""Free text of NIfTI-1 and NIfTI-2; the last two are meant to be empty."""
DICOM = 2
SCAN_PARAMETERS = 20
"""Bytes of MGH's repetition time, flip angle, echo time, inversion time and field of view, behind the voxels."""
WITHOUT_LENGTH = (1, 2, 20)
"""Old MGH tags that are followed by no length; that of `OLD_XFORM` has four bytes, all others have eight."""
OLD_XFORM = 30
MGH_TAGS = {
    1: "colour table",
    2: "scanner coordinates",
    3: "command line",
    4: "scanner coordinates",
    5: "colour table",
    20: "surface geometry",
    21: "surface geometry",
    30: "path of a transform",
    31: "path of a transform",
    33: "automatic alignment",
    41: "phase-encoding direction",
    42: "frames",
    43: "field strength",
    44: "original geometry",
    45: "scan parameters",
}


def header_warnings(scan: Scan, *, clean_headers: bool = False) -> tuple[str, ...]:
    """Name the header fields that may say something of a person.

    Parameters
    ----------
    scan : as it was read
    clean_headers : of DICOM: whether the headers are to be cleaned, so that there is less to warn of

    Returns
    -------
    warnings : one line for each field, with what to try and without the field's value
    """
    if scan.source.series is not None:
        from efface.io.dicom.telling import series_warnings

        return tuple(series_warnings(scan.source.series, clean_headers=clean_headers))
    return tuple(_nifti_warnings(scan) if scan.source.kind == "nifti" else _mgh_warnings(scan.source.tail))


def _nifti_warnings(scan: Scan) -> Iterator[str]:
    header = parse_header(scan.source.head, "the header")
    names = header.structarr.dtype.names
    for field in TEXT_FIELDS:
        if field in names and bytes(header[field]).strip(b"\0 "):
            yield (
                f"header field {field} holds text, which may name a person, place or time; read it, and clear it "
                f"with: nifti_tool -mod_hdr -mod_field {field} ''"
            )
    yield from _extension_warnings(scan.source.head, header)
    if scan.source.tail:
        yield (
            f"{len(scan.source.tail)} bytes after the voxels belong to no field and are not written; "
            "if they mattered, keep the original file safe"
        )


def _extension_warnings(head: bytes, header: Any) -> Iterator[str]:
    order: Literal["little", "big"] = "little" if header.endianness == "<" else "big"
    start = int(header.sizeof_hdr) + EXTENDER
    rest = head[start:]
    while head[start - EXTENDER] and len(rest) >= 8:
        size, code = (int.from_bytes(rest[at : at + 4], order, signed=True) for at in (0, 4))
        if not 8 <= size <= len(rest):
            break
        rest = rest[size:]
        yield _extension_warning(code)
    if any(rest):
        yield "bytes between header and voxels are no readable extension; drop them with: nifti_tool -rm_ext ALL"


def _extension_warning(code: int) -> str:
    label = extension_codes.label.get(code, "unregistered")
    content = "names, dates and identifiers" if code == DICOM else "text about the person or the session"
    return f"header extension {code} ({label}) may hold {content}; drop it with: nifti_tool -rm_ext ALL"


def _mgh_warnings(tail: bytes) -> Iterator[str]:
    rest = tail[SCAN_PARAMETERS:]
    while any(rest):
        tag = int.from_bytes(rest[:4], "big", signed=True)
        width = 0 if tag in WITHOUT_LENGTH else 4 if tag == OLD_XFORM else 8
        size = int.from_bytes(rest[4 : 4 + width], "big", signed=True)
        if tag <= 0 or not 0 <= size <= len(rest) - 4 - width:
            yield "bytes after the voxels are no readable MGH tags; convert to .nii.gz, which leaves them out"
            return
        rest = rest[4 + width + size :]
        yield (
            f"MGH tag {tag} ({MGH_TAGS.get(tag, 'unknown')}) may name a person, path or time; "
            "read it with mri_info, or convert to .nii.gz, which leaves it out"
        )
