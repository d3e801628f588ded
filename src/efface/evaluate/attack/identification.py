"""Whom does a probe look like? Ranks in a gallery of known people, with confidence intervals beside chance.

Nothing here knows how alike two pictures or surfaces are found to be: any attack gives the matrix of distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from efface.errors import UsageError


@dataclass(frozen=True)
class Rate:
    """How often the right person was among the nearest few."""

    hits: int
    """Probes whose person was among them."""
    probes: int
    """Probes that could be compared."""
    chance: float
    """The share that guessing would hit."""

    @property
    def share(self) -> float | None:
        """Hits per probe; None without probes."""
        return self.hits / self.probes if self.probes else None

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the exact (Clopper and Pearson 1934) confidence interval of the share; 0 to 1 without probes."""
        tail, misses = (1 - level) / 2, self.probes - self.hits
        low = float(betaincinv(self.hits, misses + 1, tail)) if self.hits else 0.0
        high = float(betaincinv(self.hits + 1, misses, 1 - tail)) if misses else 1.0
        return low, high


@dataclass(frozen=True, eq=False)
class Identification:
    """The outcome of comparing probes with a gallery."""

    ranks: NDArray[np.int64]
    """(P,) place of each probe's own person, 1 the nearest; 0 where the attack could not run."""
    people: int
    """People in the gallery."""

    @property
    def could_not_run(self) -> int:
        """Probes that could not be compared, because no face was found to compare."""
        return int((self.ranks == 0).sum())

    def rate(self, rank: int) -> Rate:
        """Return how often the right person was among the ``rank`` nearest, of the probes that could be compared."""
        ran = self.ranks[self.ranks > 0]
        return Rate(int((ran <= rank).sum()), len(ran), min(rank / self.people, 1.0))


def identify(distances: ArrayLike, probes: Sequence[str], gallery: Sequence[str]) -> Identification:
    """Find the rank of each probe's own person in the gallery.

    Parameters
    ----------
    distances : (P, G) array
        How unlike each probe and each gallery entry are, in any unit; NaN where they could not be compared.
    probes : sequence of P str
        Who each probe is.
    gallery : sequence of G str
        Who each entry is; a person with several entries counts once, by the nearest.

    Returns
    -------
    identification : Identification
        Those who are exactly as near as the right person share the places, half of them before: where all are alike,
        the right person is in the middle, not first. A probe of which nothing could be compared has no rank. A probe
        whose own person alone could not be compared comes last.

    Raises
    ------
    UsageError
        The matrix does not fit the names, or a probe is of nobody in the gallery.
    """
    matrix, people = np.asarray(distances, float), sorted(set(gallery))
    if matrix.shape != (len(probes), len(gallery)) or not gallery:
        message = (
            f"distances of shape {matrix.shape} do not fit {len(probes)} probes and {len(gallery)} gallery entries"
        )
        raise UsageError(message)
    strangers = sorted(set(probes) - set(people))
    if strangers:
        message = f"{', '.join(strangers)} is not in the gallery; leave such probes out, they have no rank"
        raise UsageError(message)
    filled = np.where(np.isnan(matrix), np.inf, matrix)
    nearest = np.stack([filled[:, [name == who for name in gallery]].min(axis=1) for who in people], axis=1)
    own = nearest[np.arange(len(probes)), [people.index(who) for who in probes]][:, None]
    before, alike = (nearest < own).sum(axis=1), (nearest == own).sum(axis=1) - 1
    ranks = 1 + before + np.where(np.isinf(own[:, 0]), alike, (alike + 1) // 2)
    return Identification(np.where(np.isinf(nearest).all(axis=1), 0, ranks), len(people))


def centred(distances: ArrayLike) -> NDArray[np.float64]:
    """Take from each gallery entry's distances their mean over the probes; NaN stays NaN.

    Some people are near to everybody: the average-looking to all faces that were exchanged for an average one. An
    attacker with many probes sees past that.

    Parameters
    ----------
    distances : (P, G) array
        As for `identify`; of a dozen probes or more, as a mean over few is mostly the person's own.
    """
    matrix = np.asarray(distances, float)
    counted = np.isfinite(matrix)
    total = np.where(counted, matrix, 0).sum(axis=0)
    return np.asarray(matrix - total / np.maximum(counted.sum(axis=0), 1))
