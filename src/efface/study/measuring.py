"""Measure one version of a scan: the original, or what a method made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy, locate
from efface.atlas import load_atlas
from efface.deface_plan import apply_plan
from efface.errors import DefaceError, ProgramError, UnreadableImageError, VerificationError
from efface.evaluate.changed import changed_voxels
from efface.grid import FloatArray
from efface.io import read_scan, write_scan
from efface.planning import plan
from efface.scan import Scan
from efface.spatial.mask import clearance_mm
from efface.spatial.regridding import regridded
from efface.spatial.resample import resample
from efface.study.config import NETWORK, ORIGINAL, MethodEntry, StudyConfig, path_of
from efface.study.keeping import made_folder, save_detection, save_failure, save_look
from efface.study.knowing import Known, Made, run_pipelines
from efface.study.outcomes import FEATURES, NOT_RUN, Judgement, Outcome, judge
from efface.study.pipelines import PipelineResult
from efface.study.segmentation import (
    brain_core,
    contrast_to_noise,
    dice_rows,
    overlap_rows,
)
from efface.study.statistics.overlap import dice, hd95_mm, sensitivity
from efface.study.temporalis import temporalis_rows
from efface.study.units import DONE, FAILED, REFUSED, defaced_path, private_folder
from efface.verdict import Verdict
from efface.verification import verify

Record = dict[str, Any]


def measure_original(known: Known, config: StudyConfig, out: Path) -> Record:
    """Return the record of an original; pictures and surfaces go to its private folder."""
    nothing = np.zeros(known.scan.grid.shape, bool)
    folder = made_folder(private_folder(out, known.entry.name, ORIGINAL))
    save_look(known.scan, known.anatomy, None, known, config, folder)
    return {
        "status": DONE,
        "seconds": known.located_s,
        "voxels_mm": " x ".join(f"{edge:.3g}" for edge in known.scan.grid.spacing_mm),
        "problems": dict(known.problems),
        "measures": [
            *_measures(known.scan, known.results, known.anatomy),
            *_of_atlas(temporalis_rows(known.anatomy, nothing)),
        ],
        "detection": save_detection(known.scan, known, config, folder),
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
    except (VerificationError, UnreadableImageError, ProgramError) as error:  # it gave nothing
        status = FAILED if isinstance(error, ProgramError) else REFUSED  # a program may run the next time
        return {"status": status, "reason": str(error), "seconds": perf_counter() - start, **_judgement(NOT_RUN)}
    seconds = perf_counter() - start
    folder = made_folder(private_folder(out, known.entry.name, method.name))
    if config.options.keep_images:
        path = defaced_path(out, known.entry, method.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_scan(made.scan, path, overwrite=True)
    after = _located(made.scan)
    save_look(made.scan, after, made.changed, known, config, folder)
    judged = _judged(known, made, config)
    if judged["outcome"] == Outcome.damaged.value and after is not None:
        save_failure(known, made, after, folder)
    return {
        "status": DONE,
        "seconds": seconds,
        "verified": made.verdict.passed,
        "parameters": made.parameters,
        "provenance": made.provenance,
        **judged,
        **_effects(known, made, after, method.name, config, out),
        "detection": save_detection(made.scan, known, config, folder),
    }


def _judged(known: Known, made: Made, config: StudyConfig) -> Record:
    """Return what became of face and brain."""
    coverage = {name: _value(made.verdict, f"{name}_covered") for name in FEATURES}
    touched = brain_change(known, made.changed)
    return {
        **_judgement(judge(coverage, touched["brain_tissue_ml"], config.options)),
        **touched,
        "checks": [asdict(check) for check in made.verdict.checks],
        "coverage": [{"feature": name, "covered": share} for name, share in coverage.items()],
    }


def _effects(known: Known, made: Made, after: Anatomy | None, version: str, config: StudyConfig, out: Path) -> Record:
    """Return what pipelines say of a result, beside what they said of the original."""
    results, problems = run_pipelines(config, made.scan, after, known.entry, version, out)
    reference, problem = _reference(known, made.changed)
    return {
        "registration_mm": None if after is None else placement_distance_mm(known.anatomy, after),
        "problems": {**problems, **problem},
        "dice": list(_compared(dice_rows, known.results, results)),
        "overlap": list(_compared(overlap_rows, known.results, results)),
        "measures": [
            *_measures(made.scan, results, after),
            *_of_atlas(temporalis_rows(known.anatomy, made.changed)),
        ],
        "reference": reference,
    }


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


def _measures(scan: Scan, results: Mapping[str, PipelineResult], anatomy: Anatomy | None) -> Iterator[dict[str, Any]]:
    """Yield volumes, contrast to noise, and what external pipelines measured."""
    for name, result in results.items():
        yield from ({"pipeline": name, **row} for row in result.measures)
        seen = result.segmentation
        if seen is None:
            continue
        for structure, volume in seen.volumes_ml().items():
            yield {"pipeline": name, "measure": f"{structure} volume", "value": volume, "unit": "ml"}
        yield {"pipeline": name, "measure": "cnr", "value": contrast_to_noise(scan, seen), "unit": ""}
    if anatomy is not None and NETWORK in results:
        inside_ml = float(anatomy.brain.sum() * abs(np.linalg.det(anatomy.grid.affine[:3, :3])) / 1000)
        yield {"pipeline": NETWORK, "measure": "intracranial volume", "value": inside_ml, "unit": "ml"}


def _of_atlas(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return ({"pipeline": "atlas", **row} for row in rows)


def _reference(known: Known, changed: NDArray[np.bool_]) -> tuple[Record | None, dict[str, str]]:
    """Return how what changed agrees with the mask that people drew, or why that cannot be said."""
    if known.entry.reference_mask is None:
        return None, {}
    try:
        given = read_scan(known.entry.reference_mask)
        given.grid.check_same(known.scan.grid, "the reference mask")
    except DefaceError as error:
        return None, {"reference mask": str(error)}
    truth = np.asarray(given.intensities() > 0.5)
    return {
        "dice": dice(truth, changed),
        "sensitivity": sensitivity(truth, changed),
        "hd95_mm": hd95_mm(truth, changed, known.scan.grid.spacing_mm),
    }, {}


def _judgement(judged: Judgement) -> dict[str, Any]:
    return {**asdict(judged), "outcome": judged.outcome.value}


def _value(verdict: Verdict, name: str) -> float | None:
    return next((check.value for check in verdict.checks if check.name == name), None)
