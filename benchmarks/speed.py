"""Time and memory of a cold `efface deface`, beside a plain copy and other defacers.

    python benchmarks/speed.py [SCAN.nii.gz ...] [--brain-mask MASK] [--template T --template-mask M] [--repeats 5]

Every run is a new process, started and waited for here: wall time, CPU time of all its threads, and peak resident
memory as the system counts them. Rounds are interleaved, so that a busy minute of the machine hits all alike. Shown
are medians, and ratios to nibabel's load and save of the same file. Without a scan, the bundled synthetic sample is
used.

Quickshear needs a brain mask: without ``--brain-mask`` efface's own is given to it. niimath needs a template and a mask
on it (1 = keep): without ``--template``, pydeface's are used where that package is installed. Making these is not
timed.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

# This process stays small and imports nothing heavy: on Linux a child's peak memory is never below its parent's.
COPY = "import sys, nibabel; nibabel.save(nibabel.load(sys.argv[1]), sys.argv[2])"
SAMPLE = "import sys, nibabel; from efface.phantom import sample; nibabel.save(sample(), sys.argv[1])"
BRAIN = (
    "import sys, nibabel, efface; scan = efface.read_scan(sys.argv[1]); brain = efface.locate(scan).brain; "
    "nibabel.save(nibabel.Nifti1Image(brain.astype('uint8'), scan.grid.affine), sys.argv[2])"
)
RSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""Unit of the system's peak memory."""
REFERENCE = "nibabel load + save"
COLUMNS = ("", "wall s", "CPU s", "peak MB", "x wall", "x CPU", "x peak", "")


@dataclass(frozen=True)
class Run:
    """One process."""

    wall_s: float
    """From start to end."""
    cpu_s: float
    """User and system time of all threads."""
    peak_mb: float
    """Largest resident memory."""
    status: int
    """Exit status."""


@dataclass(frozen=True)
class Program:
    """One row of the table."""

    name: str
    """With its version."""
    command: tuple[str, ...] | None
    """With IN and OUT for the files; None if it cannot be run here."""
    missing: str = ""
    """Why not."""


def measure(command: Sequence[str]) -> Run:
    """Run a command in a new process and wait for it."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * RSS_BYTES / 1e6, process.returncode)


def python(*arguments: object) -> tuple[str, ...]:
    """Return a command line for this Python."""
    return (sys.executable, *map(str, arguments))


def prepare(code: str, *arguments: object) -> None:
    """Run code in a process of its own."""
    subprocess.run(python("-c", code, *arguments), check=True)


def programs(brain_mask: Path, template: tuple[Path, Path] | None) -> list[Program]:
    """Return what is compared."""
    return [
        Program(named(REFERENCE, "nibabel"), python("-c", COPY, "IN", "OUT")),
        Program(named("efface deface", "efface"), python("-m", "efface", "deface", "IN", "OUT", "--overwrite")),
        quickshear(brain_mask),
        niimath(template),
    ]


def quickshear(brain_mask: Path) -> Program:
    """Quickshear with a given brain mask."""
    if find_spec("quickshear") is None:
        return Program("quickshear", None, "not installed")
    return Program(named("quickshear", "quickshear"), python("-m", "quickshear", "IN", brain_mask, "OUT"))


def niimath(template: tuple[Path, Path] | None) -> Program:
    """Niimath's ``-deface`` with a given template and mask."""
    program = shutil.which("niimath", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    spec = find_spec("niimath")
    if spec is not None and spec.origin is not None:
        binary = Path(spec.origin).parent / "bin" / "niimath"  # not the Python script that only starts it
        program = str(binary) if binary.is_file() else program
    if program is None:
        return Program("niimath -deface", None, "not installed")
    if template is None:
        return Program("niimath -deface", None, "no template: give --template and --template-mask, or install pydeface")
    name = named("niimath -deface", "niimath")
    return Program(name, (program, "IN", "-deface", str(template[0]), str(template[1]), "OUT"))


def pydeface_template() -> tuple[Path, Path] | None:
    """Return the template and mask that the package pydeface holds, without importing it."""
    spec = find_spec("pydeface")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "data"
    files = folder / "mean_reg2mean.nii.gz", folder / "facemask.nii.gz"
    return files if all(path.is_file() for path in files) else None


def named(name: str, package: str) -> str:
    """Return a name with its package's version."""
    try:
        return f"{name} ({version(package)})"
    except PackageNotFoundError:
        return name


def compare(scan: Path, rivals: list[Program], repeats: int, work: Path) -> dict[str, list[Run]]:
    """Run every program on a scan, in interleaved rounds, after one round that is not counted."""
    runs: dict[str, list[Run]] = {program.name: [] for program in rivals if program.command}
    for repeat in range(repeats + 1):
        for number, program in enumerate(rivals):
            if program.command is None:
                continue
            files = {"IN": str(scan), "OUT": str(work / f"out_{number}.nii.gz")}
            run = measure([files.get(word, word) for word in program.command])
            if repeat:
                runs[program.name].append(run)
    return runs


def rows(rivals: list[Program], runs: dict[str, list[Run]]) -> list[tuple[str, ...]]:
    """Return the table's cells."""
    reference = medians(next(runs[name] for name in runs if name.startswith(REFERENCE)))
    table = []
    for program in rivals:
        if program.command is None:
            table.append((program.name, *"------", program.missing))
            continue
        values = medians(runs[program.name])
        ratios = [f"{value / base:.2f}" for value, base in zip(values, reference, strict=True)]
        failed = sorted({run.status for run in runs[program.name]} - {0})
        note = f"exit status {', '.join(map(str, failed))}" if failed else ""
        table.append((program.name, f"{values[0]:.2f}", f"{values[1]:.2f}", f"{values[2]:.0f}", *ratios, note))
    return table


def medians(runs: list[Run]) -> tuple[float, float, float]:
    """Return the medians of wall time, CPU time and peak memory."""
    wall, cpu, peak = zip(*((run.wall_s, run.cpu_s, run.peak_mb) for run in runs), strict=True)
    return statistics.median(wall), statistics.median(cpu), statistics.median(peak)


def show(table: list[tuple[str, ...]]) -> None:
    """Print a table; numbers to the right."""
    widths = [max(map(len, column)) for column in zip(COLUMNS, *table, strict=True)]
    for row in (COLUMNS, *table):
        cells = [cell.ljust(width) if at in (0, 7) else cell.rjust(width)
                 for at, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
        print("  ".join(cells).rstrip())


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scans", nargs="*", type=Path, metavar="SCAN.nii.gz")
    parser.add_argument("--brain-mask", type=Path, help="for quickshear; on the grid of the one scan given")
    parser.add_argument("--template", type=Path, help="for niimath")
    parser.add_argument("--template-mask", type=Path, help="for niimath; on the template's grid, 1 = keep")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.brain_mask and len(arguments.scans) != 1:
        parser.error("--brain-mask fits one scan; give exactly one")
    if (arguments.template is None) != (arguments.template_mask is None):
        parser.error("--template and --template-mask go together")
    if arguments.repeats < 1:
        parser.error("--repeats must be at least 1")
    for path in (*arguments.scans, arguments.brain_mask, arguments.template, arguments.template_mask):
        if path is not None and not path.is_file():
            parser.error(f"{path}: no such file")
    return arguments


def main() -> None:
    """Print one table for each scan."""
    arguments = parse()
    template = (arguments.template, arguments.template_mask) if arguments.template else pydeface_template()
    print(f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} CPUs, "
          f"{os.getloadavg()[0]:.1f} busy at the start; medians of {arguments.repeats} runs")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        scans = arguments.scans
        if not scans:
            scans = [work / "sample_T1w.nii.gz"]
            prepare(SAMPLE, scans[0])
        for scan in scans:
            brain_mask = arguments.brain_mask or work / "brain.nii.gz"
            if arguments.brain_mask is None and find_spec("quickshear") is not None:
                prepare(BRAIN, scan, brain_mask)
            rivals = programs(brain_mask, template)
            print(f"\n{scan.name}")
            show(rows(rivals, compare(scan, rivals, arguments.repeats, work)))


if __name__ == "__main__":
    main()
