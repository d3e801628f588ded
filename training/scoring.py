"""Dice per class and per condition on synthetic scans of people who were not trained on."""

from __future__ import annotations

import numpy as np
import torch

from classes import CLASSES, FACE, INTRACRANIAL, NINE, VALUE
from heads import Head
from network import AnatomyNet, Labeller
from synthesis import CONDITIONS, draw

INSIDE = [VALUE[name] for name in INTRACRANIAL]
MIN_VOXELS = 20
"""A class with fewer voxels in view is not scored."""


def dice_table(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Return Dice of every class in view, and of the brain (everything inside the skull)."""
    n = len(CLASSES)
    counts = np.bincount(found.ravel().astype(np.int64) * n + true.ravel(), minlength=n * n).reshape(n, n)
    sums = counts.sum(axis=0) + counts.sum(axis=1)
    table = {
        name: 2 * counts[value, value] / sums[value]
        for value, name in enumerate(CLASSES)
        if counts[:, value].sum() >= MIN_VOXELS
    }
    inner = counts[np.ix_(INSIDE, INSIDE)].sum()
    whole = counts[INSIDE].sum() + counts[:, INSIDE].sum()
    return {**table, "brain": 2 * inner / max(whole, 1)}


def summary(table: dict[str, float]) -> dict[str, float]:
    """Return the numbers that are looked at: brain, the nine regions' mean, eyes, other face parts."""

    def mean(*names: str) -> float:
        values = [value for key, value in table.items() if any(key.endswith(name) for name in names)]
        return round(float(np.mean(values)), 4) if values else float("nan")

    return {
        "brain": round(float(table["brain"]), 4), "nine": mean(*NINE, "ventricles"), "eyes": mean("_eye"),
        "ears": mean("_ear"), "nose": mean("nose"), "face": mean(*FACE),
    }  # fmt: skip


class Validation:
    """A fixed set of synthetic scans, drawn once."""

    def __init__(self, heads: list[Head], tiles: np.ndarray, per_condition: int) -> None:
        self.scans = [
            (condition, draw(heads, tiles, (977, number), condition))
            for condition in CONDITIONS
            for number in range(per_condition * (4 if condition == "any" else 1))
        ]

    def score(self, net: AnatomyNet, device: str) -> dict[str, dict[str, float]]:
        """Return per condition, and over all scans, the mean Dice; ``all`` also holds every class."""
        labeller = Labeller(net, INSIDE).eval()
        tables: dict[str, list[dict[str, float]]] = {}
        for condition, scan in self.scans:
            image = torch.from_numpy(scan.image)[None, None].to(device)
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
                found = labeller(image)[0][0].cpu().numpy()
            tables.setdefault(condition, []).append(dice_table(found, scan.classes))
        everything = [table for group in tables.values() for table in group]
        mean = _mean(everything)
        return {
            "all": summary(mean) | {name: round(value, 4) for name, value in mean.items()},
            **{condition: summary(_mean(group)) for condition, group in tables.items()},
        }


def _mean(tables: list[dict[str, float]]) -> dict[str, float]:
    """Average tables; a class counts where it is in view."""
    names = {name for table in tables for name in table}
    return {name: float(np.mean([table[name] for table in tables if name in table])) for name in sorted(names)}
