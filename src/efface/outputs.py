"""Which files one run writes, and their bytes. They appear together or not at all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from efface.deface_plan import DefacePlan
from efface.errors import UsageError
from efface.grid import Grid
from efface.io import check_extension, encode
from efface.io.atomic import Contents, check_output, same_file
from efface.io.folders import check_output_folder
from efface.provenance import claim_of, json_bytes, sidecar
from efface.scan import Scan, Source
from efface.verdict import Verdict

AnyPath = str | os.PathLike[str]
NIFTI = (".nii", ".nii.gz")
NIFTI1_HEAD = 352
"""Bytes before the voxels: the header and a flag that says that no extension follows."""


@dataclass(frozen=True)
class Outputs:
    """Where one run's files go."""

    scan: Path
    """The defaced scan."""
    mask: Path | None = None
    """The face mask, if asked for."""
    plan: Path | None = None
    """The plan, if asked for."""
    folder: bool = False
    """Whether the scan is a folder: a DICOM series."""
    clean_headers: bool = False
    """Of DICOM: whether the headers are cleaned of who the person is."""

    @classmethod
    def at(
        cls,
        scan: AnyPath,
        mask: AnyPath | None = None,
        plan: AnyPath | None = None,
        *,
        source: AnyPath | None = None,
        clean_headers: bool = False,
    ) -> Outputs:
        """Take paths in any form; the output of a folder is a folder."""
        folder = source is not None and Path(source).is_dir()
        return cls(Path(scan), Path(mask) if mask else None, Path(plan) if plan else None, folder, clean_headers)

    @property
    def sidecar(self) -> Path:
        """JSON of the same name beside the scan."""
        return self.scan.with_name(self.stem + ".json")

    @property
    def stem(self) -> str:
        """The scan's name without its extension; a folder has none."""
        return self.scan.name if self.folder else stem(self.scan)

    @property
    def beside(self) -> list[Path]:
        """Mask and plan, those that were asked for."""
        return [path for path in (self.mask, self.plan) if path is not None]

    @property
    def failed(self) -> Outputs:
        """The same under names that say that the scan was refused."""
        scan = self.scan.with_name(f"{self.stem}_FAILED{self.scan.name[len(self.stem) :]}")
        return replace(self, scan=scan, mask=self.mask and _failed(self.mask), plan=self.plan and _failed(self.plan))

    def kept_private(self, folder: Path | None, method: str) -> Outputs:
        """Return where files go whose method follows the face: mask and plan show it, so they go into a private folder.

        Parameters
        ----------
        folder : of the private report, if there is one
        method : key of the method, for the message

        Raises
        ------
        UsageError
            Mask or plan is asked for, and there is no private folder.
        """
        shown = {"--mask": self.mask, "--plan": self.plan}
        asked = [name for name, path in shown.items() if path is not None]
        if asked and folder is None:
            message = (
                f"{' and '.join(asked)}: what method {method} removes follows the person's own face and shows it; "
                "name a private folder for it with --private-report DIR"
            )
            raise UsageError(message)
        mask, plan = (path and folder and folder / path.name for path in (self.mask, self.plan))
        return replace(self, mask=mask, plan=plan)

    def check(self, source: Path, *, overwrite: bool, write_failed: bool = False) -> None:
        """Refuse, before any work, what could not be written or would hurt the input.

        With ``write_failed`` the names of a refused scan are checked, too.

        Raises
        ------
        UsageError
            Two outputs have one name, one is the input, or a mask is no NIfTI.
        OutputExistsError, OutputError
            See `efface.io.atomic.check_output`.
        """
        written = [self.scan, self.sidecar, *self.beside]
        if len({path.resolve() for path in written}) < len(written):
            message = f"two outputs share a name: {', '.join(map(str, written))}; give each its own"
            raise UsageError(message)
        if self.mask is not None and not self.mask.name.lower().endswith(NIFTI):
            message = f"{self.mask}: the mask is written as NIfTI; let its name end in .nii.gz"
            raise UsageError(message)
        if self.clean_headers and not self.folder:
            message = f"{source}: --clean-headers is for DICOM; efface names the fields of other formats that hold text"
            raise UsageError(message)
        for path in written:
            if self.folder and path == self.scan:
                check_output_folder(path, source, overwrite)
            else:
                check_output(path, source, overwrite)
                self._check_beside(path, source)
        if write_failed:
            self.failed.check(source, overwrite=overwrite)

    def _check_beside(self, path: Path, source: Path) -> None:
        """Raise where a file would lie among those of a series, old or new."""
        for folder in (source, self.scan) if self.folder else ():
            if folder.resolve() in path.resolve().parents:
                message = f"{path}: lies in the series {folder}, where nothing else is written; give another place"
                raise UsageError(message)

    def check_format(self, scan: Scan) -> None:
        """Raise `UsageError` where the output's name does not fit the scan's format."""
        check_extension(scan, self.scan.name)

    def contents(self, scan: Scan, plan: DefacePlan, verdict: Verdict) -> dict[Path, Contents]:
        """Return the bytes of every file."""
        image = self._image(scan, plan, verdict)
        files: dict[Path, Contents] = {self.scan: image, self.sidecar: json_bytes(sidecar(plan, verdict, image))}
        if self.mask is not None:
            files[self.mask] = encode(mask_scan(plan.mask, plan.grid), self.mask.name)
        if self.plan is not None:
            files[self.plan] = plan.to_bytes()
        return files

    def _image(self, scan: Scan, plan: DefacePlan, verdict: Verdict) -> bytes | dict[str, bytes]:
        if not self.folder:
            return encode(scan, self.scan.name)
        from efface.io.dicom.writing import series_contents

        return series_contents(scan, claim_of(plan, verdict), clean_headers=self.clean_headers)


def check_session(
    images: Sequence[tuple[AnyPath, AnyPath]], *, overwrite: bool, write_failed: bool = False, reports: bool = False
) -> list[Outputs]:
    """Refuse, before any work, what could not be written for several images, or would hurt an input.

    Parameters
    ----------
    images : pairs of an input and its output
    overwrite, write_failed : as for `Outputs.check`
    reports : whether each image has pages in one folder, called by its output's stem

    Returns
    -------
    outputs : of each image, in order

    Raises
    ------
    UsageError
        No images, an image given twice, two outputs of one name, or an output that is an input.
    OutputExistsError, OutputError
        See `efface.io.atomic.check_output`.
    """
    if not images:
        message = "a session without images; give pairs of an input and an output"
        raise UsageError(message)
    sources, outputs = (
        [Path(source) for source, _ in images],
        [Outputs.at(output, source=source) for source, output in images],
    )
    for one, other in combinations(sources, 2):
        if same_file(one, other):
            message = f"{other}: given twice; give each image once"
            raise UsageError(message)
    _check_different([path.resolve() for each in outputs for path in (each.scan, each.sidecar)],
                     "two outputs share a name: {}; give each its own")  # fmt: skip
    if reports:
        _check_different([Path(each.stem) for each in outputs],
                         "two reports would share a name: {}; let the outputs' names differ")  # fmt: skip
    for each in outputs:
        for source in sources:
            each.check(source, overwrite=overwrite, write_failed=write_failed)
    return outputs


def _check_different(paths: Sequence[Path], message: str) -> None:
    twice = [path for path, count in Counter(paths).items() if count > 1]
    if twice:
        raise UsageError(message.format(", ".join(map(str, twice))))


def stem(path: Path) -> str:
    """Return a file's name without its image extension: ``sub-01_T1w`` of ``sub-01_T1w.nii.gz``."""
    return path.name.removesuffix(".gz").rsplit(".", 1)[0]


def _failed(path: Path) -> Path:
    name = stem(path)
    return path.with_name(f"{name}_FAILED{path.name[len(name) :]}")


def mask_scan(mask: NDArray[np.uint8], grid: Grid) -> Scan:
    """Return a face mask as a scan: uint8, on the same grid, with a header of its own.

    Parameters
    ----------
    mask : (I, J, K) array, 0 where nothing was removed
    grid : where it lies
    """
    image = nib.Nifti1Image(np.asarray(mask), grid.affine)
    image.header.set_xyzt_units("mm")
    image.header.set_data_offset(NIFTI1_HEAD)
    return Scan(mask, grid, 1.0, 0.0, Source("nifti", image.header.binaryblock + bytes(4)))
