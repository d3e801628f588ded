"""What is found in an original, once for all methods; and what a method made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy, locate
from efface.io import read_scan
from efface.scan import Scan
from efface.study.config import NETWORK, ORIGINAL, ScanEntry, StudyConfig
from efface.study.pipelines import PipelineError, PipelineResult, run_pipeline
from efface.study.segmentation import Segmentation, network_segmentation
from efface.study.units import private_folder
from efface.verdict import Verdict


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
