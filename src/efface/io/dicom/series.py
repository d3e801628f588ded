"""What a scan keeps of the DICOM series that it came from."""

from __future__ import annotations

import contextlib
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.dataset import FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError

BROKEN = (
    *(InvalidDicomError, BytesLengthException, struct.error, EOFError, OSError, ValueError, TypeError, KeyError),
    *(AttributeError, IndexError, NotImplementedError, RecursionError, OverflowError),
)
"""What pydicom raises where a file breaks off or contradicts itself."""


@dataclass(frozen=True, eq=False)
class SeriesFile:
    """One file of a series, without its pixels."""

    name: str
    """Path below the series' folder, with ``/``."""
    dataset: FileDataset = field(repr=False)
    """All attributes but the pixels; read it, and copy it before anything is changed."""
    frames: tuple[tuple[int, int], ...]
    """Slice and volume, (k, t), of each frame that the file holds."""
    pixels_vr: str
    """``OB`` or ``OW``, as the pixels were stored."""
    containers: NDArray[Any] | None = field(default=None, repr=False)
    """(frames, rows, columns) words as they were stored, where they hold more than a pixel's own bits."""


@dataclass(frozen=True, eq=False)
class Series:
    """The files of one series, in the order of their names."""

    files: tuple[SeriesFile, ...]
    """Every file."""

    @property
    def first(self) -> FileDataset:
        """The attributes of the first file."""
        return self.files[0].dataset


def why(error: BaseException) -> str:
    """Return the first line of what an error says: pydicom puts tracebacks into its messages."""
    return next(iter(str(error).splitlines()), type(error).__name__)


@contextlib.contextmanager
def leniently() -> Iterator[None]:
    """Read and write values that break DICOM's rules as they are, and without a word: they are not ours to judge."""
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        yield
