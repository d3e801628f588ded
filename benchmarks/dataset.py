"""A synthetic BIDS dataset in mixed contrasts, orientations and faults: made, defaced, killed, resumed, checked, timed.

    python benchmarks/dataset.py [--scans 200] [--spacing 1.0] [--workers 2] [--folder OUT] [--json OUT.json]

Good scans must be verified, bad ones reported, nothing else may be in the output, and the BIDS validator must find no
error (it is asked if ``bids-validator-deno`` is installed). The same is done with one worker, with several, and once
killed (SIGKILL to the whole process group) and gone on with: the bytes of all three must be the same. Throughput is
the number of scans by the wall clock, starting of workers included; memory is each worker's peak, from the log.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np

from efface import phantom

CONTRASTS = ("T1w", "T2w", "FLAIR", "PDw")
ORIENTATIONS = ("RAS", "LPS", "LAS", "PIR", "RSA")
FAULTS = ("truncated", "ball", "text", "noise")
FAULTY = 5
"""One scan in so many has a fault."""
EXPECTED = {"truncated": "unreadable", "text": "unreadable", "ball": "refused", "noise": "refused"}


def make(root: Path, scans: int, spacing: float) -> dict[str, str]:
    """Write a dataset; return what must come of each scan, by name."""
    expected: dict[str, str] = {}
    per_person = len(CONTRASTS)
    rng = np.random.default_rng(0)
    people = [f"sub-{number:03d}" for number in range(1, -(-scans // per_person) + 1)]
    for number in range(scans):
        person, contrast = people[number // per_person], CONTRASTS[number % per_person]
        path = root / person / "anat" / f"{person}_{contrast}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = phantom.head(
            contrast, spacing_mm=(spacing,) * 3, seed=40_000 + number // per_person,
            orientation=ORIENTATIONS[number % len(ORIENTATIONS)], dtype=(np.int16, np.float32)[number % 2],
        )  # fmt: skip
        fault = FAULTS[number // FAULTY % len(FAULTS)] if number % FAULTY == FAULTY - 1 else None
        write(path, image, fault, rng)
        expected[path.relative_to(root).as_posix()] = EXPECTED.get(fault or "", "verified")
        if number % 3 == 0:
            (path.parent / f"{person}_{contrast}.json").write_text('{"EchoTime": 0.003}')
    surroundings(root, people)
    return expected


def write(path: Path, image: nib.Nifti1Image, fault: str | None, rng: np.random.Generator) -> None:
    """Write an image, or what a fault made of it."""
    if fault == "text":
        path.write_text("this was to be an image")
        return
    if fault == "noise":
        image = nib.Nifti1Image(rng.integers(0, 500, image.shape).astype(np.int16), image.affine)
    if fault == "ball":
        away = np.square(np.indices(image.shape) - np.array(image.shape).reshape(3, 1, 1, 1) / 2).sum(axis=0)
        image = nib.Nifti1Image(np.where(away < (min(image.shape) / 3) ** 2, 300, 5).astype(np.int16), image.affine)
    nib.save(image, path)
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def surroundings(root: Path, people: list[str]) -> None:
    """Write what a dataset has besides images, and what must not be shared."""
    description = {"Name": "Synthetic heads", "BIDSVersion": "1.10.0", "Authors": ["Nobody", "No One"]}
    (root / "dataset_description.json").write_text(json.dumps(description))
    (root / "README").write_text("Synthetic heads, nobody's, made by efface to be defaced. " * 4)
    ages = "\n".join(f"{person}\t{60 if place == 0 else 30}" for place, person in enumerate(people))
    (root / "participants.tsv").write_text(f"participant_id\tage\n{ages}\n")
    (root / "T1w.json").write_text('{"MagneticFieldStrength": 3, "Manufacturer": "Nobody"}')
    (root / ".bidsignore").write_text("*_localizer.*\n")
    person = people[0]
    original = next((root / person / "anat").glob("*.nii.gz"))
    for name in (
        f"sourcedata/{person}.nii.gz",
        f"{person}/anat/{person}_localizer.nii.gz",
        f"{person}/anat/face.nii.gz",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(original, root / name)
    rows = "".join(f"anat/{path.name}\n" for path in sorted((root / person / "anat").glob(f"{person}_*w.nii.gz")))
    (root / person / f"{person}_scans.tsv").write_text(f"filename\n{rows}")
    dwi = root / person / "dwi"
    dwi.mkdir()
    with (dwi / f"{person}_dwi.nii.gz").open("wb") as file, gzip.GzipFile("Nobody.nii", "wb", fileobj=file) as packed:
        packed.write(nib.Nifti1Image(np.ones((8, 8, 8, 2), np.int16), np.diag([3.0, 3, 3, 1])).to_bytes())
    (dwi / f"{person}_dwi.bval").write_text("0 1000\n")
    (dwi / f"{person}_dwi.bvec").write_text("0 1\n0 0\n0 0\n")


def command(root: Path, output: Path, workers: int) -> list[str]:
    """Return the run's command line."""
    return [
        sys.executable,
        "-m",
        "efface",
        "bids",
        str(root),
        str(output),
        "participant",
        "--workers",
        str(workers),
        "--json",
    ]


def run(root: Path, output: Path, workers: int) -> tuple[dict, float]:
    """Run to the end; return the command's document and the seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(command(root, output, workers), capture_output=True, text=True, check=False)
    if not done.stdout:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout), time.perf_counter() - began


def killed(root: Path, output: Path, workers: int, scans: int) -> int:
    """Start a run and kill it, with its workers, once some scans are done; return how many were."""
    logs = output.with_name(f"{output.name}_efface") / "logs"
    with subprocess.Popen(command(root, output, workers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          start_new_session=True) as process:  # fmt: skip
        while process.poll() is None and lines(logs) < max(1, scans // 3):
            time.sleep(0.2)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return lines(logs)


def lines(logs: Path) -> int:
    """Return how many scans are in the logs."""
    return sum(path.read_bytes().count(b"\n") for path in logs.glob("*.jsonl")) if logs.is_dir() else 0


def bytes_of(output: Path) -> dict[str, str]:
    """Return the checksum of every file of a dataset."""
    files = sorted(path for path in output.rglob("*") if path.is_file())
    return {path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def validator_errors(output: Path) -> int | None:
    """Return how many errors the BIDS validator finds; None where it is not installed."""
    program = Path(sys.executable).with_name("bids-validator-deno")
    if not program.exists():
        return None
    done = subprocess.run([program, str(output), "--json"], capture_output=True, text=True, check=False)
    issues = json.loads(done.stdout)["issues"]["issues"]
    for issue in issues:
        if issue["severity"] == "error":
            print("validator:", issue, flush=True)
    return sum(issue["severity"] == "error" for issue in issues)


def measure(folder: Path, scans: int, spacing: float, workers: int) -> dict[str, object]:
    """Do everything; return what is printed."""
    root = folder / "raw"
    expected = make(root, scans, spacing)
    one, one_s = run(root, folder / "one", 1)
    several, several_s = run(root, folder / "several", workers)
    before = killed(root, folder / "killed", workers, scans)
    resumed, _ = run(root, folder / "killed", workers)
    came = {scan["output"]: scan["status"] for scan in several["scans"]}
    wrong = {name: came.get(name) for name, status in expected.items() if came.get(name) != status}
    shared = bytes_of(folder / "several")
    images = {name for name in shared if name.endswith(".nii.gz")}
    allowed = {name for name, status in came.items() if status == "verified"}
    return {
        "scans": scans, "spacing_mm": spacing, "counts": several["counts"], "not as expected": wrong,
        "images in the output that were not verified": sorted(images - allowed),
        "validator errors": validator_errors(folder / "several"),
        "killed after": before, "counts after resuming": resumed["counts"],
        "same bytes: 1 worker, several, killed and resumed":
            bytes_of(folder / "one") == shared == bytes_of(folder / "killed"),
        "seconds, 1 worker": round(one_s, 1), f"seconds, {workers} workers": round(several_s, 1),
        "throughput, several over 1": round(one_s / several_s, 2),
        "scans per hour, 1 worker": round(3600 * len(one["scans"]) / one_s),
        f"scans per hour, {workers} workers": round(3600 * len(several["scans"]) / several_s),
        "peak memory of a worker, MB": max(scan["peak_mb"] or 0 for scan in several["scans"]),
        "cores": len(os.sched_getaffinity(0)), "load when it ended": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=200)
    parser.add_argument("--spacing", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep everything here")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        answer = measure(folder, arguments.scans, arguments.spacing, arguments.workers)
    for name, value in answer.items():
        print(f"{name}: {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(answer, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
