"""Fit how sure the network may be of itself, and show error against confidence.

    python benchmarks/accuracy.py WORK --held-out 1 7 13 20 --per-condition 10 --json ROWS.json
    python training/calibrate.py ROWS.json [--write MODEL_DIR]

A scan is wrong where the brain's Dice is below 0.9, or the atlas's eyes land more than 15 mm from the scan's. The
table is cross-validated: every scan is judged with weights that were fitted without this person's scans. ``--write``
puts weights fitted to all scans into the model folder's ``labels.json``, and the table's figures beside them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from efface.network.confidence import Evidence

WRONG_DICE, WRONG_MM = 0.9, 15.0
SHRINK = 0.02
"""Pull of the weights to zero, so that few wrong scans cannot make them wild."""
LEVELS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (N, F) evidence, (N,) whether the scan was right, (N,) whose it was (objects dealt out).

    Scans refused at once are left out.
    """
    rows = [row for group in json.loads(path.read_text("utf-8")).values() for row in group if not row["refused"]]
    evidence, right = [], []
    for row in rows:
        given = {name.removeprefix("evidence "): value for name, value in row.items() if name.startswith("evidence ")}
        evidence.append(Evidence(**given).numbers())
        off = max([value for name, value in row.items() if name.endswith("_carried")], default=0.0)
        right.append(row["brain"] >= WRONG_DICE and off <= WRONG_MM)
    person = np.array([row["head"] for row in rows])
    people, objects = np.unique(person[person > 0]), np.flatnonzero(person == 0)
    person[objects] = people[np.arange(len(objects)) % len(people)]
    return np.array(evidence), np.array(right), person


def fitted(evidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the weights of a logistic regression."""
    sign = np.where(right, 1.0, -1.0)

    def loss(weights: np.ndarray) -> float:
        return float(np.logaddexp(0, -sign * (evidence @ weights)).mean() + SHRINK * (weights[1:] ** 2).mean())

    return minimize(loss, np.zeros(evidence.shape[1]), method="BFGS").x


def cross_validated(evidence: np.ndarray, right: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return (N,) confidence of every scan, by weights fitted without this person's scans."""
    scores = np.empty(len(right))
    for one in np.unique(person):
        weights = fitted(evidence[person != one], right[person != one])
        scores[person == one] = 1 / (1 + np.exp(-evidence[person == one] @ weights))
    return scores


def table(scores: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """Return, per level of confidence, how many scans fall below it and how many wrong ones are left above it."""
    return [
        {
            "at least": level,
            "refused": float((scores < level).mean()),
            "wrong left": int((~right & (scores >= level)).sum()),
            "mean confidence": float(scores[scores >= level].mean()) if (scores >= level).any() else float("nan"),
            "right": float(right[scores >= level].mean()) if (scores >= level).any() else float("nan"),
        }
        for level in LEVELS
    ]


def main() -> None:
    """Print the table and, if asked, record the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--write", type=Path, metavar="MODEL_DIR")
    arguments = parser.parse_args()
    evidence, right, person = read(arguments.rows)
    scores = cross_validated(evidence, right, person)
    none_left = float(scores[~right].max()) if (~right).any() else 0.0
    refused = float((scores <= none_left).mean()) if (~right).any() else 0.0
    print(f"{len(right)} scans, {(~right).sum()} wrong; none is left above {none_left:.3f}: {refused:.1%} refused")
    for row in table(scores, right):
        print("  ".join(f"{name} {value:.3f}" for name, value in row.items()))
    if arguments.write:
        path = arguments.write / "labels.json"
        described = json.loads(path.read_text("utf-8"))
        described["confidence"] = {
            "weights": [round(float(weight), 4) for weight in fitted(evidence, right)],
            "scans": len(right), "wrong": int((~right).sum()), "no_wrong_above": round(none_left, 4),
            "refused_there": round(refused, 4), "by": "training/calibrate.py",
        }  # fmt: skip
        path.write_text(json.dumps(described, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
