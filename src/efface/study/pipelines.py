"""Downstream pipelines: the built-in network, programs by a command, or results that are there already."""

from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from efface.errors import DefaceError, UnsupportedImageError
from efface.io import read_scan, write_scan
from efface.scan import Scan
from efface.study.config import PipelineEntry, ScanEntry, fingerprint, path_of
from efface.study.label_tables import load_label_table
from efface.study.scan_lists import read_rows
from efface.study.segmentation import Segmentation

MEASURE = re.compile(r"^# Measure (?P<structure>[^,]+), (?P<key>[^,]+),[^,]*, (?P<value>[-+.\deE]+), (?P<unit>\S+)")
"""A global measure in FreeSurfer's ``.stats`` files."""

MARK = "made_of"
"""File that says of what a command's results were made."""


class PipelineError(DefaceError):
    """A pipeline did not give a result for one image; the study goes on."""


@dataclass(frozen=True, eq=False)
class PipelineResult:
    """What a pipeline said of one image."""

    segmentation: Segmentation | None = field(repr=False)
    """None where it only measures."""
    measures: tuple[Mapping[str, Any], ...] = ()
    """Rows with ``measure``, ``value`` and ``unit``."""


def run_pipeline(entry: PipelineEntry, image: Scan, scan: ScanEntry, version: str, folder: Path) -> PipelineResult:
    """Return what an external pipeline says of one version of a scan.

    A command's results are kept in ``folder``, and not made again from the same voxels by the same command.

    Parameters
    ----------
    entry : the pipeline
    image : the version's voxels
    scan, version : whose, for results that were made elsewhere
    folder : where a command's input, output and log go

    Raises
    ------
    PipelineError
        The program is not there, failed, ran too long or wrote nothing, or the result cannot be read.
    """
    if not entry.command:
        labels = path_of(entry.results, scan, version) if entry.results else None
        measured = [path_of(each, scan, version) for each in entry.measures]
        return _read(entry, labels, [path for path in measured if path.is_file()])
    folder.mkdir(parents=True, exist_ok=True)
    output, measures, mark = folder / "labels.nii.gz", folder / "measures.tsv", folder / MARK
    made_of = _made_of(entry, image)
    if not (output.is_file() and mark.is_file() and mark.read_text("ascii") == made_of):
        for path in (mark, output, measures):
            path.unlink(missing_ok=True)
        source = folder / f"image{'.nii.gz' if image.source.kind == 'nifti' else '.mgz'}"
        write_scan(image, source, overwrite=True)
        _call(entry, {"input": source, "output": output, "measures": measures}, folder / "log.txt")
        source.unlink()
        mark.write_text(made_of, "ascii")
    return _read(entry, output, [measures] if measures.is_file() else [])


def _made_of(entry: PipelineEntry, image: Scan) -> str:
    """Return what a command's result depends on: the command, and the voxels and where they lie."""
    voxels = hashlib.sha256(np.asfortranarray(image.stored).tobytes("F")).hexdigest()
    place = [image.slope, image.inter, image.grid.affine.tolist(), image.stored.shape, str(image.stored.dtype)]
    return fingerprint({"command": entry.command, "voxels": voxels, "place": place})


def _call(entry: PipelineEntry, names: Mapping[str, Path], log: Path) -> None:
    words = [word.format_map({key: str(path) for key, path in names.items()}) for word in shlex.split(entry.command)]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=entry.timeout_s, check=False
        )
    except OSError as error:
        message = f"pipeline {entry.name}: {words[0]} cannot be started ({error.strerror}); check the command"
        raise PipelineError(message) from error
    except subprocess.TimeoutExpired as error:
        message = f"pipeline {entry.name}: longer than {entry.timeout_s:g} s; set a larger timeout_s"
        raise PipelineError(message) from error
    log.write_text(f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}", "utf-8")
    if done.returncode or not names["output"].is_file():
        last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        names["output"].unlink(missing_ok=True)
        message = f"pipeline {entry.name}: status {done.returncode}, {last[:200]}; see {log.name} of this scan"
        raise PipelineError(message)


def _read(entry: PipelineEntry, labels: Path | None, measured: list[Path]) -> PipelineResult:
    try:
        segmentation = _segmentation(labels, entry.labels) if labels is not None else None
        rows = tuple(row for path in measured for row in read_measures(path))
    except DefaceError as error:
        message = f"pipeline {entry.name}: {error}"
        raise PipelineError(message) from error
    return PipelineResult(segmentation, rows)


def _segmentation(path: Path, table: str) -> Segmentation:
    scan = read_scan(path)
    values = np.rint(np.asarray(scan.stored, float) * scan.slope + scan.inter)
    if values.ndim != 3:
        message = f"{path}: {scan.volumes} volumes; a label map has one"
        raise UnsupportedImageError(message)
    return Segmentation(values.astype(np.int32), scan.grid, load_label_table(table))


def read_measures(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the measures of a table (columns ``measure``, ``value``, ``unit``) or of a FreeSurfer ``.stats`` file.

    Of ``.stats`` files the global measures are taken, such as ``MeanThickness``; those of one hemisphere, called
    ``lh.`` or ``rh.``, keep that in their name.
    """
    if path.suffix == ".stats":
        side = path.name[:3] if path.name[:3] in ("lh.", "rh.") else ""
        for line in path.read_text("utf-8", "replace").splitlines():
            found = MEASURE.match(line)
            if found:
                yield {"measure": f"{side}{found['key']}", "value": float(found["value"]), "unit": found["unit"]}
        return
    for row in read_rows(path):
        try:
            yield {"measure": row["measure"], "value": float(row["value"]), "unit": row.get("unit", "")}
        except (KeyError, ValueError) as error:
            message = (
                f"{path}: a row without measure or with a value that is no number ({error}); write measure, value, unit"
            )
            raise PipelineError(message) from error
