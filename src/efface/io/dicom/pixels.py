"""A file's pixels as integers, and back: only what was changed differs, to the last bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import RLELossless

from efface.errors import UnreadableImageError, UnsupportedImageError
from efface.io.dicom.series import BROKEN, why

Pixels = NDArray[Any]
LARGEST = 2**33
"""Bytes of pixels in a file; more is a header that lies."""
LEAST, RATIO = 2**26, 1000
"""Compressed pixels may be so many bytes, or so many times their own: even an empty slice gives less."""


@dataclass(frozen=True)
class Packing:
    """How a pixel lies in its word."""

    allocated: int
    """Bits of a word: 8, 16 or 32."""
    stored: int
    """Bits of a value."""
    shift: int
    """Bits below the value."""
    signed: bool
    """Whether values can be negative."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a value, little-endian."""
        return np.dtype(f"<{'i' if self.signed else 'u'}{self.allocated // 8}")

    @property
    def limits(self) -> tuple[int, int]:
        """Lowest and highest value."""
        return (-(1 << self.stored - 1), (1 << self.stored - 1) - 1) if self.signed else (0, (1 << self.stored) - 1)

    def unpacked(self, words: Pixels) -> Pixels:
        """Return the values in words of this packing, as `dtype`."""
        left = self.allocated - self.stored - self.shift
        values = words.view(self.dtype)
        if left == 0 and self.shift == 0:
            return values
        return np.asarray((values << left) >> (left + self.shift))  # of signed values this spreads the sign

    def packed(self, values: Pixels) -> Pixels:
        """Return values as words, with all other bits 0, or, where the value fills the upper bits, its sign."""
        return np.asarray(values << self.shift)


def packing_of(dataset: Dataset, name: str) -> Packing:
    """Return how a file's pixels are packed.

    Raises
    ------
    UnreadableImageError
        The header contradicts itself.
    UnsupportedImageError
        Colours, floats or words of odd sizes.
    """
    samples, kind = int(dataset.get("SamplesPerPixel", 1)), str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    if samples != 1 or kind != "MONOCHROME2":
        message = (
            f"{name}: pixels are {kind} with {samples} sample(s), not brightness (MONOCHROME2); give the scan itself"
        )
        raise UnsupportedImageError(message)
    allocated = int(dataset.get("BitsAllocated", 0))
    stored = int(dataset.get("BitsStored") or allocated)
    high = int(dataset.get("HighBit", stored - 1))
    packing = Packing(allocated, stored, high + 1 - stored, bool(dataset.get("PixelRepresentation", 0)))
    if allocated not in (8, 16, 32):
        message = f"{name}: pixels of {allocated} bits, not 8, 16 or 32; convert the series with dcm2niix"
        raise UnsupportedImageError(message)
    if not (0 < stored <= allocated and 0 <= packing.shift <= allocated - stored):
        message = f"{name}: {stored} bits up to bit {high} do not fit into {allocated}; export the series again"
        raise UnreadableImageError(message)
    return packing


def shape_of(dataset: Dataset, packing: Packing, name: str) -> tuple[int, int, int]:
    """Return frames, rows and columns.

    Raises
    ------
    UnreadableImageError
        More or less than a file can hold.
    UnsupportedImageError
        No pixels.
    """
    if "PixelData" not in dataset:
        message = f"{name}: no pixel data; give the whole series"
        raise UnsupportedImageError(message)
    shape = (int(dataset.get("NumberOfFrames") or 1), int(dataset.Rows), int(dataset.Columns))
    if min(shape) < 1 or int(np.prod(shape, dtype=object)) * packing.allocated // 8 > LARGEST:
        message = f"{name}: the header announces {' x '.join(map(str, shape))} pixels; it is damaged, export it again"
        raise UnreadableImageError(message)
    return shape


def check_size(dataset: FileDataset, packing: Packing, name: str) -> None:
    """Raise `UnreadableImageError` where compressed pixels are too few bytes for as many as the header announces."""
    shape = shape_of(dataset, packing, name)
    expected = int(np.prod(shape, dtype=object)) * packing.allocated // 8
    packed = dataset.file_meta.TransferSyntaxUID.is_encapsulated
    if packed and expected > max(LEAST, RATIO * len(dataset.PixelData)):
        message = (
            f"{name}: the header announces {' x '.join(map(str, shape))} pixels, too many for "
            f"{len(dataset.PixelData)} compressed bytes; it is damaged, export it again"
        )
        raise UnreadableImageError(message)


def needs_decoder(dataset: FileDataset) -> bool:
    """Whether a file's pixels are compressed in a way that is not decoded here (`efface.io.dicom.decoding`)."""
    syntax = dataset.file_meta.TransferSyntaxUID
    return bool(syntax.is_encapsulated and syntax != RLELossless)


def words_of(dataset: FileDataset, packing: Packing, decoded: Pixels | None, name: str) -> Pixels:
    """Return (frames, rows, columns) words of a file with all bits, decompressed where needed.

    Parameters
    ----------
    dataset : the file
    packing : how its pixels lie in words
    decoded : its pixels, if it `needs_decoder`
    name : how messages call it

    Raises
    ------
    UnreadableImageError
        The file is truncated or its compressed pixels are broken.
    UnsupportedImageError
        No pixels.
    """
    shape = shape_of(dataset, packing, name)
    expected = int(np.prod(shape, dtype=object)) * packing.allocated // 8
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return _as_words(_run_lengths(dataset, name) if decoded is None else decoded, packing, shape, name)
    raw = bytes(dataset.PixelData)
    if len(raw) < expected:
        message = f"{name}: the header announces {expected} bytes of pixels, the file holds {len(raw)}; it is truncated"
        raise UnreadableImageError(message)
    little_endian = dataset.file_meta.TransferSyntaxUID.is_little_endian
    words = np.frombuffer(
        raw, packing.dtype if little_endian else packing.dtype.newbyteorder(">"), expected * 8 // packing.allocated
    )
    return words.astype(packing.dtype, copy=False).reshape(shape)


def _run_lengths(dataset: FileDataset, name: str) -> Pixels:
    try:
        return np.asarray(pixel_array(dataset, raw=True, decoding_plugin="pydicom"))
    except (*BROKEN, RuntimeError, MemoryError) as error:
        message = f"{name}: the compressed pixels are broken ({why(error)}); copy or export the series again"
        raise UnreadableImageError(message) from error


def _as_words(decoded: Pixels, packing: Packing, shape: tuple[int, int, int], name: str) -> Pixels:
    if decoded.size != int(np.prod(shape)):
        message = f"{name}: {decoded.size} pixels were compressed, the header announces {' x '.join(map(str, shape))}"
        raise UnreadableImageError(message)
    return packing.packed(decoded.astype(packing.dtype).reshape(shape))


def bytes_of(values: Pixels, packing: Packing, containers: Pixels | None, *, little_endian: bool = True) -> bytes:
    """Return (frames, rows, columns) values as the bytes of Pixel Data, of even length.

    Parameters
    ----------
    values : of the packing's dtype
    packing : how they lie in their words
    containers : the words as they were, where they held more; a word whose value is as it was stays so, too
    little_endian : order of bytes
    """
    words = packing.packed(values)
    if containers is not None:
        words = np.where(packing.unpacked(containers) == values, containers, words)
    data = np.ascontiguousarray(words, packing.dtype if little_endian else packing.dtype.newbyteorder(">")).tobytes()
    return data + b"\0" * (len(data) % 2)
