"""The scan's own contrast: how bright each tissue is, how uneven the coil, how grainy; measured in kept voxels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.atlas import load_atlas
from efface.fill.average_head import AverageHead
from efface.fill.kept import Kept, Slices, Volume, lattice
from efface.fill.scalp import FROM_MM, TO_MM, scalp_levels
from efface.fill.skin import Skin
from efface.grid import FloatArray, Grid

AnyFloats = NDArray[np.floating[Any]]

LEAST = 40
"""Fewer voxels of a tissue do not say how bright it is."""
SKULL_MM = (1.5, 9.0)
"""How far from the inside of the skull bone is looked for."""
SCALP_MM = 5.5
MUSCLE_MM = 9.0
BONE_SHARE, MARROW_SHARE = 0.2, 0.85
"""Which quantiles of the skull are bone and marrow."""
FLUID_SHARES = (0.05, 0.5, 0.95)
"""Quantiles of what the atlas calls ventricles."""
EVEN = ("white", "grey", "muscle", "skin", "fat")
"""Tissues whose brightness shows how uneven the coil is."""
SAMPLES_OF_EACH = 4000
SPREAD = 0.15
"""How uneven a coil is expected to be: log of its sensitivity, per 100 mm, and per 100 mm squared."""
INDEPENDENT = 200.0
"""How many samples of a tissue are worth: neighbours say the same."""
LIKE = {
    "grey": (("white", 1.0), ("fluid", 1.0), ("muscle", 1.0), ("skin", 1.0)),
    "white": (("grey", 1.0),),
    "muscle": (("skin", 0.85), ("grey", 0.6)),
    "skin": (("muscle", 1.15), ("grey", 0.8)),
    "fat": (("marrow", 1.2), ("skin", 1.3)),
    "marrow": (("fat", 0.7),),
    "bone": (("muscle", 0.2),),
    "fluid": (("grey", 1.0),),
    "mucosa": (("grey", 1.0),),
    "brain": (("white", 1.0),),
}
"""Tissue -> what stands in where none of it is kept, the first that is known, and times what."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """How bright things are in one volume, above the background."""

    levels: dict[str, float]
    """Brightness of each tissue where the coil's sensitivity is 1."""
    inferred: tuple[str, ...]
    """Tissues of which nothing was kept."""
    uneven: FloatArray = field(repr=False)
    """(9,) coefficients of the log of the coil's sensitivity, see `_terms`."""
    limits: tuple[float, float]
    """Lowest and highest log of it that was seen, with room."""
    grain: float
    """Standard deviation of the noise in tissue."""

    def sensitivity(self, grid: Grid) -> Volume:
        """Return the coil's sensitivity on a grid along the atlas's axes, (I, J, K)."""
        ends = [grid.affine[a, 3] + grid.affine[a, a] * np.arange(n) for a, n in enumerate(grid.shape)]
        x, y, z = (one.astype(np.float32) for one in np.ix_(*_scaled(ends)))
        log = sum(np.float32(c) * term for c, term in zip(self.uneven, _terms(x, y, z), strict=True))
        return np.asarray(np.exp(np.clip(log, *self.limits)), np.float32)


@dataclass(frozen=True, eq=False)
class Places:
    """Kept voxels on a lattice, and what tissue they are; the same for every volume."""

    here: Slices
    """The lattice."""
    tissues: dict[str, NDArray[np.intp]] = field(repr=False)
    """Tissue -> flat indices on the lattice."""
    terms: FloatArray = field(repr=False)
    """(voxels, 9) `_terms` of every place of the lattice."""
    depth_mm: FloatArray = field(repr=False)
    """(voxels,) depth below the skin."""


def find_places(kept: Kept, head: AverageHead, skin: Skin) -> Places:
    """Find kept voxels of every tissue: by the atlas, the depth below the skin and the distance from the brain."""
    here = lattice(kept.grid.shape)
    index = np.stack(np.meshgrid(*[np.arange(n)[s] for n, s in zip(kept.grid.shape, here, strict=True)],
                                 indexing="ij"), axis=-1)  # fmt: skip
    matrix = np.asarray(np.linalg.inv(kept.atlas_to_scan) @ kept.grid.affine)
    world = index @ matrix[:3, :3].T + matrix[:3, 3]
    depth = ndimage.map_coordinates(skin.depth_mm, np.moveaxis(head.depth_grid.index(world), -1, 0), order=1, cval=-30)
    pure = ndimage.map_coordinates(head.pure, np.moveaxis(head.pure_grid.index(world), -1, 0), order=0)
    brain, known = kept.brain[here], ~kept.mask[here]
    step = kept.grid.spacing_mm * [s.step for s in here]
    out = ndimage.distance_transform_edt(~brain, sampling=step) if brain.any() else np.full(brain.shape, 99.0)
    found = _tissues(known, brain, depth, out, {n: pure == v for v, n in enumerate(head.pure_classes, 1)})
    terms = np.stack(np.broadcast_arrays(*_terms(*_scaled(np.moveaxis(world, -1, 0)))), axis=-1)
    return Places(
        here, {name: np.flatnonzero(mask) for name, mask in found.items()}, terms.reshape(-1, 9), depth.reshape(-1)
    )


def _tissues(
    known: NDArray[np.bool_],
    brain: NDArray[np.bool_],
    depth: FloatArray,
    out: FloatArray,
    pure: dict[str, NDArray[np.bool_]],
) -> dict[str, NDArray[np.bool_]]:
    outside = known & ~brain
    skull = outside & (out > SKULL_MM[0]) & (out < SKULL_MM[1]) & (depth > SCALP_MM)
    return {
        "white": known & brain & pure["white"],
        "grey": known & brain & pure["grey"],
        "fluid": known & brain & pure["fluid"],
        "muscle": outside & pure["muscle"] & (depth > MUSCLE_MM) & (out > SKULL_MM[1]),
        "skin": outside & (depth > 0.5) & (depth < 2.3),
        "fat": outside & (depth > 2.5) & (depth < 4.8) & (out > SKULL_MM[0]),
        "skull": skull,
        "scalp": outside & (depth > FROM_MM) & (depth < TO_MM) & (out > SKULL_MM[0]),
    }


def _scaled(world: object) -> list[FloatArray]:
    """Return coordinates from the brain's middle in 100 mm."""
    return [np.asarray((axis - m) / 100) for axis, m in zip(world, load_atlas().brain_center, strict=True)]  # type: ignore[call-overload]


def _terms(x: AnyFloats, y: AnyFloats, z: AnyFloats) -> list[AnyFloats]:
    """Return the terms of a quadratic without its constant."""
    return [x, y, z, x * x, y * y, z * z, x * y, y * z, x * z]


def measure_contrast(kept: Kept, threshold: float, places: Places, volume: int | None = None) -> Contrast:
    """Measure one volume.

    Parameters
    ----------
    kept : what is kept of the scan
    threshold : between air and head; darker skin is a misfit
    places : where each tissue is kept
    volume : of a 4-D scan; the mean of the first ones if not given
    """
    seen = kept.brightness(places.here, volume).reshape(-1)
    tissues = dict(places.tissues)
    for name in ("skin", "fat"):
        tissues[name] = tissues[name][seen[tissues[name]] > threshold / 2]
    uneven, limits = _unevenness(seen, {n: tissues[n] for n in EVEN}, places.terms)
    even = {n: seen[at] / np.exp(np.clip(places.terms[at] @ uneven, *limits)) for n, at in tissues.items()}
    levels = {n: float(np.median(one)) for n, one in even.items() if len(one) >= LEAST and n not in ("skull", "scalp")}
    if "fluid" in levels and {"grey", "white"} <= set(levels):
        levels["fluid"] = _fluid(even["fluid"], levels["grey"], levels["white"])
    scalp = scalp_levels(places.depth_mm[tissues["scalp"]], even["scalp"])
    if scalp is not None:
        levels["skin"], levels["fat"] = scalp
    if len(even["skull"]) >= LEAST:
        levels["bone"], levels["marrow"] = (float(q) for q in np.quantile(even["skull"], (BONE_SHARE, MARROW_SHARE)))
    inferred = tuple(name for name in LIKE if name not in levels and name != "brain")
    return Contrast(_complete(levels, threshold), inferred, uneven, limits, _grain(kept, places, volume))


def _fluid(values: FloatArray, grey: float, white: float) -> float:
    """Return how bright fluid is: the end of the ventricles' range that is least like brain, which young ones hold."""
    darkest, brightest = sorted((grey, white))
    low, middle, high = (float(q) for q in np.quantile(values, FLUID_SHARES))
    if middle < darkest or middle > brightest:
        return middle
    return low if darkest - low > high - brightest else high


def _complete(levels: dict[str, float], threshold: float) -> dict[str, float]:
    """Give every tissue a level, by tissues like it."""
    levels = dict(levels)
    for _ in range(3):
        for name, likes in LIKE.items():
            known = [times * levels[like] for like, times in likes if like in levels]
            if name not in levels and known:
                levels[name] = known[0]
    return {name: max(0.0, levels.get(name, 2 * threshold)) for name in LIKE}


def _unevenness(
    seen: Volume, tissues: dict[str, NDArray[np.intp]], terms: FloatArray
) -> tuple[FloatArray, tuple[float, float]]:
    """Fit the coil's sensitivity: one quadratic for the logs of all tissues, each with a level of its own; robust."""
    rows, logs, weights = [], [], []
    for at in tissues.values():
        bright = at[seen[at] > 0]
        bright = bright[:: max(1, len(bright) // SAMPLES_OF_EACH)]
        if len(bright) >= LEAST:
            rows.append(terms[bright])
            logs.append(np.log(seen[bright].astype(float)))
            weights.append(np.full(len(bright), INDEPENDENT / len(bright)))
    if not rows:
        return np.zeros(9), (0.0, 0.0)
    groups = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
    design, log, base = np.concatenate(rows), np.concatenate(logs), np.concatenate(weights)
    fitted, robust = np.zeros(9), np.ones_like(base)
    for _ in range(5):
        left = log - design @ fitted
        middle = np.array([np.median(left[groups == group]) for group in range(len(rows))])
        left -= middle[groups]
        spread = np.array([1.4826 * np.median(np.abs(left[groups == g])) + 0.02 for g in range(len(rows))])[groups]
        robust = base / spread**2 / (1 + (left / (2 * spread)) ** 2) ** 2
        normal = (design * robust[:, None]).T @ design + np.eye(9) / SPREAD**2
        fitted = np.linalg.solve(normal, (design * robust[:, None]).T @ (log - middle[groups]))
    low, high = np.quantile(design @ fitted, (0.01, 0.99))
    return fitted, (float(low) - 0.1, float(high) + 0.1)


def _grain(kept: Kept, places: Places, volume: int | None) -> float:
    """Return the noise in tissue: half the variance of the difference of neighbours, in the calmest tissue."""
    (x, y, z), last = places.here, kept.grid.shape[0] - 1
    here, beside = (kept.brightness((slice(a, last + a, x.step), y, z), volume) for a in (0, 1))
    apart = (beside - here).reshape(-1)
    found = []
    for name in ("white", "muscle"):
        at = places.tissues[name]
        inside = at[at < len(apart)]
        if len(inside) >= LEAST:
            found.append(1.4826 * float(np.median(np.abs(apart[inside]))) / np.sqrt(2))
    return min(found, default=0.0)
