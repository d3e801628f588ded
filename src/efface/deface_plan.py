"""The plan: which voxels change, and to what. Applying it decides nothing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from efface.errors import UnreadableImageError, UsageError
from efface.grid import Grid
from efface.scan import Scan


@dataclass(frozen=True, eq=False)
class DefacePlan:
    """Which voxels of one grid change, to what, by which method and parameters."""

    grid: Grid
    """The scan's own grid; the plan applies to no other."""
    mask: NDArray[np.uint8] = field(repr=False)
    """(I, J, K) uint8 array: 0 is kept, any other value is replaced and names the region; read-only."""
    names: Mapping[int, str]
    """Region name of every value in ``mask``."""
    values: NDArray[Any] = field(repr=False)
    """What is written, in the scan's stored units and dtype: one number, shape (); or a value for each replaced
    voxel in C order, shape (N,); or for each of them and each volume, shape (N, T)."""
    method: str
    """Key of the method."""
    fill: str
    """Key of the fill."""
    parameters: Mapping[str, Any]
    """The method's parameters, JSON values."""
    provenance: Mapping[str, str]
    """Version of efface, sha256 of the atlas and of the network."""
    choices: Mapping[str, int] = field(default_factory=dict)
    """Discrete choices that the scan decided, such as how many steps the nose's region grew: all that the plan tells of
    the face, if the method looks at nothing else of it."""
    fill_facts: Mapping[str, Any] = field(default_factory=dict)
    """What the fill measured in kept voxels, JSON values."""

    def __post_init__(self) -> None:
        if self.mask.shape != self.grid.shape:
            message = f"mask of shape {self.mask.shape} for a grid of shape {self.grid.shape}"
            raise ValueError(message)
        if self.values.ndim and len(self.values) != np.count_nonzero(self.mask):
            message = f"values of shape {self.values.shape} for {np.count_nonzero(self.mask)} replaced voxels"
            raise ValueError(message)
        for name in ("mask", "values"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    @property
    def changed(self) -> NDArray[np.bool_]:
        """(I, J, K) bool array, the face mask: True where voxels are replaced."""
        return np.asarray(self.mask != 0)

    def values_for(self, scan: Scan) -> NDArray[Any]:
        """Return ``values`` as they are written into a scan: broadcast against its (N,) or (N, T) replaced voxels.

        Raises
        ------
        UsageError
            The plan holds values for another number of volumes.
        """
        if self.values.ndim == 2 and (scan.stored.ndim != 4 or self.values.shape[1] != scan.volumes):
            held = self.values.shape[1]
            message = f"the plan holds {held} volumes, the scan {scan.volumes}; make a plan for this scan"
            raise UsageError(message)
        return self.values[:, None] if self.values.ndim == 1 and scan.stored.ndim == 4 else self.values

    def region_volumes_ml(self) -> dict[str, float]:
        """Return the volume of each region that is replaced, millilitres."""
        counts = np.bincount(self.mask[self.mask != 0], minlength=256)
        voxel_ml = abs(np.linalg.det(self.grid.affine[:3, :3])) / 1000
        return {name: round(float(counts[value] * voxel_ml), 2) for value, name in self.names.items()}

    def to_bytes(self) -> bytes:
        """Serialise to one file's bytes (numpy's npz; no pickles)."""
        text = json.dumps(
            {
                "format": "efface-plan-1",
                "names": {str(value): name for value, name in self.names.items()},
                "method": self.method,
                "fill": self.fill,
                "parameters": dict(self.parameters),
                "provenance": dict(self.provenance),
                "choices": dict(self.choices),
                "fill_facts": dict(self.fill_facts),
            }
        )
        buffer = BytesIO()
        np.savez_compressed(buffer, mask=self.mask, values=self.values, affine=self.grid.affine, text=np.array(text))
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "plan") -> DefacePlan:
        """Read back what `to_bytes` wrote.

        Raises
        ------
        UnreadableImageError
            The bytes are not a plan.
        """
        try:
            with np.load(BytesIO(data), allow_pickle=False) as stored:
                text = json.loads(str(stored["text"]))
                mask, values, affine = stored["mask"], stored["values"], stored["affine"]
            if text["format"] != "efface-plan-1":
                raise KeyError(text["format"])  # noqa: TRY301 - same remedy as any other malformed plan
            return cls(
                grid=Grid(mask.shape, affine),
                mask=mask,
                names={int(value): label for value, label in text["names"].items()},
                values=values,
                choices=text.get("choices", {}),
                **{key: text[key] for key in ("method", "fill", "parameters", "provenance")},
                fill_facts=text.get("fill_facts", {}),  # plans of versions that only knew ``zero`` have none
            )
        except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error, RuntimeError, AttributeError) as error:
            why = " ".join(str(error).split())[:200]
            message = f"{name}: not a plan written by efface ({why}); write one with --plan"
            raise UnreadableImageError(message) from error


def save_plan(plan: DefacePlan, path: str | Path) -> None:
    """Write a plan to a file (.npz)."""
    from efface.io.atomic import write_whole

    write_whole(Path(path), plan.to_bytes(), overwrite=True)


def load_plan(path: str | Path) -> DefacePlan:
    """Read a plan written by `save_plan`."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"{path}: {error.strerror}; give a plan written by efface"
        raise UnreadableImageError(message) from error
    return DefacePlan.from_bytes(data, str(path))


def apply_plan(scan: Scan, plan: DefacePlan) -> Scan:
    """Replace the plan's voxels; every other stored voxel stays bit-identical.

    Every volume of a 4-D scan is treated alike, unless the plan holds values for each.

    Raises
    ------
    GridMismatchError
        The plan was made for another grid.
    UsageError
        The plan was made for another dtype or number of volumes.
    """
    scan.grid.check_same(plan.grid, "the plan")
    if plan.values.dtype != scan.stored.dtype:
        message = f"the plan writes {plan.values.dtype}, the scan holds {scan.stored.dtype}; make a plan for this scan"
        raise UsageError(message)
    values = plan.values_for(scan)
    stored = scan.stored.copy(order="K")
    stored[plan.changed] = values
    return scan.with_stored(stored)
