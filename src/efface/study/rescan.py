"""The yardstick of Gao et al. 2022: two scans of one person, each laid on the other by an affine registration.

Rescanning changes a segmentation too. Only what defacing changes beyond that is worth a thought.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from efface.anatomy import Anatomy, locate
from efface.grid import FloatArray, Grid
from efface.io import read_scan
from efface.scan import Scan
from efface.spatial.resample import resample
from efface.study.config import ScanEntry, StudyConfig, fingerprint
from efface.study.knowing import Known, run_pipelines
from efface.study.pipelines import PipelineResult
from efface.study.segmentation import dice_rows
from efface.study.units import DONE, unit_fingerprint

SHRINK, SMOOTH_MM = (4, 2), (3.0, 1.5)
ITERATIONS = 60
SAMPLED = 0.2
"""Share of the brain's voxels that registration looks at."""
GROWN_MM = 4.0
"""How far around the brain voxels still weigh."""


@dataclass(frozen=True)
class Rescan:
    """Two scans of one person in one contrast."""

    first: ScanEntry
    """The earlier by name of session."""
    second: ScanEntry
    """The later."""

    @property
    def name(self) -> str:
        """Unique; file names are made of it."""
        return f"{self.first.name}--{self.second.name}"


def rescans_of(config: StudyConfig) -> list[Rescan]:
    """Return every pair of sessions of one participant in one contrast."""
    if not config.options.rescan:
        return []
    ordered = sorted(config.scans, key=lambda scan: (scan.participant, scan.contrast, scan.session, scan.name))
    return [
        Rescan(one, two)
        for one, two in combinations(ordered, 2)
        if (one.participant, one.contrast) == (two.participant, two.contrast) and one.session != two.session
    ]


def rescan_fingerprint(config: StudyConfig, pair: Rescan) -> str:
    """Return what a pair's record depends on."""
    return fingerprint([unit_fingerprint(config, scan, None) for scan in (pair.first, pair.second)])


def measure_rescan(first: Known, second: Known, config: StudyConfig, out: Path) -> dict[str, Any]:
    """Return the record of a pair: Dice of each scan with the other laid on it, both ways, named as in the paper.

    Rescan (1-2) is the second session laid on the first.

    Raises
    ------
    DefaceError
        What was laid on the other scan shows no brain.
    """
    rows: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    for still, moving, way in ((first, second, "rescan (1-2)"), (second, first, "rescan (2-1)")):
        found, failed = _laid_and_segmented(still, moving, config, out, way)
        rows += ({"version": way, **row} for row in _rows(still, found))
        problems |= {f"{way}, {name}": why for name, why in failed.items() if name in still.results}
    return {"status": DONE, "dice": rows, "problems": problems}


def _laid_and_segmented(
    still: Known, moving: Known, config: StudyConfig, out: Path, way: str
) -> tuple[dict[str, PipelineResult], dict[str, str]]:
    """Lay a scan on another; return the result of every pipeline that is run here, and why others gave none."""
    laid = laid_on(still.scan, still.anatomy, moving.scan, moving.anatomy)
    version = f"{way.replace(' (', '_').strip(')')}_{moving.entry.name}"
    run_here = replace(
        config, pipelines=tuple(each for each in config.pipelines if not (each.results or each.measures))
    )
    return run_pipelines(run_here, laid, locate(laid), still.entry, version, out)


def _rows(still: Known, found: Mapping[str, PipelineResult]) -> Iterator[dict[str, Any]]:
    for name, result in found.items():
        before = still.results[name].segmentation if name in still.results else None
        if before is not None and result.segmentation is not None:
            yield from ({"pipeline": name, **row} for row in dice_rows(before, result.segmentation))


def laid_on(still: Scan, anatomy: Anatomy, moving: Scan, other: Anatomy) -> Scan:
    """Return a scan laid on another of the same person, on its grid: affine, weighted by the brain mask."""
    start = other.atlas_to_scan @ np.linalg.inv(anatomy.atlas_to_scan)  # by both brains' placements
    matrix = register_affine(still, anatomy, moving, start)
    values = resample(moving.intensities(), moving.grid, still.grid, target_to_source=matrix)
    return _like(still, values)


def register_affine(still: Scan, anatomy: Anatomy, moving: Scan, start: FloatArray) -> FloatArray:
    """Return the (4, 4) affine from the still scan's world to the moving one's, RAS+ mm, by correlation in the brain.

    Parameters
    ----------
    still, anatomy : what stays, and where its brain is
    moving : what is to be laid on it
    start : a first guess
    """
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # sums in another order give other last digits
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricFixedMask(sitk.BinaryDilate(_image(anatomy.brain.astype(np.uint8), still.grid), _grown(still.grid)))
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(SAMPLED, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, ITERATIONS)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(SHRINK)
    method.SetSmoothingSigmasPerLevel(SMOOTH_MM)
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    transform = sitk.AffineTransform(3)
    transform.SetCenter(np.asarray(anatomy.atlas_to_scan[:3, 3]).tolist())
    _set(transform, start)
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(_image(still.intensities(), still.grid), _image(moving.intensities(), moving.grid))
    return _matrix(transform)


def _image(values: Any, grid: Grid) -> sitk.Image:
    """Return an image whose physical space is RAS+ mm; the grid's axes are taken to be perpendicular."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(np.asarray(values).T))
    image.SetSpacing(grid.spacing_mm.tolist())
    image.SetOrigin(grid.affine[:3, 3].tolist())
    image.SetDirection((grid.affine[:3, :3] / grid.spacing_mm).ravel().tolist())
    return image


def _grown(grid: Grid) -> Sequence[int]:
    return [max(1, round(GROWN_MM / edge)) for edge in grid.spacing_mm]


def _set(transform: sitk.AffineTransform, matrix: FloatArray) -> None:
    """Give a transform about a centre the effect of a (4, 4) matrix."""
    centre = np.array(transform.GetCenter())
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation((matrix[:3, 3] + (matrix[:3, :3] - np.eye(3)) @ centre).tolist())


def _matrix(transform: sitk.AffineTransform) -> FloatArray:
    linear, centre = np.array(transform.GetMatrix()).reshape(3, 3), np.array(transform.GetCenter())
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = np.array(transform.GetTranslation()) + centre - linear @ centre
    return matrix


def _like(scan: Scan, values: np.ndarray) -> Scan:
    """Return values as a scan that could be read from a file of floats."""
    from nibabel import Nifti1Image

    return read_scan(Nifti1Image(np.asarray(values, np.float32), scan.grid.affine))
