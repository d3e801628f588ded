"""A grid: where the voxels of a volume lie in the world."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from efface.errors import GridMismatchError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """The shape of a volume and its voxel-to-world affine, in RAS+ millimetres.

    The world frame is RAS+: x grows to the person's right, y to the front (anterior), z to the top (superior).
    """

    shape: tuple[int, int, int]
    """Voxels along each axis, (I, J, K)."""
    affine: FloatArray
    """(4, 4) matrix from voxel indices to RAS+ mm (voxel centres); read-only."""

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @property
    def spacing_mm(self) -> FloatArray:
        """(3,) distances between neighbouring voxels along each axis, mm."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def axis_codes(self) -> str:
        """The anatomical direction in which each axis grows, such as ``"RAS"``."""
        return "".join(str(code) for code in nib.aff2axcodes(self.affine))

    def ras(self, ijk: ArrayLike) -> FloatArray:
        """Carry voxel indices (..., 3) to RAS+ mm (..., 3)."""
        return np.asarray(np.asarray(ijk, float) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def index(self, xyz: ArrayLike) -> FloatArray:
        """Carry RAS+ mm (..., 3) to continuous voxel indices (..., 3)."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(np.asarray(xyz, float) @ inverse[:3, :3].T + inverse[:3, 3])

    def part(self, box: tuple[slice, slice, slice]) -> Grid:
        """Return the grid of the voxels in a box; its slices have a start and a stop."""
        affine = self.affine.copy()
        affine[:3, 3] = self.ras([side.start for side in box])
        return Grid((box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start), affine)

    def box_of(self, other: Grid) -> tuple[slice, slice, slice]:
        """Return the box of this grid's voxels whose centres may lie within another grid's voxels."""
        corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in other.shape])).reshape(3, -1).T
        index = self.index(other.ras(corners))
        low = np.clip(np.floor(index.min(axis=0)), 0, np.array(self.shape) - 1).astype(int).tolist()
        high = np.clip(np.ceil(index.max(axis=0)) + 1, np.array(low) + 1, self.shape).astype(int).tolist()
        return (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))

    def same_as(self, other: Grid, tolerance_mm: float = 1e-3) -> bool:
        """Whether both grids have one shape and place every voxel within ``tolerance_mm`` of the other's."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        return bool(np.abs(self.ras(corners) - other.ras(corners)).max() <= tolerance_mm)

    def check_same(self, other: Grid, what: str) -> None:
        """Raise `GridMismatchError` unless both grids are the same."""
        if not self.same_as(other):
            message = (
                f"{what}: shape {other.shape}, affine {np.round(other.affine, 3).tolist()} is not on the scan's grid, "
                f"shape {self.shape}, affine {np.round(self.affine, 3).tolist()}; resample it onto that grid first"
            )
            raise GridMismatchError(message)

    def __repr__(self) -> str:
        spacing = " x ".join(f"{s:.3g}" for s in self.spacing_mm)
        return f"Grid({' x '.join(map(str, self.shape))}, {spacing} mm, {self.axis_codes})"
