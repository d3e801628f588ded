"""Damaged inputs for every reader: how many are refused in one clear line, accepted, end in a traceback, or never end.

    python benchmarks/fuzzing.py [--minutes 15] [--reader NIfTI ...] [--seed 0] [--keep FOLDER] [--json OUT.json]

Sound inputs of a few kilobytes are changed at some places, by bits, numbers, cuts, repetitions or odd words, and given
to the reader, and to what looks at headers and writes them again. Each reader works in a process of its own, so that a
crash of native code or a hang is seen and survived. Minutes are CPU time, shared evenly among the readers. An input is
made anew from the seed and its number; ``--keep`` also writes those that went wrong. It needs the extra ``test``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from fuzzing_inputs import READERS, Files, broken

from efface.errors import DefaceError

HANG_S = 120.0
"""An input that takes longer hangs the reader."""
ADDRESS_SPACE = 12 * 2**30
"""Of a reader's process; whoever asks for more gets MemoryError."""
GREEDY_MB = 1000.0
"""What an input of some kilobytes must not make a reader take."""
OUTCOMES = ("refused", "accepted", "crash", "hang", "greedy")


@dataclass
class Tally:
    """What came of one reader's inputs."""

    counts: Counter[str] = field(default_factory=Counter)
    """Outcome -> inputs."""
    cpu_s: float = 0.0
    """Of its processes."""
    peak_mb: float = 0.0
    """Most memory that one of its processes held."""
    wrong: dict[str, list[int]] = field(default_factory=dict)
    """What went wrong -> numbers of the inputs."""

    def add(self, number: int, outcome: str, told: str) -> None:
        """Count one input."""
        self.counts[outcome] += 1
        if outcome not in ("refused", "accepted"):
            self.wrong.setdefault(f"{outcome}: {told}", []).append(number)


def case(name: str, seed: int, number: int) -> Files:
    """Return one input, always the same for its number."""
    reader = READERS[name]
    rng = np.random.default_rng((seed, number))
    sound = reader.sound()
    return broken(sound[int(rng.integers(0, len(sound)))], rng, words=reader.words)


def write(made: Files, folder: Path) -> None:
    """Write an input into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def work(name: str, seed: int, first: int, folder: Path, pipe: Connection) -> None:
    """Read input after input; say before each which one it is, and after it what came of it."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    READERS[name].sound()
    for number in itertools.count(first):
        write(case(name, seed, number), folder)
        pipe.send((number, "", "", 0.0, 0.0))
        forget_peak()
        before = peak_mb()
        outcome, told = one(name, folder)
        if peak_mb() - before > GREEDY_MB and outcome in ("refused", "accepted"):
            outcome, told = "greedy", f"{outcome}, {told}"
        pipe.send((number, outcome, told, cpu_s(), peak_mb()))


def one(name: str, folder: Path) -> tuple[str, str]:
    """Read one input; return what came of it."""
    try:
        READERS[name].read(folder)
    except DefaceError as error:
        clear = str(error) and "\n" not in str(error)
        return ("refused", type(error).__name__) if clear else ("crash", f"no clear line of a {type(error).__name__}")
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        frames = traceback.extract_tb(error.__traceback__)
        ours = next((f for f in reversed(frames) if "efface" in f.filename and "fuzzing" not in f.filename), frames[-1])
        return "crash", f"{type(error).__name__} at {Path(ours.filename).name}:{ours.lineno}"
    return "accepted", ""


def cpu_s() -> float:
    """Return the CPU time of this process and of those that it waited for."""
    return sum(each.ru_utime + each.ru_stime
               for each in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))  # fmt: skip


def forget_peak() -> None:
    """Let Linux count the peak of memory anew."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """Return the most memory held since the peak was last forgotten."""
    lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6


def fuzz(name: str, seed: int, seconds: float) -> Tally:
    """Give damaged inputs to one reader for some seconds of CPU time."""
    tally = Tally()
    number = 0
    with tempfile.TemporaryDirectory() as temporary:
        while tally.cpu_s < seconds:
            number = _until_it_ends(name, seed, number, Path(temporary) / "case", tally, seconds)
    return tally


def _until_it_ends(name: str, seed: int, first: int, folder: Path, tally: Tally, seconds: float) -> int:
    """Watch one process; return the number of the next input."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=work, args=(name, seed, first, folder, there), daemon=True)
    process.start()
    there.close()
    number, spent = -1, tally.cpu_s
    try:
        while tally.cpu_s < seconds:
            if not here.poll(HANG_S):
                tally.add(number, "hang", f"longer than {HANG_S:g} s")
                tally.cpu_s += HANG_S
                return number + 1
            number, outcome, told, cpu, peak = here.recv()
            if outcome:
                tally.add(number, outcome, told)
                tally.cpu_s, tally.peak_mb = spent + cpu, max(tally.peak_mb, peak)
    except EOFError:
        process.join()
        if number < 0:
            sys.exit(f"{name}: its inputs could not be made")
        tally.add(number, "crash", f"the process ended with {process.exitcode}")
        tally.cpu_s += 1.0
    finally:
        process.kill()
        process.join()
    return number + 1


def table(tallies: dict[str, Tally]) -> str:
    """Return what came of all readers, as a table for a terminal or a page."""
    head = ("reader", "inputs", "clear errors", "accepted", "crashes", "hangs", "greedy", "peak MB", "CPU s")
    rows = [
        (name, sum(t.counts.values()), *(t.counts[each] for each in OUTCOMES), round(t.peak_mb), round(t.cpu_s))
        for name, t in tallies.items()
    ]
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def keep(name: str, seed: int, tally: Tally, folder: Path) -> None:
    """Write the first input of everything that went wrong."""
    for place, numbers in enumerate(tally.wrong.values()):
        write(case(name, seed, numbers[0]), folder / f"{name.replace(' ', '-')}-{place}")


def main() -> int:
    """Read the command line, run, print; return 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15.0, help="CPU time of all readers together")
    parser.add_argument("--reader", action="append", choices=list(READERS), help="only these")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    names = arguments.reader or list(READERS)
    tallies: dict[str, Tally] = {}
    for name in names:
        began = time.perf_counter()
        tallies[name] = fuzz(name, arguments.seed, arguments.minutes * 60 / len(names))
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        if arguments.keep:
            keep(name, arguments.seed, tallies[name], arguments.keep)
    print(table(tallies))
    for name, tally in tallies.items():
        for told, numbers in tally.wrong.items():
            print(f"{name}: {told} ({len(numbers)} inputs, the first is number {numbers[0]})")
    if arguments.json:
        told = {n: {"counts": dict(t.counts), "peak_mb": t.peak_mb, "cpu_s": t.cpu_s, "wrong": t.wrong}
                for n, t in tallies.items()}  # fmt: skip
        arguments.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    return int(any(tally.wrong for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
