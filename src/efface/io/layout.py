"""What a header says of the voxels that follow it, and cutting a file accordingly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from efface.errors import UnreadableImageError
from efface.grid import Grid
from efface.scan import Scan, Source


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the voxels of a file are, and what they mean."""

    kind: Literal["nifti", "mgh"]
    """Format family."""
    offset: int
    """Bytes before the voxels."""
    dtype: np.dtype[Any]
    """Of a stored voxel, in the file's byte order."""
    shape: tuple[int, ...]
    """(I, J, K) or (I, J, K, T), without the header's trailing axes of length 1."""
    affine: NDArray[np.float64]
    """(4, 4) voxel-to-world matrix, RAS+ mm."""
    slope: float
    """Value = slope * stored + inter."""
    inter: float
    """See ``slope``."""

    @property
    def end(self) -> int:
        """Bytes before and within the voxels; exact for any shape, however absurd."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize


def cut(raw: bytes, layout: Layout, name: str) -> Scan:
    """Cut a file into head, voxels and tail; the voxels are a view on ``raw``.

    Raises
    ------
    UnreadableImageError
        The file is shorter than its header says.
    """
    if len(raw) < layout.end:
        message = (
            f"{name}: the header announces {layout.end} bytes ({' x '.join(map(str, layout.shape))} voxels of "
            f"{layout.dtype.name}), the file holds {len(raw)}; it is truncated, copy or download it again"
        )
        raise UnreadableImageError(message)
    voxels = np.frombuffer(raw, layout.dtype, math.prod(layout.shape), layout.offset)
    return Scan(
        stored=voxels.reshape(layout.shape, order="F"),
        grid=Grid(in_space(layout.shape), layout.affine),
        slope=layout.slope,
        inter=layout.inter,
        source=Source(layout.kind, raw[: layout.offset], raw[layout.end :]),
    )


def in_space(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the voxels along the axes in space, (I, J, K)."""
    i, j, k = shape[:3]
    return i, j, k


def join(scan: Scan) -> bytes:
    """Put a file together again: head and voxels, and for MGH the tail.

    Whatever follows the voxels of a NIfTI file is no part of the format, could be anything, and is left out.
    """
    voxels = np.ascontiguousarray(scan.stored.T).reshape(-1).view(np.uint8)
    tail = scan.source.tail if scan.source.kind == "mgh" else b""
    return b"".join((scan.source.head, voxels.data, tail))
