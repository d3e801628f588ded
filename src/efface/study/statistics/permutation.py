"""Paired maps, voxel by voxel: a permutation test whose errors are controlled over all voxels at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from efface.errors import UsageError

EXHAUSTIVE = 12
"""Up to so many pairs, every way to exchange members of pairs is tried."""


@dataclass(frozen=True, eq=False)
class PermutationResult:
    """What a voxel-wise paired test found."""

    t: NDArray[np.float64] = field(repr=False)
    """(V,) paired t statistic of second less first; 0 where nothing differs in any pair."""
    p: NDArray[np.float64] = field(repr=False)
    """(V,) two-sided p-values, uncorrected."""
    p_corrected: NDArray[np.float64] = field(repr=False)
    """(V,) p-values that control the chance of any false finding among all voxels."""
    permutations: int
    """Ways to exchange that were tried, the given one among them."""
    smallest_p: float
    """No p-value can be smaller: of all ways to exchange, the opposite of the given one says the same."""


def paired_permutation_test(
    first: NDArray[np.floating], second: NDArray[np.floating], permutations: int = 1000, seed: int = 0
) -> PermutationResult:
    """Test at every voxel whether the members of pairs differ (Nichols and Holmes 2002, maximum statistic).

    Which member of a pair is first is as good as random if nothing differs, so signs of differences are flipped.

    Parameters
    ----------
    first, second : (pairs, V) arrays
    permutations : ways to flip, the given one among them; with at most `EXHAUSTIVE` pairs all are tried
    seed : of the random ways

    Raises
    ------
    UsageError
        The arrays are no pairs, or fewer than three.
    """
    if first.shape != second.shape or first.ndim != 2 or len(first) < 3:
        message = f"maps of shapes {first.shape} and {second.shape}; give three or more pairs of equally many voxels"
        raise UsageError(message)
    difference = np.asarray(second, float) - np.asarray(first, float)
    squares = (difference**2).mean(axis=0)
    signs = _signs(len(difference), permutations, seed)
    t = _t(signs[:1] @ difference, squares, len(difference))[0]
    reached, most = np.zeros(t.shape), np.empty(len(signs))
    for number, row in enumerate(signs):
        flipped = np.abs(_t(row[None] @ difference, squares, len(difference))[0])
        reached += flipped >= np.abs(t) * (1 - 1e-12)
        most[number] = flipped.max(initial=0)
    beyond = np.searchsorted(np.sort(most), np.abs(t) * (1 - 1e-12), side="left")
    alike = 2 if len(difference) <= EXHAUSTIVE else 1
    return PermutationResult(
        t, reached / len(signs), (len(signs) - beyond) / len(signs), len(signs), alike / len(signs)
    )


def _signs(pairs: int, permutations: int, seed: int) -> NDArray[np.float64]:
    """Return (P, pairs) signs, the first row all 1."""
    if pairs <= EXHAUSTIVE:
        return np.array(list(product((1.0, -1.0), repeat=pairs)))
    drawn = np.random.default_rng(seed).choice((1.0, -1.0), (permutations, pairs))
    drawn[0] = 1
    return drawn


def _t(total: NDArray[np.float64], squares: NDArray[np.float64], pairs: int) -> NDArray[np.float64]:
    """Return t of (P, V) sums of differences whose mean squares are (V,)."""
    mean = total / pairs
    variance = np.maximum(squares - mean**2, 0) / (pairs - 1)
    error = np.sqrt(variance)
    tiny = error <= 1e-12 * np.sqrt(squares)
    return np.asarray(np.where(tiny, np.sign(mean) * 1e12 * (squares > 0), mean / np.where(tiny, 1, error)))
