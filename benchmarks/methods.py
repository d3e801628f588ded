"""Every method beside every other, and beside other programs that are installed: one table over many heads.

    python benchmarks/methods.py [SCAN ...] [--people 20] [--seed 1] [--methods KEY[:NAME=VALUE ...] ...]
                                 [--template HEAD --mask-template MASK] [--tsv OUT.tsv] [--json OUT.json]

The heads are files (private ones stay private: only their numbers are printed, by their place in the list) or
synthetic people whom no method was made from, in random contrasts, sizes, resolutions, orientations and poses. Each
method runs in a process of its own, on an anatomy that is found once a head; time and memory are what it adds, to
decide, to fill and to apply. Other programs' are included; their memory is not told below that of the Python that
starts them. Without ``--methods`` all run that are ready here and have a default for everything; `external-niimath`
needs a template.

A head counts as a success if no feature of the face is left and no voxel of the brain changed (Theyers et al. 2021),
and as verified if every check of efface passes. Of synthetic heads it is known where the brain is, and by it, where the
features are; in files efface's own anatomy says so. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from wilson import wilson

from efface import phantom
from efface.anatomy import Anatomy, locate
from efface.atlas import FEATURES, load_atlas
from efface.deface_plan import apply_plan
from efface.errors import DefaceError, UsageError
from efface.evaluate.coverage import feature_coverage, visible_skin
from efface.io import read_scan
from efface.methods import TABLE, get_method, method_class
from efface.methods.parameters import read_parameters
from efface.planning import plan
from efface.scan import Scan
from efface.spatial import head_surface
from efface.verification import verify

FIRST_SEED = 70_000
"""People from here on were drawn for nothing else."""
CONTRASTS = ("T1w", "T2w", "FLAIR", "PDw")
SPACINGS = ((1.0, 1.0, 1.0), (1.5, 1.5, 1.5), (2.0, 2.0, 2.0), (1.0, 1.0, 5.0), (5.0, 1.0, 1.0))
ORIENTATIONS = ("RAS", "LPS", "LAS", "PIR")
LEAST_GONE = 0.9
"""Share of a feature's visible skin that must be gone."""
KIB = 1 if sys.platform == "darwin" else 1024
"""Bytes in a unit of the peak memory that the system tells."""


@dataclass(frozen=True)
class Head:
    """One scan to deface."""

    name: str
    scan: Scan = field(repr=False)
    truth: phantom.Phantom | None = field(default=None, repr=False)
    """What is where in it, if it is synthetic."""


@dataclass(frozen=True)
class Row:
    """What one method did to one head."""

    method: str
    head: str
    error: str = ""
    """Why nothing was made."""
    verified: bool = False
    success: bool = False
    face_left: tuple[str, ...] = ()
    """Features that still show."""
    brain_voxels: int = 0
    """Voxels inside the skull that changed."""
    tissue_voxels: int | None = None
    """Those of them that are brain, not fluid or dura; of synthetic heads only."""
    clearance_mm: float | None = None
    gone: dict[str, float] = field(default_factory=dict)
    """Share of each feature's skin that is gone; features in view only."""
    removed_ml: float = 0.0
    seconds: float = 0.0
    memory_mb: float = 0.0
    failed: tuple[str, ...] = ()
    """Checks that refused it."""


def people(count: int, seed: int) -> Iterator[Head]:
    """Draw synthetic people."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        one = phantom.make(
            str(rng.choice(CONTRASTS)),
            spacing_mm=SPACINGS[rng.integers(len(SPACINGS))],
            orientation=str(rng.choice(ORIENTATIONS)),
            size=float(rng.uniform(0.65, 1.06)),
            turn_deg=tuple(rng.uniform(-10, 10, 3)),
            seed=FIRST_SEED + 1000 * seed + number,
        )
        yield Head(f"synthetic {number}", read_scan(one.image), one)


def run_one(head: Head, anatomy: Anatomy, name: str, key: str, parameters: dict[str, Any]) -> Row:
    """Let one method deface one head, and judge the result."""
    before, began = peak_mb(), time.perf_counter()
    try:
        decided = plan(head.scan, anatomy, method=key, **parameters)
        result = apply_plan(head.scan, decided)
    except DefaceError as error:
        return Row(name, head.name, f"{type(error).__name__}: {error}", seconds=time.perf_counter() - began)
    seconds, memory = time.perf_counter() - began, peak_mb() - before
    verdict = verify(head.scan, result, anatomy=anatomy, plan=decided)
    values = {check.name: check.value for check in verdict.checks}
    gone = skin_gone(head.truth, anatomy, decided.changed) if head.truth else covered(values)
    brain = head.truth.where("brain") if head.truth else anatomy.brain
    touched = int(np.count_nonzero(decided.changed & brain))
    tissue = int(np.count_nonzero(decided.changed & brain_tissue(head.truth))) if head.truth else None
    left = tuple(feature for feature, share in gone.items() if share < LEAST_GONE)
    return Row(
        name, head.name,
        verified=verdict.passed, success=not left and not touched, face_left=left, brain_voxels=touched,
        tissue_voxels=tissue,
        clearance_mm=values["brain_clearance"], gone=gone, removed_ml=sum(decided.region_volumes_ml().values()),
        seconds=seconds, memory_mb=memory, failed=tuple(check.name for check in verdict.failed),
    )  # fmt: skip


def peak_mb() -> float:
    """Return the most memory that this process had so far, with that of the largest program it ran, MB.

    Where Linux tells of this process alone, that counts: getrusage begins with the process that started it.
    """
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own, programs = (resource.getrusage(who).ru_maxrss * KIB for who in both)
    status = Path("/proc/self/status")
    lines = status.read_text("ascii", "replace").splitlines() if status.exists() else []
    own = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), own)
    return (own + programs) / 1e6


def brain_tissue(truth: phantom.Phantom) -> np.ndarray:
    """Return where a synthetic head's brain is, without fluid, vessels and dura."""
    names = load_atlas().tissue_names
    first, last = names.index("cerebral_grey_matter"), names.index("cerebellar_white_matter")
    return truth.where("brain") & (truth.tissues >= first) & (truth.tissues <= last)


def skin_gone(truth: phantom.Phantom, anatomy: Anatomy, changed: np.ndarray) -> dict[str, float]:
    """Return how much of each feature's visible skin changed, where the true brain says that features are."""
    brain = truth.grid.ras(np.argwhere(truth.where("brain"))[::7])
    there = np.column_stack([truth.shape.to_atlas(brain), np.ones(len(brain))])
    affine = np.eye(4)
    affine[:3] = np.linalg.lstsq(there, brain, rcond=None)[0].T
    true = replace(anatomy, atlas_to_scan=affine)
    inside = truth.where("head")
    head = head_surface.Head(inside, truth.grid, inside.astype(np.float32))
    found = feature_coverage(visible_skin(head, true, FEATURES), changed, true)
    return {name: round(one.fraction, 3) for name, one in found.items() if one.fraction is not None}


def covered(values: dict[str, float | None]) -> dict[str, float]:
    """Return how much of each feature's visible skin changed, as verification saw it."""
    seen = {name: values.get(f"{name}_covered") for name in FEATURES}
    return {name: round(value, 3) for name, value in seen.items() if value is not None}


def asked(names: Sequence[str], shared: dict[str, Path]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return what is to run: its name in the table -> key and parameters. What cannot is said."""
    found = {}
    for name in names or TABLE:
        key, *texts = name.split(":")
        method = method_class(key)
        known = method.__dataclass_fields__
        parameters = {each: path for each, path in shared.items() if each in known}
        parameters |= read_parameters(method, key, texts)
        try:
            get_method(key, **parameters)
        except UsageError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        found[name] = (key, parameters)
    return found


def measured(heads: Iterator[Head], methods: dict[str, tuple[str, dict[str, Any]]]) -> Iterator[Row]:
    """Run every method on every head, each in a new process."""
    for head in heads:
        anatomy = locate(head.scan)
        for name, (key, parameters) in methods.items():
            row = alone(head, anatomy, name, key, parameters)
            outcome = row.error or f"left: {', '.join(row.face_left) or 'nothing'}; brain: {row.brain_voxels} voxels"
            print(f"{head.name}, {name}: {outcome} ({row.seconds:.1f} s)", file=sys.stderr, flush=True)
            yield row


def alone(head: Head, anatomy: Anatomy, name: str, key: str, parameters: dict[str, Any]) -> Row:
    """Run one method in a process of its own; one that is killed, as for its memory, is a row as well."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        try:
            return process.submit(run_one, head, anatomy, name, key, parameters).result()
        except BrokenProcessPool as error:
            return Row(name, head.name, f"its process was killed: {error}")


def summary(name: str, rows: Sequence[Row]) -> dict[str, str]:
    """Return one method's line of the table."""
    made = [row for row in rows if not row.error]
    successes = sum(row.success for row in made)
    low, high = wilson(successes, len(rows))
    left = Counter(feature for row in made for feature in row.face_left)
    gone = {name: [row.gone[name] for row in made if name in row.gone] for name in FEATURES}
    most_touched = worst(row.brain_voxels for row in made)
    tissues = [row.tissue_voxels for row in made if row.tissue_voxels is not None]
    clearances = [row.clearance_mm for row in made if row.clearance_mm is not None]
    return {
        "method": name,
        "made": f"{len(made)} of {len(rows)}",
        "success": f"{successes} ({low:.0%} to {high:.0%})",
        "verified": str(sum(row.verified for row in made)),
        "face left": ", ".join(f"{feature} {count}" for feature, count in left.most_common()) or "none",
        "gone, worst (median)": "; ".join(
            f"{feature} {min(shares):.2f} ({np.median(shares):.2f})" for feature, shares in gone.items() if shares
        ),
        "inside skull touched": f"{sum(row.brain_voxels > 0 for row in made)} (most {most_touched})",
        "brain tissue touched": f"{sum(tissue > 0 for tissue in tissues)} (most {worst(iter(tissues))})",
        "clearance, least": f"{min(clearances):.1f} mm" if clearances else "",
        "removed, median": f"{np.median([row.removed_ml for row in made]):.0f} ml" if made else "",
        "time, median": f"{np.median([row.seconds for row in made]):.1f} s" if made else "",
        "memory, most": f"{worst(row.memory_mb for row in made):.0f} MB",
    }


def worst(values: Iterator[float]) -> float:
    """Return the largest, 0 of none."""
    return max(values, default=0)


def markdown(lines: Sequence[dict[str, str]]) -> str:
    """Return a table."""
    rows = [list(lines[0]), ["---"] * len(lines[0]), *(list(line.values()) for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def tsv(rows: Sequence[Row]) -> str:
    """Return every run as a line."""
    flat = [{**asdict(row), **{f"gone_{name}": row.gone.get(name, "") for name in FEATURES}} for row in rows]
    for line in flat:
        del line["gone"]
        line |= {name: ",".join(value) for name, value in line.items() if isinstance(value, tuple)}
    lines = [list(flat[0]), *(list(line.values()) for line in flat)]
    return "".join("\t".join(str(value).replace("\t", " ") for value in line) + "\n" for line in lines)


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", type=Path, nargs="*")
    parser.add_argument("--people", type=int, default=0, help="synthetic people; 20 if no scans are given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--methods", nargs="+", default=[])
    parser.add_argument("--template", type=Path)
    parser.add_argument("--mask-template", type=Path)
    parser.add_argument("--tsv", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    shared = {name: path for name in ("template", "mask_template") if (path := getattr(arguments, name))}
    methods = asked(arguments.methods, shared)
    files = [Head(f"scan {place}", read_scan(path)) for place, path in enumerate(arguments.scans, 1)]
    drawn = people(arguments.people or (0 if files else 20), arguments.seed)
    rows = list(measured((head for source in (files, drawn) for head in source), methods))
    print(markdown([summary(name, [row for row in rows if row.method == name]) for name in methods]))
    if arguments.tsv:
        arguments.tsv.write_text(tsv(rows), "utf-8")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), "utf-8")


if __name__ == "__main__":
    main()
