"""A DICOM series to a scan."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import UID

from efface.errors import UnreadableImageError, UnsupportedImageError
from efface.grid import Grid
from efface.io.checks import check_scan, check_shape
from efface.io.dicom.decoding import decoded
from efface.io.dicom.folders import one_series
from efface.io.dicom.frames import Frame, frames_of
from efface.io.dicom.inflating import check_inflated
from efface.io.dicom.pixels import Packing, Pixels, check_size, needs_decoder, packing_of, shape_of, words_of
from efface.io.dicom.series import BROKEN, Series, SeriesFile, leniently, why
from efface.io.dicom.stacking import Stack, stacked
from efface.io.layout import in_space
from efface.io.sizes import check_fits
from efface.scan import Scan, Source

MOSAIC_IMAGES: Any = (0x0019, 0x100A)
"""Siemens' private number of slices that are tiled into one picture."""


def read_folder(folder: Path) -> Scan:
    """Read the one series below a folder.

    Raises
    ------
    UnreadableImageError
        No DICOM file, or one that is truncated or broken.
    UnsupportedImageError
        Several series, or images that are no volume on an even grid.
    """
    return read_files(one_series(folder).paths, folder)


def read_files(paths: Sequence[Path], folder: Path) -> Scan:
    """Read the files of one series.

    Parameters
    ----------
    paths : all of its files, sorted
    folder : what their names are relative to; how messages call the series

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        As for `read_folder`.
    """
    name = str(folder)
    datasets = [_read(path) for path in paths]
    with leniently():
        frames = [_frames(dataset, number, paths[number]) for number, dataset in enumerate(datasets)]
        _check_each_once(datasets, paths)
        stack = stacked([frame for of_file in frames for frame in of_file], name)
        packing = _packing(datasets, paths)
        files, stored = _taken(datasets, paths, folder, stack, packing)
        scan = Scan(
            stored=stored,
            grid=Grid(in_space(stored.shape), stack.affine),
            slope=stack.scaling[0],
            inter=stack.scaling[1],
            source=Source("dicom", b"", series=Series(files)),
            limits=packing.limits,
            padding=_padding(datasets[0], packing),
        )
    return check_scan(scan, name)


def _read(path: Path) -> FileDataset:
    try:
        with leniently():
            check_inflated(path)
            dataset = dcmread(path)
            _check_supported(dataset, path)
    except BROKEN as error:
        message = f"{path}: the DICOM file cannot be read ({why(error)}); it may be truncated, copy or export it again"
        raise UnreadableImageError(message) from error
    return dataset


def _check_supported(dataset: FileDataset, path: Path) -> None:
    """Raise for what is no plain image: a mosaic, or a syntax that is not said."""
    if not isinstance(dataset.file_meta.get("TransferSyntaxUID"), UID):
        message = f"{path}: the file does not say how it is encoded (Transfer Syntax); export the series again"
        raise UnreadableImageError(message)
    needs_decoder(dataset)  # raises where the syntax is none that is known
    kinds = {str(value).upper() for value in dataset.get("ImageType") or ()}
    if "MOSAIC" in kinds or MOSAIC_IMAGES in dataset:
        message = f"{path}: a Siemens mosaic, many slices in one picture; convert the series with dcm2niix"
        raise UnsupportedImageError(message)


def _frames(dataset: FileDataset, file: int, path: Path) -> list[Frame]:
    try:
        frames = frames_of(dataset, file, str(path))
    except BROKEN as error:
        message = (
            f"{path}: an attribute of the image's place or scaling is broken ({why(error)}); export the series again"
        )
        raise UnreadableImageError(message) from error
    numbers = [value for frame in frames for value in (*frame.position_mm, *frame.axes.flat, *frame.spacing_mm,
                                                       *frame.scaling)]  # fmt: skip
    if not frames or not np.isfinite(numbers).all() or min(frames[0].spacing_mm) <= 0 or frames[0].scaling[0] == 0:
        message = f"{path}: position, spacing or scaling is no number that can be; export the series again"
        raise UnreadableImageError(message)
    return frames


def _check_each_once(datasets: Sequence[FileDataset], paths: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for dataset, path in zip(datasets, paths, strict=True):
        uid = str(dataset.get("SOPInstanceUID", ""))
        if uid in seen:
            message = f"{path}: the same image as {seen[uid]} (SOP Instance UID); keep one of them"
            raise UnsupportedImageError(message)
        seen[uid] = path


def _packing(datasets: Sequence[FileDataset], paths: Sequence[Path]) -> Packing:
    """Return how all files' pixels are packed."""
    found = [_checked_packing(dataset, path) for dataset, path in zip(datasets, paths, strict=True)]
    for packing, path in zip(found, paths, strict=True):
        if packing != found[0]:
            message = f"{path}: its pixels are stored in another way than those of {paths[0]}; convert with dcm2niix"
            raise UnsupportedImageError(message)
    shapes = [
        shape_of(dataset, packing, str(path)) for dataset, packing, path in zip(datasets, found, paths, strict=True)
    ]
    check_fits(sum(prod(shape) for shape in shapes) * found[0].allocated // 8, str(paths[0].parent))
    return found[0]


def _checked_packing(dataset: FileDataset, path: Path) -> Packing:
    try:
        packing = packing_of(dataset, str(path))
        check_size(dataset, packing, str(path))  # before anything is decoded
    except BROKEN as error:
        message = f"{path}: an attribute that describes pixels is broken ({why(error)}); export the series again"
        raise UnreadableImageError(message) from error
    return packing


def _taken(
    datasets: Sequence[FileDataset], paths: Sequence[Path], folder: Path, stack: Stack, packing: Packing
) -> tuple[tuple[SeriesFile, ...], Pixels]:
    """Take the pixels out of every file: the files without them, and the volume."""
    files: list[SeriesFile] = []
    stored: Pixels | None = None
    compressed = [number for number, dataset in enumerate(datasets) if needs_decoder(dataset)]
    arrays = dict(zip(compressed, decoded([paths[number] for number in compressed]), strict=True))
    for number, (dataset, path) in enumerate(zip(datasets, paths, strict=True)):
        words = _words(dataset, packing, arrays.pop(number, None), path)
        values = packing.unpacked(words)
        if stored is None:
            shape = check_shape((values.shape[2], values.shape[1], stack.slices, stack.volumes), str(folder))
            stored = np.empty((*shape[:3], stack.volumes), packing.dtype, order="F")
        if values.shape[:0:-1] != stored.shape[:2]:
            message = f"{path}: {values.shape[2]} x {values.shape[1]} pixels, other images of the series differ"
            raise UnsupportedImageError(message)
        places = tuple(stack.places[number, frame] for frame in range(len(values)))
        for (k, t), image in zip(places, values, strict=True):
            stored[:, :, k, t] = image.T
        full = not np.array_equal(packing.packed(values), words)
        files.append(_without_pixels(dataset, path.relative_to(folder).as_posix(), places, words if full else None))
    if stored is None:
        message = f"{folder}: no images; give a folder with a series"
        raise UnreadableImageError(message)
    return tuple(files), stored if stack.volumes > 1 else stored[..., 0]


def _words(dataset: FileDataset, packing: Packing, array: Pixels | None, path: Path) -> Pixels:
    try:
        return words_of(dataset, packing, array, str(path))
    except BROKEN as error:
        message = f"{path}: the pixels cannot be read ({why(error)}); copy or export the series again"
        raise UnreadableImageError(message) from error


def _without_pixels(
    dataset: FileDataset, name: str, places: tuple[tuple[int, int], ...], containers: Pixels | None
) -> SeriesFile:
    vr = str(dataset["PixelData"].VR)
    del dataset["PixelData"]
    return SeriesFile(name, dataset, places, vr if vr in ("OB", "OW") else "OW", containers)


def _padding(dataset: FileDataset, packing: Packing) -> tuple[int, int] | None:
    """Return between which stored values nothing was measured."""
    values = [dataset.get(name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    first, last = (value if isinstance(value, int) else None for value in values)
    if first is None:
        return None
    ends = [_signed(value, packing) for value in (first, first if last is None else last)]
    return min(ends), max(ends)


def _signed(value: int, packing: Packing) -> int:
    """Return a value as the pixels have it; some programs write that of signed pixels unsigned."""
    over = packing.signed and value >= 1 << packing.allocated - 1
    return value - (1 << packing.allocated) if over else value
