"""What a second worker brings: scans per hour of one and of several workers, each with as many threads as it is given.

    python benchmarks/throughput.py [--scans 4] [--spacing 1.0] [--rounds 2] [--json OUT.json]

Synthetic heads in a folder are defaced by one worker with one thread, by one with as many threads as there are cores,
and by one worker for each core with one thread each. Rounds are interleaved, so that a busy minute of the machine hits
all alike. Wall times, starting of workers included, say something on an idle machine only; CPU times are told beside
them, since workers that do not disturb each other need no more of it together than one needs alone. Shown are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib

from efface import phantom
from efface.threads import cores

CONTRASTS = ("T1w", "T2w", "FLAIR", "PDw")
CONFIGURATIONS = {"1 worker, 1 thread": (1, 1), "1 worker, all threads": (1, cores()), "all workers": (cores(), 1)}
"""Name -> workers, and threads of each."""


@dataclass(frozen=True)
class Run:
    """One run over the folder."""

    wall_s: float
    """From start to end, starting of workers included."""
    cpu_s: float
    """Of all its processes and threads."""
    peak_mb: float
    """Of the worker that took most."""
    load: float
    """Of the machine, over the last minute, when it ended."""


def make(folder: Path, scans: int, spacing: float) -> None:
    """Write heads of several people and contrasts."""
    folder.mkdir()
    for number in range(scans):
        image = phantom.head(CONTRASTS[number % 4], spacing_mm=(spacing,) * 3, seed=50_000 + number)
        nib.save(image, folder / f"{number}.nii.gz")


def run(folder: Path, output: Path, workers: int, threads: int) -> Run:
    """Deface the folder once."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "efface", "deface", folder, output, "--workers", str(workers), "--json"],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    )  # fmt: skip
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if not done.stdout:
        sys.exit(done.stderr)
    peaks = [scan["peak_mb"] or 0.0 for scan in json.loads(done.stdout)["scans"]]
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall_s, cpu_s, max(peaks), os.getloadavg()[0])


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=4)
    parser.add_argument("--spacing", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    runs: dict[str, list[Run]] = {name: [] for name in CONFIGURATIONS}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "scans"
        make(folder, arguments.scans, arguments.spacing)
        for number in range(arguments.rounds):
            for place, (name, (workers, threads)) in enumerate(CONFIGURATIONS.items()):
                runs[name].append(run(folder, Path(temporary) / f"out{number}{place}", workers, threads))
                print(name, runs[name][-1], file=sys.stderr, flush=True)
    first = runs[next(iter(runs))]
    print("| | wall s | scans per hour | x | CPU s per scan | peak MB | load |\n|---|---|---|---|---|---|---|")
    for name, made in runs.items():
        wall_s = statistics.median(each.wall_s for each in made)
        ratio = statistics.median(one.wall_s / each.wall_s for one, each in zip(first, made, strict=True))
        cpu_s = statistics.median(each.cpu_s for each in made) / arguments.scans
        peak_mb, load = max(each.peak_mb for each in made), max(each.load for each in made)
        hourly = 3600 * arguments.scans / wall_s
        print(f"| {name} | {wall_s:.1f} | {hourly:.0f} | {ratio:.2f} | {cpu_s:.1f} | {peak_mb:.0f} | {load:.1f} |")
    if arguments.json:
        arguments.json.write_text(json.dumps({n: [vars(each) for each in r] for n, r in runs.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
