"""Where the brain is, beside deepbet: time, memory and agreement on the same scans.

    python benchmarks/intracranial.py SCAN.nii.gz [...] --deepbet PYTHON [--repeats 3] [--threads 2]

``PYTHON`` is an interpreter with the package deepbet (Fisch et al. 2024, Computers in Biology and Medicine 179:108845).
Each tool runs in a process of its own per scan: it is imported, run once to warm up, then timed; what is timed is
finding the brain in a scan that was read, for deepbet its models loaded too. Dice is between `efface.locate`'s inside
of the skull and deepbet's mask. They do not mean quite the same: deepbet was trained on brain masks with little fluid.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

EFFACE = """
import json, resource, sys, time
import efface, numpy as np
scan = efface.read_scan(sys.argv[1])
times = []
for _ in range(1 + int(sys.argv[3])):
    began = time.perf_counter()
    anatomy = efface.locate(scan)
    times.append(time.perf_counter() - began)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
np.save(sys.argv[2], anatomy.brain)
print(json.dumps([times[1:], peak, anatomy.confidence]))
"""
DEEPBET = """
import json, resource, sys, time
import numpy as np, nibabel as nib, torch
from deepbet import BrainExtraction
torch.set_num_threads(int(sys.argv[4]))
tool = BrainExtraction(no_gpu=True)
image = nib.load(sys.argv[1])
times = []
for _ in range(1 + int(sys.argv[3])):
    began = time.perf_counter()
    mask = tool.run(image)[1]
    times.append(time.perf_counter() - began)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
mask = np.asarray(mask.dataobj).reshape(image.shape[:3]) > 0
np.save(sys.argv[2], mask)
print(json.dumps([times[1:], peak, None]))
"""


def run(program: list[str], scan: Path, mask: Path, repeats: int, threads: int) -> tuple[float, float, float | None]:
    """Return the median time, s, the peak memory, MB, and the confidence of one tool on one scan."""
    command = [*program, str(scan), str(mask), str(repeats), str(threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    times, peak, sure = json.loads(done.stdout.splitlines()[-1])
    return statistics.median(times), peak / 1024, sure


def main() -> None:
    """Print one row per scan."""
    import numpy as np

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", type=Path, nargs="+")
    parser.add_argument("--deepbet", required=True, metavar="PYTHON")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    heads = ("scan", "efface s", "MB", "deepbet s", "MB", "x time", "Dice", "confidence")
    print(f"{heads[0]:<28}" + "".join(f"{head:>12}" for head in heads[1:]))
    with tempfile.TemporaryDirectory() as folder:
        for scan in arguments.scans:
            files = Path(folder) / "efface.npy", Path(folder) / "deepbet.npy"
            ours = run([sys.executable, "-c", EFFACE], scan, files[0], arguments.repeats, arguments.threads)
            theirs = run([arguments.deepbet, "-c", DEEPBET], scan, files[1], arguments.repeats, arguments.threads)
            one, two = (np.load(file) for file in files)
            dice = 2 * (one & two).sum() / (one.sum() + two.sum())
            values = (*ours[:2], *theirs[:2], ours[0] / theirs[0], dice, ours[2])
            print(f"{scan.name[:27]:<28}" + "".join(f"{value:>12.3f}" for value in values), flush=True)


if __name__ == "__main__":
    main()
