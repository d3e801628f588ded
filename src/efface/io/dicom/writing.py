"""A scan back to the files of its series: the same names and attributes, with other pixels and UIDs."""

from __future__ import annotations

import copy
import hashlib
from io import BytesIO

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import FileDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from efface.errors import OutputError
from efface.io.dicom.attributes import COMPRESSION, remove_copies, restate_extremes, say_deidentified, say_derived
from efface.io.dicom.cleaning import clean
from efface.io.dicom.pixels import Packing, Pixels, bytes_of, packing_of
from efface.io.dicom.series import BROKEN, Series, SeriesFile, leniently, why
from efface.io.dicom.uids import NewUIDs, replace_uids, replacements
from efface.provenance import Claim
from efface.scan import Scan


def series_contents(scan: Scan, claim: Claim, *, clean_headers: bool = False) -> dict[str, bytes]:
    """Return the bytes of every file of a series.

    Parameters
    ----------
    scan : as it was read, with other voxels
    claim : what was done, and how much of it was verified
    clean_headers : also remove who the person is from the headers; the files then have new names

    Returns
    -------
    files : path below the folder -> bytes

    Raises
    ------
    OutputError
        A header holds something that cannot be written again.
    """
    series = series_of(scan)
    new = NewUIDs(_recipe(scan, claim, clean_headers=clean_headers))
    changes = replacements(series, new)
    extremes = int(scan.stored.min()), int(scan.stored.max())
    files: dict[str, bytes] = {}
    for number, (name, file) in enumerate(_named(series, clean_headers=clean_headers)):
        with leniently():
            try:
                files[name] = _encoded(_changed(file, scan, claim, extremes, changes, new if clean_headers else None))
            except BROKEN as error:
                message = (
                    f"file {number + 1} of the series cannot be written again ({why(error)}); convert it with dcm2niix"
                )
                raise OutputError(message) from error
    return files


def series_of(scan: Scan) -> Series:
    """Return the series of a scan that was read from DICOM."""
    if scan.source.series is None:
        message = f"a scan that was read as {scan.source.kind} has no DICOM series"
        raise TypeError(message)
    return scan.source.series


def _recipe(scan: Scan, claim: Claim, *, clean_headers: bool) -> str:
    """Return what new UIDs are made from.

    Where headers are cleaned, UIDs must come out alike in all series of a study, so what is in one has no say.
    """
    if clean_headers:
        return f"{claim.shared} cleaned"
    return f"{claim.recipe} {hashlib.sha256(np.asarray(scan.stored).tobytes(order='K')).hexdigest()}"


def _named(series: Series, *, clean_headers: bool) -> list[tuple[str, SeriesFile]]:
    """Return each file with its new name; names often hold UIDs or a person's name, so cleaned ones are counted."""
    if not clean_headers:
        return [(file.name, file) for file in series.files]
    in_order = sorted(series.files, key=lambda file: file.frames[0][::-1])
    return [(f"{number + 1:05d}.dcm", file) for number, file in enumerate(in_order)]


def _changed(
    file: SeriesFile,
    scan: Scan,
    claim: Claim,
    extremes: tuple[int, int],
    changes: dict[str, str],
    cleaned: NewUIDs | None,
) -> FileDataset:
    """Return a copy of a file's attributes with what a defaced copy changes, and its pixels."""
    dataset = copy.deepcopy(file.dataset)
    values = _values(file, scan)
    if cleaned is not None:
        clean(dataset, cleaned)
    else:
        replace_uids(dataset, changes)
        replace_uids(dataset.file_meta, changes)
    if "SOPInstanceUID" in dataset:
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    remove_copies(dataset)
    say_derived(dataset, claim)
    say_deidentified(dataset, claim, clean_headers=cleaned is not None)
    restate_extremes(dataset, values, extremes)
    _set_pixels(dataset, file, values, packing_of(file.dataset, file.name))
    dataset.preamble = bytes(128)  # belongs to no attribute; may make a TIFF of the file, with offsets that are no more
    return dataset


def _values(file: SeriesFile, scan: Scan) -> Pixels:
    """Return (frames, rows, columns) stored values of one file."""
    volumes = scan.stored if scan.stored.ndim == 4 else scan.stored[..., None]
    return np.stack([volumes[:, :, k, t].T for k, t in file.frames])


def _set_pixels(dataset: FileDataset, file: SeriesFile, values: Pixels, packing: Packing) -> None:
    """Put pixels in: encoded as they were, or plain where they had been compressed."""
    syntax: UID = dataset.file_meta.TransferSyntaxUID
    vr = file.pixels_vr
    if syntax.is_encapsulated:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        vr = "OB" if packing.allocated == 8 else "OW"
        for name in COMPRESSION:
            if name in dataset:
                del dataset[name]
    data = bytes_of(values, packing, file.containers, little_endian=syntax.is_little_endian)
    dataset.add_new("PixelData", vr, data)


def _encoded(dataset: FileDataset) -> bytes:
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()
