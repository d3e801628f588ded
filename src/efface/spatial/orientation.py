"""Turns by right angles, for scans whose header names the wrong axes."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from efface.grid import FloatArray, Grid


def _turns() -> tuple[FloatArray, ...]:
    """Return the 24 proper turns as (4, 4) matrices, none first."""
    found = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        matrix = np.eye(4)
        matrix[:3, :3] = 0
        matrix[range(3), order] = signs
        if np.linalg.det(matrix) > 0:
            found.append(matrix)
    return tuple(sorted(found, key=lambda matrix: -float(np.trace(matrix))))


TURNS = _turns()
"""The 24 turns, the identity first."""
UPRIGHT_DEG = 12.0
"""A head that leans no more than this lies upright."""


def turned(grid: Grid, turn: FloatArray) -> Grid:
    """Return a grid with its world turned; ``turn`` (4, 4) carries the old world's points to the new one's."""
    return Grid(grid.shape, turn @ grid.affine)


def upright(matrix: FloatArray) -> FloatArray:
    """Return the rotation in a (4, 4) matrix as a turn, scales and shift left aside; none where it is small."""
    u, _, vt = np.linalg.svd(matrix[:3, :3])
    turn = np.eye(4)
    if np.trace(u @ vt) < 1 + 2 * np.cos(np.radians(UPRIGHT_DEG)):
        turn[:3, :3] = u @ vt
    return turn


def nearest_turn(matrix: FloatArray) -> FloatArray:
    """Return which of the turns comes nearest to the rotation in a (4, 4) matrix, scales and shift left aside."""
    u, _, vt = np.linalg.svd(matrix[:3, :3])
    return max(TURNS, key=lambda turn: float(np.trace((u @ vt).T @ turn[:3, :3])))
