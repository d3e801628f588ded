"""A scan: stored voxels on a grid, and the file they came from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from efface.grid import Grid

if TYPE_CHECKING:
    from efface.io.dicom.series import Series

Voxels = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Source:
    """Everything of a file that is not voxels, byte for byte."""

    kind: Literal["nifti", "mgh", "dicom"]
    """Format family; the output has the same."""
    head: bytes = field(repr=False)
    """Bytes before the voxels: header and extensions, as they were."""
    tail: bytes = field(default=b"", repr=False)
    """Bytes after the voxels (MGH keeps scan parameters there)."""
    series: Series | None = field(default=None, repr=False)
    """Of DICOM, instead of both: the attributes of every file."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Stored voxels on a grid, and where they came from."""

    stored: Voxels = field(repr=False)
    """(I, J, K) or (I, J, K, T) array in the file's own dtype and byte order, unscaled; read-only."""
    grid: Grid
    """Where the voxels lie, RAS+ mm."""
    slope: float
    """Value = slope * stored + inter."""
    inter: float
    """See ``slope``."""
    source: Source
    """Header bytes and format of the file."""
    limits: tuple[int, int] | None = None
    """Lowest and highest stored value, where fewer bits are in use than the dtype has."""
    padding: tuple[int, int] | None = None
    """Stored values from the first to the second mean that nothing was measured."""

    def __post_init__(self) -> None:
        view = self.stored.view()
        view.flags.writeable = False
        object.__setattr__(self, "stored", view)

    @property
    def volumes(self) -> int:
        """Number of volumes: 1 for a 3-D scan, T for a 4-D one."""
        return 1 if self.stored.ndim == 3 else int(self.stored.shape[3])

    def intensities(self) -> NDArray[np.float32]:
        """Return scaled values, the mean over the first volumes, non-finite voxels as the background.

        Returns
        -------
        values : (I, J, K) float32 array
        """
        stored = self.stored if self.stored.ndim == 3 else self.stored[..., : self._looked_at]
        values = np.asarray(stored, dtype=np.float32)
        if self.slope != 1 or self.inter != 0:
            with np.errstate(over="ignore", invalid="ignore"):  # an absurd slope makes voxels infinite: background
                values = values * np.float32(self.slope) + np.float32(self.inter)
        finite = np.isfinite(values)
        if self.padding is not None:
            finite &= ~self.is_padding(stored)
        if not finite.all():
            lowest = float(values[finite].min()) if finite.any() else 0.0
            values = np.where(finite, values, np.float32(min(lowest, 0.0)))
        return values if values.ndim == 3 else values.mean(axis=3, dtype=np.float32)

    def is_padding(self, stored: Voxels) -> NDArray[np.bool_]:
        """Return which of some stored values mean that nothing was measured."""
        if self.padding is None:
            return np.zeros(stored.shape, bool)
        return np.asarray((stored >= self.padding[0]) & (stored <= self.padding[1]))

    @property
    def _looked_at(self) -> int:
        """Volumes of a 4-D scan that are averaged to see the anatomy; more would cost memory and add nothing."""
        return min(self.volumes, 8)

    def with_stored(self, stored: Voxels) -> Scan:
        """Return the same scan with other stored voxels of the same shape and dtype."""
        if stored.shape != self.stored.shape or stored.dtype != self.stored.dtype:
            message = (
                f"voxels {stored.shape} {stored.dtype} do not fit a scan of {self.stored.shape} {self.stored.dtype}"
            )
            raise ValueError(message)
        return replace(self, stored=stored)
