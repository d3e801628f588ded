"""How likely the two looks are right, from what they themselves can tell.

A network is sure of itself more often than it is right. Here what it expects of its brain mask, and how well the
atlas's brain lies in what it saw, are weighed by a logistic regression that was fitted to people it never met
(``training/calibrate.py``), so that of the scans called 90 % sure about 90 % are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from efface.atlas import load_atlas
from efface.spatial.placing import Placement

STRUCTURES = len(load_atlas().centroids)
"""Brain structures that the atlas knows."""


@dataclass(frozen=True)
class Evidence:
    """What speaks for or against two looks at a scan."""

    expected_dice: float
    """Dice overlap of the brain mask with the truth, if the second look's probabilities are right."""
    agreement: float
    """Dice overlap of both looks' brains."""
    centroid_error_mm: float
    """Median distance of brain structures from the atlas's, once it is placed."""
    surface_error_mm: float
    """The same of the brain's surface."""
    structures: int
    """Brain structures wholly in view."""

    def numbers(self) -> list[float]:
        """Return what the regression weighs: the constant first, everything in reach of 1."""
        return [
            1.0,
            _log_odds(self.expected_dice),
            _log_odds(self.agreement),
            min(self.centroid_error_mm, 20.0) / 4,
            min(self.surface_error_mm, 20.0) / 2,
            self.structures / STRUCTURES,
        ]


def confidence(evidence: Evidence, weights: Sequence[float]) -> float:
    """Return the probability that the brain and the placement are right, 0 to 1."""
    return float(1 / (1 + np.exp(-np.dot(evidence.numbers(), weights))))


def evidence_of(first: NDArray[np.bool_], probability: NDArray[np.float32], placement: Placement) -> Evidence:
    """Gather what both looks tell.

    Parameters
    ----------
    first : (X, Y, Z) bool array, what the first look takes for the inside of the skull
    probability : (X, Y, Z) float32 array on the same grid, the second look's
    placement : of the atlas, by the second look
    """
    inside = probability > 0.5
    sure, all_of_it = (float(part.sum(dtype=float)) for part in (probability[inside], probability))
    return Evidence(
        expected_dice=_ratio(2 * sure, all_of_it + float(inside.sum())),
        agreement=_ratio(2 * float((first & inside).sum()), float(first.sum()) + float(inside.sum())),
        centroid_error_mm=placement.centroid_error_mm,
        surface_error_mm=placement.surface_error_mm,
        structures=placement.structures,
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _log_odds(share: float) -> float:
    share = min(max(share, 0.01), 0.999)
    return float(np.log(share / (1 - share)))
