"""How often is an audit right? Synthetic heads with their face, without it, with a new one, and stripped.

    python benchmarks/auditing.py [--people 60] [--seed 1] [--json OUT]

Each person is scanned in a random contrast, size, resolution (isotropic or thick slices), orientation and pose. Of
each five scans are judged: as it is; defaced by `anatomy`, by `template-mask`; refaced; stripped to the brain. What
efface itself refuses is left out and counted. Printed are what was found beside what is true, the shares of skin
on which it rests, and how often a face was called gone, with its 95 % interval (Wilson 1927).
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from wilson import wilson

from efface import phantom
from efface.atlas import FEATURES
from efface.auditing.findings import Finding, Kind
from efface.auditing.judging import judge
from efface.io import read_scan
from efface.pipeline import deface_scan
from efface.scan import Scan

CONTRASTS = ("T1w", "T2w", "FLAIR", "PDw")
SPACINGS = ((1.0, 1.0, 1.0), (1.5, 1.5, 1.5), (2.0, 2.0, 2.0), (1.0, 1.0, 5.0), (5.0, 1.0, 1.0), (1.0, 4.0, 1.0))
ORIENTATIONS = ("RAS", "LPS", "LAS", "PIR")
WAYS = {
    "defaced, anatomy": {"method": "anatomy"},
    "defaced, template-mask": {"method": "template-mask"},
    "refaced": {"method": "anatomy", "fill": "reface"},
}
RIGHT = {
    "faced": Kind.FACE, "refaced": Kind.REFACED, "stripped": Kind.STRIPPED, "refused": None,
    "defaced, anatomy": Kind.DEFACED, "defaced, template-mask": Kind.DEFACED,
}  # fmt: skip


def person(rng: np.random.Generator, seed: int) -> phantom.Phantom:
    """Draw one person's scan."""
    return phantom.make(
        str(rng.choice(CONTRASTS)),
        spacing_mm=SPACINGS[rng.integers(len(SPACINGS))],
        orientation=str(rng.choice(ORIENTATIONS)),
        size=float(rng.uniform(0.65, 1.06)),
        turn_deg=tuple(rng.uniform(-10, 10, 3)),
        seed=seed,
    )


def versions(one: phantom.Phantom) -> Iterator[tuple[str, Scan | None]]:
    """Return what is true of each version of a scan, and the scan; None where efface refused to make it."""
    scan = read_scan(one.image)
    yield "faced", scan
    for name, options in WAYS.items():
        result = deface_scan(scan, **options)
        yield name, result.scan if result.verdict.passed else None
    yield "stripped", scan.with_stored(np.where(one.where("brain"), scan.stored, scan.stored.dtype.type(0)))


def run(people: int, seed: int) -> tuple[dict[str, list[Finding]], dict[str, int], list[float]]:
    """Judge everybody; return findings by truth, what was refused, and seconds per scan."""
    rng, findings, refused, seconds = np.random.default_rng(seed), defaultdict(list), Counter(), []
    for number in range(people):
        for truth, scan in versions(person(rng, 30_000 + 1000 * seed + number)):
            if scan is None:
                refused[truth] += 1
                continue
            began = time.perf_counter()
            finding = judge(scan, Path(f"{number}"))
            seconds.append(time.perf_counter() - began)
            findings[truth].append(finding)
            if finding.kind is not RIGHT[truth]:
                print(number, truth, "->", finding.kind.value, finding.reason, dict(finding.shares), flush=True)
    return findings, refused, seconds


def summary(findings: dict[str, list[Finding]], refused: dict[str, int], seconds: list[float]) -> dict[str, object]:
    """Return what is printed."""
    faced = findings["faced"]
    gone = sum(one.kind not in (Kind.FACE, Kind.UNSURE) for one in faced)
    shares = {
        truth: [share for one in each for name, share in one.shares.items() if share is not None and name in FEATURES]
        for truth, each in findings.items()
    }
    return {
        "found": {truth: dict(Counter(one.kind.value for one in each)) for truth, each in findings.items()},
        "refused by efface": dict(refused),
        "right": sum(one.kind is RIGHT[truth] for truth, each in findings.items() for one in each),
        "of": sum(len(each) for each in findings.values()),
        "faces called gone": gone,
        "interval": [round(end, 4) for end in wilson(gone, len(faced))],
        "shares of a feature, percentiles 0 1 5 50 95 99 100": {
            truth: np.percentile(each, (0, 1, 5, 50, 95, 99, 100)).round(2).tolist()
            for truth, each in shares.items() if each
        },
        "seconds per scan, median": round(float(np.median(seconds)), 2),
    }  # fmt: skip


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    answer = summary(*run(arguments.people, arguments.seed))
    print(json.dumps(answer, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(answer, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
