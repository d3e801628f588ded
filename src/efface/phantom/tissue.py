"""The phantom's head: the average head's tissues made somebody's, and turned into MR signal.

The average has no fat, no lens, no turbinates and hardly any sulci, as averages have none; they are drawn in at random.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, special

from efface.atlas import Atlas, load_atlas, load_probabilities
from efface.grid import FloatArray, Grid

Volume = NDArray[np.float32]
Labels = NDArray[np.uint8]

CONTRASTS = ("T1w", "T1wCE", "T2w", "FLAIR", "PDw")
"""T1wCE is T1w with a contrast agent: vessels, dura and mucosa light up."""
SIGNAL: dict[str, tuple[float, ...]] = {
    # white matter on T1w is 1:   T1w  T1wCE  T2w  FLAIR  PDw   texture
    "air": (0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
    "skin": (0.62, 0.80, 0.60, 0.75, 0.85, 0.05),
    "soft_tissue": (0.52, 0.58, 0.40, 0.50, 0.80, 0.09),
    "bone": (0.12, 0.12, 0.08, 0.08, 0.14, 0.20),
    "marrow": (0.85, 0.88, 0.75, 0.75, 0.85, 0.15),
    "csf": (0.20, 0.20, 2.30, 0.16, 1.15, 0.04),
    "dura": (0.45, 1.70, 0.35, 0.45, 0.60, 0.10),
    "artery": (0.75, 2.10, 0.12, 0.14, 0.30, 0.10),
    "ventricles": (0.17, 0.17, 2.45, 0.12, 1.20, 0.03),
    "cerebral_grey_matter": (0.68, 0.71, 1.25, 1.15, 1.15, 0.04),
    "cerebral_white_matter": (1.00, 1.01, 0.85, 0.85, 0.92, 0.025),
    "caudate": (0.72, 0.74, 1.15, 1.08, 1.08, 0.03),
    "putamen": (0.77, 0.79, 1.05, 1.02, 1.05, 0.03),
    "thalamus": (0.83, 0.85, 1.05, 1.00, 1.03, 0.04),
    "hippocampus": (0.68, 0.70, 1.30, 1.22, 1.15, 0.04),
    "other_deep_grey_matter": (0.86, 0.88, 0.88, 0.90, 1.00, 0.04),
    "brainstem": (0.92, 0.93, 0.95, 0.95, 0.97, 0.04),
    "cerebellar_grey_matter": (0.66, 0.69, 1.25, 1.08, 1.12, 0.06),
    "cerebellar_white_matter": (0.97, 0.98, 0.87, 0.86, 0.93, 0.03),
    "spinal_cord": (0.88, 0.89, 0.95, 0.92, 0.97, 0.04),
    "eye": (0.20, 0.20, 2.30, 0.22, 1.15, 0.02),
    "optic_nerve": (0.78, 0.80, 0.95, 0.95, 1.00, 0.04),
    "nasal_cavity": (0.50, 1.30, 1.70, 1.30, 1.10, 0.12),
    "fat": (1.30, 1.32, 1.45, 1.40, 1.20, 0.08),
    "lens": (0.55, 0.55, 0.45, 0.45, 0.75, 0.03),
}
NECK_CUT = np.array([0.0, -99.0, -112.0])
"""A point of the plane below which the average's neck is not whole, RAS+ mm."""
NECK_DOWN = np.array([0.0, -0.28, -0.96])
"""Where the neck goes from there, a unit vector: it is continued as it is at the plane."""
ADDED_BELOW_MM = 45.0
"""How far the neck is continued below the atlas."""
SHARPNESS = 2.5
"""Power to which tissue probabilities are raised, so that the average's blur becomes an edge."""
SKIN_BLUR_MM, SKIN_SHARPNESS = 1.7, 2.2
"""The same for the edge between air and tissue, blurred first: the average's skin is a staircase."""
TILE = 96
"""Voxels after which random texture repeats."""


@dataclass(frozen=True, eq=False)
class Head:
    """One person's head in the atlas's frame, before shape and pose."""

    grid: Grid
    """The atlas's grid, continued below; RAS+ mm."""
    signal: Volume = field(repr=False)
    """(I, J, K) signal without noise, white matter on T1w about 1."""
    tissues: Labels = field(repr=False)
    """(I, J, K) tissue, as in ``Atlas.tissues``."""
    regions: Labels = field(repr=False)
    """(I, J, K) region, as in ``Atlas.regions``."""


@dataclass(frozen=True, eq=False)
class _Substrate:
    """What all phantoms share, at the N voxels that may hold tissue."""

    grid: Grid
    regions: Labels = field(repr=False)
    at: NDArray[np.intp] = field(repr=False)
    """(N,) flat indices of the voxels on the grid."""
    weights: Labels = field(repr=False)
    """(tissues, N) sharpened probabilities in 1/255."""
    depth_mm: Volume = field(repr=False)
    """(N,) depth below the skin, up to about 12 mm."""
    inner: Volume = field(repr=False)
    """(N,) how surely CSF here is the average's misfit of many sulci, 0 to 1."""
    lens: Volume = field(repr=False)
    """(N,) share of the lens in the eye."""
    orbit: Volume = field(repr=False)
    """(N,) share of fat among the orbit's soft tissue."""
    in_tile: NDArray[np.intp] = field(repr=False)
    """(N,) flat indices into a tile of random texture."""


@lru_cache(maxsize=4)
def draw_head(contrast: str, seed: int) -> Head:
    """Draw a head's inside at random; cached.

    Parameters
    ----------
    contrast : one of `CONTRASTS`
    seed : the person; the same in every contrast
    """
    base, names = _substrate(), list(SIGNAL)
    rng = np.random.default_rng([seed, 1])
    weights = np.zeros((len(names), len(base.at)), np.float32)
    weights[: len(base.weights)] = base.weights
    _fold(weights, base, rng)
    weights /= weights.sum(axis=0)
    labels = weights.argmax(axis=0).astype(np.uint8)
    _part_soft_tissue(weights, base, rng)
    _open_nose(weights, base, rng)
    table = np.array([SIGNAL[name] for name in names], np.float32)
    texture = (0.8 * _noise(base, rng, 1.2) + 0.6 * _noise(base, rng, 6.0)) * (table[:, -1] @ weights)
    signal = (table[:, CONTRASTS.index(contrast)] @ weights) * np.clip(1 + texture, 0.3, 2)
    return Head(base.grid, _spread(signal, base), _spread(labels, base), base.regions)


def _spread(values: NDArray[Any], base: _Substrate) -> NDArray[Any]:
    """Put (N,) values on the grid; air elsewhere."""
    volume = np.zeros(base.grid.shape, values.dtype)
    volume.reshape(-1)[base.at] = values
    return volume


def _row(name: str) -> int:
    return list(SIGNAL).index(name)


def _fold(weights: Volume, base: _Substrate, rng: np.random.Generator) -> None:
    """Let chance decide between cortex, white matter and CSF where the average is undecided: gyri and folia."""
    coarse, fine = _noise(base, rng, 2.6), _noise(base, rng, 1.5)
    weights[_row("cerebral_grey_matter")] += 0.8 * base.inner * weights[_row("csf")]
    for name, change in (
        ("csf", 2.0 * coarse - 1.2),
        ("cerebral_white_matter", -1.6 * coarse),
        ("cerebellar_white_matter", -1.2 * fine),
    ):
        weights[_row(name)] *= np.exp(change)


def _part_soft_tissue(weights: Volume, base: _Substrate, rng: np.random.Generator) -> None:
    """Part what is neither brain nor bone into skin, fat below it and around the eyes, and muscle with fat between."""
    soft = weights[_row("skin")] + weights[_row("soft_tissue")]
    skin = special.expit((1.6 - base.depth_mm) / 0.3)
    thickness = 5.5 + 1.3 * _noise(base, rng, 12.0)
    under_skin = special.expit((thickness - base.depth_mm) / 0.5)
    sheets = np.exp(-((_noise(base, rng, (4, 4, 14)) / 0.2) ** 2)) * special.expit(2 * _noise(base, rng, 10.0))
    fat = (1 - skin) * np.maximum(np.maximum(under_skin, 0.7 * sheets), base.orbit)
    weights[_row("skin")] = soft * skin
    weights[_row("fat")] = soft * fat
    weights[_row("soft_tissue")] = soft * (1 - skin - fat)
    weights[_row("lens")] = weights[_row("eye")] * base.lens
    weights[_row("eye")] *= 1 - base.lens


def _open_nose(weights: Volume, base: _Substrate, rng: np.random.Generator) -> None:
    """Fill the nasal cavity with turbinates and air; its front, near the skin, is solid."""
    cavity = weights[_row("nasal_cavity")].copy()
    solid = special.expit((9 - base.depth_mm) / 1.0)
    mucosa = special.expit(4 * (_noise(base, rng, 2.0) + 0.2))
    weights[_row("nasal_cavity")] = cavity * (1 - solid) * mucosa
    weights[_row("air")] += cavity * (1 - solid) * (1 - mucosa)
    weights[_row("soft_tissue")] += cavity * solid


def _noise(base: _Substrate, rng: np.random.Generator, scale_mm: ArrayLike) -> Volume:
    """Return (N,) smooth noise of unit variance; features are about ``4 * scale_mm`` apart."""
    tile = rng.standard_normal((TILE,) * 3, dtype=np.float32)
    tile = ndimage.gaussian_filter(tile, np.asarray(scale_mm) / base.grid.spacing_mm, mode="wrap", truncate=3)
    tile /= tile.std()
    return np.asarray(tile.reshape(-1)[base.in_tile])


@lru_cache(maxsize=1)
def _substrate() -> _Substrate:
    """Prepare what all phantoms share; cached."""
    atlas, maps = load_atlas(), load_probabilities()
    if tuple(SIGNAL)[: len(atlas.tissue_names)] != atlas.tissue_names:
        message = f"the atlas's tissues {atlas.tissue_names} are not the phantom's {tuple(SIGNAL)}; update SIGNAL"
        raise ValueError(message)
    grid, source = _continued(atlas)
    air = maps[..., 0].reshape(-1)[source] / np.float32(255)
    smooth = ndimage.gaussian_filter(air, SKIN_BLUR_MM / grid.spacing_mm[0])
    at = np.flatnonzero(smooth < 0.95)
    source = source.reshape(-1)[at]
    sharp = np.stack([maps[..., tissue].reshape(-1)[source] for tissue in range(maps.shape[-1])])
    ijk = np.unravel_index(at, grid.shape)
    places = grid.ras(np.stack(ijk, axis=1)).astype(np.float32)
    return _Substrate(
        grid=grid,
        regions=np.pad(atlas.regions, ((0, 0), (0, 0), (grid.shape[2] - atlas.grid.shape[2], 0))),
        at=at,
        weights=_sharpened(sharp, smooth.reshape(-1)[at]),
        depth_mm=_depth(air, grid.spacing_mm[0]).reshape(-1)[at],
        inner=_inner_brain(atlas, grid).reshape(-1)[at] * _cerebral(places),
        lens=_ellipsoid(places, _eye(atlas) + np.array([0, 8.5, 0]), (4.5, 2.3, 4.5), 6),
        orbit=_ellipsoid(places, _eye(atlas) + np.array([-5, -14, 0]), (20, 32, 21), 12),
        in_tile=np.ravel_multi_index(tuple(axis % TILE for axis in ijk), (TILE,) * 3),
    )


def _sharpened(maps: Labels, air: Volume) -> Labels:
    """Turn (tissues, N) probabilities into weights with crisp edges, but the skin as smooth as ``air`` is."""
    tissue = maps.astype(np.float32)
    tissue[0] = 0
    tissue[_row("skin"), tissue.max(axis=0) == 0] = 1
    np.power(tissue, SHARPNESS, out=tissue)
    odds = (air / np.maximum(1 - air, 1e-6)) ** SKIN_SHARPNESS
    tissue *= 255 / tissue.sum(axis=0) / (1 + odds)
    tissue[0] = 255 * odds / (1 + odds)
    return np.round(tissue).astype(np.uint8)


def _inner_brain(atlas: Atlas, grid: Grid) -> Volume:
    """Return what is a few millimetres or more inside the brain's region, 0 to 1."""
    brain = np.pad(atlas.regions == atlas.region("brain"), ((0, 0), (0, 0), (grid.shape[2] - atlas.grid.shape[2], 0)))
    blurred = ndimage.gaussian_filter(brain.astype(np.float32), 2.0)
    return np.asarray(special.expit((blurred - 0.88) / 0.03))


def _cerebral(places: Volume) -> Volume:
    """Leave out the basal cisterns and the fissure between the hemispheres."""
    fissure = np.exp(-((places[:, 0] / 1.3) ** 2))
    return np.asarray((1 - 0.85 * fissure) * (1 - _ellipsoid(places, np.array([0, -28, -36]), (26, 52, 38), 8)))


def _ellipsoid(places: Volume, middle: FloatArray, radii: tuple[float, float, float], edge: float) -> Volume:
    """Return 1 in an ellipsoid at positive x and in its mirror image, 0 outside."""
    x, y, z = places.T
    terms = [
        (axis - np.float32(m)) / np.float32(r) for axis, m, r in zip((np.abs(x), y, z), middle, radii, strict=True)
    ]
    return np.asarray(special.expit((1 - np.sqrt(sum(term**2 for term in terms))) * np.float32(edge)))


def _continued(atlas: Atlas) -> tuple[Grid, NDArray[np.intp]]:
    """Continue the neck downwards: the new grid, and from which flat index in the old one each voxel comes."""
    spacing = float(atlas.grid.spacing_mm[2])
    below = round(ADDED_BELOW_MM / spacing)
    shape = (*atlas.grid.shape[:2], atlas.grid.shape[2] + below)
    affine = atlas.grid.affine.copy()
    affine[2, 3] -= below * spacing
    grid = Grid(shape, affine)
    places = grid.ras(np.stack(np.meshgrid(0, *map(np.arange, shape[1:]), indexing="ij"), axis=-1))[0]
    beyond = np.maximum((places - NECK_CUT) @ NECK_DOWN, 0)
    index = np.round(atlas.grid.index(places - beyond[..., None] * NECK_DOWN)).astype(np.intp)
    index = np.clip(index, 0, np.array(atlas.grid.shape) - 1)
    across = np.arange(shape[0])[:, None, None] * (atlas.grid.shape[1] * atlas.grid.shape[2])
    return grid, across + index[..., 1] * atlas.grid.shape[2] + index[..., 2]


def _depth(air: Volume, spacing_mm: float) -> Volume:
    """Return the depth below the skin, mm: inverts what a blur makes of a flat surface."""
    parts, _ = ndimage.label(air > 0.5)
    outside = ndimage.binary_dilation(parts == parts[0, 0, -1])
    blurred = ndimage.gaussian_filter(outside * air, 4.0 / spacing_mm, mode="nearest")
    return np.asarray(-4.0 * special.ndtri(np.clip(blurred, 0.001, 0.999)), np.float32)


def _eye(atlas: Atlas) -> FloatArray:
    """Return the centre of the eye at positive x, RAS+ mm; the atlas is symmetric."""
    inside = (atlas.tissues == atlas.tissue_names.index("eye")) & (atlas.regions == atlas.region("right_eye"))
    return np.asarray(atlas.grid.ras(np.argwhere(inside)).mean(axis=0))
