"""The original programs, where they are installed, through the same interface as every method.

A program gets a copy of the scan in a folder that is removed afterwards: voxels and affine, under a name that says
nothing, and nothing else of the header. What it changed is the mask, what it wrote there is the fill ``own``, and the
result goes through the same verification as any other. Of a 4-D scan it gets the mean of the first volumes; what it
removes from that goes from all volumes. Its mask follows the person's own face, or may: it is private.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.errors import GridMismatchError, InputError, ProgramError
from efface.evaluate.changed import changed_voxels
from efface.grid import Grid
from efface.io import read_scan
from efface.methods.base import Availability, Decision
from efface.methods.limits import KEPT, TIME_OUT_S, check_choice, check_files, check_limits, several
from efface.methods.regions import named_regions
from efface.methods.running import TEMPORARY, check_words, command_words, find_program, run_program
from efface.provenance import without_folders
from efface.scan import Scan
from efface.spatial.regridding import Regridded, regridded

IN, OUT, BRAIN = "scan.nii", "defaced.nii.gz", "brain.nii.gz"
LOG_CHARACTERS = 160
"""So much of a program's last line is kept in the plan."""
PATHS = ("template", "mask_template", "brain_gca", "face_gca")
"""Parameters that name files."""


@dataclass(frozen=True)
class External:
    """A program that reads a scan and writes one without a face."""

    options: str = ""
    """More of the program's own options, as typed in a shell."""
    timeout_s: float = 3600.0
    """The program is stopped after so many seconds."""
    keep: tuple[str, ...] = ()
    """What may stay though it shows who it is, and is not judged: ``"ears"``, ``"eyes"``; many programs leave both."""

    key: ClassVar[str]
    citation: ClassVar[str]
    needs: ClassVar[str]
    programs: ClassVar[tuple[str, ...]] = ()
    """Names of the program; the first that is here is run."""
    called: ClassVar[str] = ""
    """How provenance calls it, if not by its command's name."""
    remedy: ClassVar[str] = ""
    """Where to get it."""
    line: ClassVar[tuple[str, ...]] = ()
    """Its command line, see `command_words`; ``{program}``, ``{in}``, ``{out}``, ``{brain}``, ``{folder}``, fields."""
    result: ClassVar[str] = "defaced.nii*"
    """Under which name it leaves the scan, a pattern."""
    default_fill: ClassVar[str] = "own"
    writes_own: ClassVar[bool] = True
    follows_face: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", several(self.keep))
        check_choice(self, "keep", tuple(KEPT))
        check_limits(self, timeout_s=TIME_OUT_S)
        check_words("options", self.options)
        check_files(self, *self._paths())

    @classmethod
    def availability(cls) -> Availability:
        """Return whether the program is on the PATH."""
        if not cls.programs or find_program(*cls.programs):
            return Availability(ready=True)
        return Availability(False, f"{' or '.join(cls.programs)} is not on the PATH; {cls.remedy}")

    def command(self, folder: Path) -> list[str]:
        """Return the command line, as words, for a run in a folder."""
        return command_words(self.parts(), self.given(folder))

    def parts(self) -> Sequence[str]:
        """Return the pieces of the command line."""
        return self.line

    def stop(self, folder: Path) -> list[str]:  # noqa: ARG002 - a container's name is its folder's
        """Return the command line that ends what the program had others do, in a folder; most programs do it all."""
        return []

    def wants_brain(self) -> bool:
        """Return whether the command line names a brain mask."""
        return any("{brain}" in part for part in self.parts())

    def given(self, folder: Path) -> dict[str, Any]:
        """Return what stands for the names in the command line."""
        places = {"in": folder / IN, "out": folder / OUT, "brain": folder / BRAIN, "folder": folder}
        program = find_program(*self.programs) or next(iter(self.programs), None)
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"program": program, **places, **own, **self._paths()}

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Let the program decide (see `DefaceMethod`).

        Raises
        ------
        ProgramError
            It failed, took too long, or left no scan that can be laid on this one.
        """
        shown = _shown(scan)
        seen = read_scan(shown)
        with TemporaryDirectory(prefix="efface-") as name:
            folder = Path(name).resolve()
            nib.save(shown, folder / IN)
            if self.wants_brain():
                nib.save(_image(anatomy.brain.astype(np.uint8), scan.grid), folder / BRAIN)
            words = self.command(folder)
            log = run_program(words, folder, self.timeout_s, self.stop(folder))
            placed = left_scan(folder, self.result, seen, self.key)
        changed = changed_voxels(seen, placed.scan) | placed.unseen
        written = placed.scan.stored[changed].astype(np.float64) * placed.scan.slope + placed.scan.inter
        notes = {"program": self.called or Path(words[0]).name, "program_said": _last_line(log)}
        return Decision(named_regions(changed, anatomy), values=written, notes=notes)

    def _paths(self) -> dict[str, Path]:
        """Return the files that were given, by parameter."""
        given = {name: getattr(self, name, None) for name in PATHS}
        return {name: Path(path).resolve() for name, path in given.items() if path is not None}


def left_scan(folder: Path, pattern: str, shown: Scan, key: str) -> Regridded:
    """Read what a program left in its folder, on the grid of what it was shown.

    Parameters
    ----------
    folder, pattern : where it ran, and under which name it leaves a scan
    shown : the scan that it was shown, 3-D
    key : the method's, for messages

    Raises
    ------
    ProgramError
        There is none, or it cannot be laid on what was shown.
    """
    found = sorted(folder.glob(pattern))
    if not found:
        there = ", ".join(sorted(path.name for path in folder.iterdir() if path.name != TEMPORARY))
        message = f"{key} ended well but left no {pattern}; there are: {there}"
        raise ProgramError(message)
    try:
        result = read_scan(found[0])
        if result.stored.ndim == 4 and result.volumes == 1:
            result = replace(result, stored=result.stored[..., 0])
        if result.stored.ndim == 4:
            message = f"{found[0].name}: it has {result.volumes} volumes, and was shown one"
            raise GridMismatchError(message)  # noqa: TRY301 - same remedy as any other scan that does not fit
        return regridded(shown, result, f"what {key} wrote")
    except (InputError, GridMismatchError) as error:
        message = f"{key} left a scan that cannot be used: {str(error).replace(f'{folder}{os.sep}', '')}"
        raise ProgramError(message) from error


def _shown(scan: Scan) -> nib.Nifti1Image:
    """Return what a program is shown of a scan: one volume of finite values, and where it lies."""
    plain = scan.stored.ndim == 3 and scan.stored.dtype.kind in "iu" and (scan.slope, scan.inter) == (1.0, 0.0)
    if plain and scan.stored.dtype.itemsize <= 4:
        return _image(scan.stored.astype(scan.stored.dtype.newbyteorder("=")), scan.grid)
    return _image(scan.intensities(), scan.grid)


def _image(voxels: NDArray[Any], grid: Grid) -> nib.Nifti1Image:
    image = nib.Nifti1Image(voxels, grid.affine, dtype=voxels.dtype)
    image.header.set_xyzt_units("mm")
    image.set_qform(grid.affine, code=1)
    image.set_sform(grid.affine, code=1)
    return image


def _last_line(log: str) -> str:
    last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")
    return without_folders(last)[:LOG_CHARACTERS]
