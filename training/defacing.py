"""Heads that somebody has already defaced or stripped, so that the network stays right on its own output."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from classes import INTRACRANIAL, VALUE
from recipe import Recipe
from regions import VALUE as REGION

FACE = ("left_eye", "right_eye", "nose", "mouth", "chin", "left_cheek", "right_cheek", "brow")
EARS = ("left_ear", "right_ear")
CELL_MM = 8.0
"""Cells of the lattice on which efface blanks before its second look (DESIGN.md, section 2)."""


def blanked(classes: np.ndarray, regions: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """Return which voxels somebody has removed, (X, Y, Z) bool.

    Parameters
    ----------
    classes : (X, Y, Z) uint8 classes on the scan's grid
    regions : (X, Y, Z) uint8 the atlas's regions there; face regions reach to the front
    """
    inside = np.isin(classes, [VALUE[name] for name in INTRACRANIAL])
    if recipe.defacing == "strip":
        reach = rng.uniform(0, 8) / recipe.spacing_mm
        return ~(ndimage.distance_transform_edt(~inside) <= reach)
    if recipe.defacing == "plane":
        return _front_of_plane(classes, rng) & ~inside
    names = FACE + (EARS if rng.random() < 0.7 else ())
    face = np.isin(regions, [REGION[name] for name in names])
    if recipe.defacing == "lattice":
        return _on_lattice(face, inside, recipe.spacing_mm, rng)
    reach = rng.uniform(0, 6) / recipe.spacing_mm
    return (ndimage.distance_transform_edt(~face) <= reach) & ~inside


def _on_lattice(face: np.ndarray, inside: np.ndarray, spacing_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Widen a region by 0 to 16 mm and round it up to cells; cells of the brain stay, or voxels, or nothing does."""
    cell = max(1, round(CELL_MM / spacing_mm))
    pads = [(int(rng.integers(cell)), 0) for _ in face.shape]
    pads = [(before, -(before + n) % cell) for (before, _), n in zip(pads, face.shape, strict=True)]
    cells = _any_in_cells(face, pads, cell)
    steps = int(rng.integers(0, 3))
    if steps:
        cells = ndimage.binary_dilation(cells, ndimage.generate_binary_structure(3, 2), iterations=steps)
    keep = rng.random()
    if keep < 0.5:
        cells &= ~_any_in_cells(inside, pads, cell)
    fine = cells.repeat(cell, 0).repeat(cell, 1).repeat(cell, 2)
    gone = fine[tuple(slice(before, before + n) for (before, _), n in zip(pads, face.shape, strict=True))]
    if keep < 0.85:
        near = ndimage.binary_dilation(inside, iterations=int(rng.integers(1, 4)))
        gone = gone & ~near
    return gone


def _any_in_cells(mask: np.ndarray, pads: list[tuple[int, int]], cell: int) -> np.ndarray:
    """Return which cells hold any of a mask."""
    wide = np.pad(mask, pads)
    x, y, z = (n // cell for n in wide.shape)
    return wide.reshape(x, cell, y, cell, z, cell).any(axis=(1, 3, 5))


def _front_of_plane(classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return everything in front of a slanted plane through the eyes."""
    eyes = np.argwhere(np.isin(classes, [VALUE["left_eye"], VALUE["right_eye"]]))
    if not len(eyes):
        return np.zeros(classes.shape, bool)
    center = eyes.mean(axis=0) + rng.normal(0, [0, 5, 3])
    normal = np.array([rng.normal(0, 0.08), 1.0, rng.uniform(-0.7, 0.2)])
    axes = np.meshgrid(
        *[np.arange(n) - c for n, c in zip(classes.shape, center, strict=True)], indexing="ij", sparse=True
    )
    return sum(n * axis for n, axis in zip(normal, axes, strict=True)) > 0


def refill(image: np.ndarray, gone: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """Fill removed voxels: zeros on the lattice and for stripped heads, else zeros, a constant or noise."""
    image = image.copy()
    kind = rng.random() if recipe.defacing in {"region", "plane"} else 0.0
    if kind < 0.65:
        image[gone] = 0
    elif kind < 0.8:
        image[gone] = rng.uniform(0, 0.6)
    else:
        image[gone] = np.abs(rng.normal(0, rng.uniform(0.01, 0.3), np.count_nonzero(gone)))
    return image
