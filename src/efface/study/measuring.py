"""Measure one version of a scan: the original, or what a method made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy, locate
from efface.atlas import load_atlas
from efface.deface_plan import apply_plan
from efface.errors import UnreadableImageError, VerificationError
from efface.evaluate.changed import changed_voxels
from efface.evaluate.render import frame_of
from efface.grid import FloatArray, Grid
from efface.io import read_scan, write_scan
from efface.planning import plan
from efface.scan import Scan
from efface.spatial.mask import clearance_mm
from efface.spatial.regridding import regridded
from efface.spatial.resample import resample
from efface.study import looking, slices
from efface.study.config import NETWORK, ORIGINAL, MethodEntry, ScanEntry, StudyConfig, path_of
from efface.study.outcomes import FEATURES, NOT_RUN, Judgement, Outcome, judge
from efface.study.pipelines import PipelineError, PipelineResult, run_pipeline
from efface.study.segmentation import (
    Segmentation,
    brain_core,
    brain_map,
    contrast_to_noise,
    dice_rows,
    network_segmentation,
    overlap_rows,
)
from efface.study.statistics.overlap import dice, hd95_mm, sensitivity
from efface.study.temporalis import temporalis_rows
from efface.study.units import DONE, REFUSED, attacked, defaced_path, private_folder
from efface.verdict import Verdict
from efface.verification import verify

COMMON_SPACING_MM = 4.0
"""Of the grid in the atlas's space on which maps are compared voxel by voxel."""
BRAIN_MAP = "brain_map.npz"

Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Known:
    """An original, and what was found in it."""

    entry: ScanEntry
    """Whose it is."""
    scan: Scan
    """Its voxels."""
    anatomy: Anatomy
    """What is where."""
    located_s: float
    """How long that took to find."""
    results: Mapping[str, PipelineResult] = field(repr=False)
    """Of every pipeline that gave one."""
    problems: Mapping[str, str] = field(repr=False)
    """Why others did not."""

    @property
    def network(self) -> Segmentation:
        """The built-in segmentation."""
        return network_segmentation(self.anatomy)


def know(entry: ScanEntry, config: StudyConfig, out: Path) -> Known:
    """Read an original and run every pipeline on it.

    Raises
    ------
    InputError
        It cannot be read.
    VerificationError
        No head was found.
    """
    scan = read_scan(entry.path)
    start = perf_counter()
    anatomy = locate(scan)
    taken = perf_counter() - start
    results, problems = run_pipelines(config, scan, anatomy, entry, ORIGINAL, out)
    return Known(entry, scan, anatomy, taken, results, problems)


def run_pipelines(
    config: StudyConfig, scan: Scan, anatomy: Anatomy | None, entry: ScanEntry, version: str, out: Path
) -> tuple[dict[str, PipelineResult], dict[str, str]]:
    """Return the result of every pipeline for one image, and of the others why there is none."""
    results: dict[str, PipelineResult] = {}
    problems: dict[str, str] = {}
    for pipeline in config.pipelines:
        if pipeline.name == NETWORK:
            if anatomy is None:
                problems[NETWORK] = "no brain was found in what is left"
            else:
                results[NETWORK] = PipelineResult(network_segmentation(anatomy))
            continue
        folder = private_folder(out, entry.name, version) / "pipelines" / pipeline.name
        try:
            results[pipeline.name] = run_pipeline(pipeline, scan, entry, version, folder)
        except PipelineError as error:
            problems[pipeline.name] = str(error)
    return results, problems


def measure_original(known: Known, config: StudyConfig, out: Path) -> Record:
    """Return the record of an original; pictures and surfaces go to its private folder."""
    nothing = np.zeros(known.scan.grid.shape, bool)
    folder = _made(private_folder(out, known.entry.name, ORIGINAL))
    save_look(known.scan, known.anatomy, None, known, config, folder)
    return {
        "status": DONE,
        "seconds": known.located_s,
        "facts": _facts(known.scan, known.anatomy),
        "problems": dict(known.problems),
        "measures": list(_measures(known.scan, known.results, known.anatomy, nothing)),
        "detection": _detection(known.scan, known, config, folder),
    }


def measure_method(known: Known, method: MethodEntry, config: StudyConfig, out: Path) -> Record:
    """Return the record of what a method made of a scan.

    Raises
    ------
    DefaceError
        It could not be measured; a method that refused the scan has a record.
    """
    start = perf_counter()
    try:
        made = _made_by(known, method)
    except (VerificationError, UnreadableImageError) as error:  # it gave nothing
        return {"status": REFUSED, "reason": str(error), "seconds": perf_counter() - start, **_judgement(NOT_RUN)}
    seconds = perf_counter() - start
    folder = _made(private_folder(out, known.entry.name, method.name))
    verdict = made.verdict
    coverage = {name: _value(verdict, f"{name}_covered") for name in FEATURES}
    touched = brain_change(known, made.changed)
    judged = judge(coverage, touched["brain_tissue_ml"], config.options)
    after = _located(made.scan)
    results, problems = run_pipelines(config, made.scan, after, known.entry, method.name, out)
    if config.options.keep_images:
        path = defaced_path(out, known.entry, method.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_scan(made.scan, path, overwrite=True)
    save_look(made.scan, after, made.changed, known, config, folder)
    if judged.outcome is Outcome.damaged and after is not None:
        save_failure(known, made, after, folder)
    return {
        "status": DONE,
        "seconds": seconds,
        "verified": verdict.passed,
        "parameters": made.parameters,
        "provenance": made.provenance,
        **_judgement(judged),
        **touched,
        "registration_mm": None if after is None else placement_distance_mm(known.anatomy, after),
        "problems": problems,
        "checks": [asdict(check) for check in verdict.checks],
        "coverage": [{"feature": name, "covered": share} for name, share in coverage.items()],
        "dice": list(_compared(dice_rows, known.results, results)),
        "overlap": list(_compared(overlap_rows, known.results, results)),
        "measures": list(_measures(made.scan, results, known.anatomy, made.changed)),
        "reference": _reference(known, made.changed),
        "detection": _detection(made.scan, known, config, folder),
    }


@dataclass(frozen=True, eq=False)
class Made:
    """What a method made."""

    scan: Scan
    """On the original's grid."""
    changed: NDArray[np.bool_]
    """(I, J, K) what was replaced."""
    verdict: Verdict
    """What verification says."""
    parameters: Mapping[str, Any]
    """With which parameters."""
    provenance: Mapping[str, Any]
    """By which version of what."""


def _made_by(known: Known, method: MethodEntry) -> Made:
    if not method.method:
        placed = regridded(known.scan, read_scan(path_of(method.results, known.entry)), "the result")
        changed = changed_voxels(known.scan, placed.scan) | placed.unseen
        verdict = verify(known.scan, placed.scan, anatomy=known.anatomy)
        return Made(placed.scan, changed, verdict, {}, {"results": method.results})
    decided = plan(known.scan, known.anatomy, method.method, method.fill or None, **method.parameters)
    result = apply_plan(known.scan, decided)
    verdict = verify(known.scan, result, anatomy=known.anatomy, plan=decided)
    parameters = {**decided.parameters, "fill": decided.fill}
    return Made(result, decided.changed, verdict, parameters, {**decided.provenance, "choices": dict(decided.choices)})


def brain_change(known: Known, changed: NDArray[np.bool_]) -> dict[str, float]:
    """Return what of the brain changed: voxels inside the skull, and tissue away from its uncertain border, ml."""
    core, seen = brain_core(known.network), known.anatomy.seen
    hit = resample(changed.astype(np.float32), known.scan.grid, seen.grid)
    tissue_ml = float((core & (hit > 0.5)).sum() * np.prod(seen.grid.spacing_mm) / 1000)
    return {
        "brain_voxels_changed": int((changed & known.anatomy.brain).sum()),
        "brain_tissue_ml": tissue_ml,
        "brain_clearance_mm": clearance_mm(changed, known.anatomy.brain, known.scan.grid),
    }


def placement_distance_mm(one: Anatomy, other: Anatomy) -> float:
    """Return how far apart two placements of the atlas lie, mean over its brain, mm: the error of registration."""
    points = _brain_points()
    moved = [points @ each.atlas_to_scan[:3, :3].T + each.atlas_to_scan[:3, 3] for each in (one, other)]
    return float(np.linalg.norm(moved[0] - moved[1], axis=1).mean())


@lru_cache(maxsize=1)
def _brain_points() -> FloatArray:
    atlas = load_atlas()
    return atlas.grid.ras(np.argwhere(atlas.regions == atlas.region("brain"))[::97])


@lru_cache(maxsize=1)
def common_grid() -> tuple[Grid, NDArray[np.bool_]]:
    """Return the grid in the atlas's space on which maps are compared, and where it is brain."""
    atlas = load_atlas()
    box = np.argwhere(atlas.regions == atlas.region("brain"))
    low, high = atlas.grid.ras(box.min(axis=0)), atlas.grid.ras(box.max(axis=0))
    affine = np.diag([COMMON_SPACING_MM] * 3 + [1.0])
    affine[:3, 3] = low
    i, j, k = (int(n) for n in np.ceil((high - low) / COMMON_SPACING_MM) + 1)
    grid = Grid((i, j, k), affine)
    brain = (atlas.regions == atlas.region("brain")).astype(np.uint8)
    return grid, resample(brain, atlas.grid, grid, order=0) > 0


def _located(scan: Scan) -> Anatomy | None:
    try:
        return locate(scan)
    except VerificationError:
        return None


def _compared(
    rows: Any, before: Mapping[str, PipelineResult], after: Mapping[str, PipelineResult]
) -> Iterator[dict[str, Any]]:
    for name, result in after.items():
        one = before[name].segmentation if name in before else None
        if one is not None and result.segmentation is not None:
            yield from ({"pipeline": name, **row} for row in rows(one, result.segmentation))


def _measures(
    scan: Scan, results: Mapping[str, PipelineResult], anatomy: Anatomy, changed: NDArray[np.bool_]
) -> Iterator[dict[str, Any]]:
    """Yield volumes, contrast to noise, what external pipelines measured, and the temporalis muscles."""
    for name, result in results.items():
        yield from ({"pipeline": name, **row} for row in result.measures)
        seen = result.segmentation
        if seen is None:
            continue
        for structure, volume in seen.volumes_ml().items():
            yield {"pipeline": name, "measure": f"{structure} volume", "value": volume, "unit": "ml"}
        yield {"pipeline": name, "measure": "cnr", "value": contrast_to_noise(scan, seen), "unit": ""}
    yield from ({"pipeline": "atlas", **row} for row in temporalis_rows(anatomy, changed))


def _reference(known: Known, changed: NDArray[np.bool_]) -> Record | None:
    if known.entry.reference_mask is None:
        return None
    given = read_scan(known.entry.reference_mask)
    given.grid.check_same(known.scan.grid, "the reference mask")
    truth = np.asarray(given.intensities() > 0.5)
    return {
        "dice": dice(truth, changed),
        "sensitivity": sensitivity(truth, changed),
        "hd95_mm": hd95_mm(truth, changed, known.scan.grid.spacing_mm),
    }


def save_look(
    scan: Scan,
    anatomy: Anatomy | None,
    changed: NDArray[np.bool_] | None,
    known: Known,
    config: StudyConfig,
    folder: Path,
) -> None:
    """Keep what attackers see of an image, and small pictures of it."""
    middle = float(known.anatomy.atlas_to_scan[0, 3])
    slices_path = folder / "sagittal.png"
    looking.save_picture(slices.sagittal(scan, middle, slices.window_of(known.scan)), slices_path)
    if anatomy is None:
        return
    common, inside = common_grid()
    tissue = brain_map(network_segmentation(anatomy), anatomy.atlas_to_scan, common)[inside]
    np.savez_compressed(folder / BRAIN_MAP, grey=(tissue * 255).astype(np.uint8))
    if "surface" in config.options.attacks and attacked(config, known.entry):
        looking.save_surface(scan, anatomy, changed, folder)


def _detection(scan: Scan, known: Known, config: StudyConfig, folder: Path) -> list[dict[str, Any]]:
    if not attacked(config, known.entry):
        return []
    views = looking.render(scan, frame_of(known.scan.intensities(), known.scan.grid))
    for view in ("left_45", "front", "right_45"):
        looking.save_picture(views[view], folder / f"{view}.png")
    if "recognition" in config.options.attacks:
        looking.save_features(views, folder)
    return looking.detection_rows(views) if "detection" in config.options.attacks else []


def save_failure(known: Known, made: Made, after: Anatomy, folder: Path) -> None:
    """Keep the three pictures of Gao et al. 2022, Figure 3, cropped to the brain so that no face shows."""
    grid = known.scan.grid
    hurt = made.changed & known.anatomy.brain
    x_mm = float(grid.ras(np.argwhere(hurt).mean(axis=0))[0])
    brain = grid.ras(np.argwhere(known.anatomy.brain))
    box = np.array([brain.min(axis=0), brain.max(axis=0)])
    window = slices.window_of(known.scan)
    before, behind = known.network, network_segmentation(after)
    plain = [slices.sagittal(scan, x_mm, window, box) for scan in (known.scan, made.scan)]
    rows = [
        slices.overlaid(plain[0], before, grid, x_mm, box),
        slices.overlaid(plain[1], behind, grid, x_mm, box),
        slices.difference(plain[1], before, behind, grid, x_mm, box),
    ]
    looking.save_picture(np.concatenate(rows, axis=1), folder / "failure.png")


def _judgement(judged: Judgement) -> dict[str, Any]:
    return {**asdict(judged), "outcome": judged.outcome.value}


def _facts(scan: Scan, anatomy: Anatomy) -> dict[str, Any]:
    head = {"confidence": anatomy.confidence, "structures": anatomy.structures}
    return {"shape": list(scan.grid.shape), "spacing_mm": scan.grid.spacing_mm.tolist(), **head}


def _value(verdict: Verdict, name: str) -> float | None:
    return next((check.value for check in verdict.checks if check.name == name), None)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
