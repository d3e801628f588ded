"""Draw synthetic scans with known anatomy from label maps: any contrast, pose, age, view, artefact and illness.

The idea is SynthSeg's (Billot et al. 2023): a network that has seen every contrast has no favourite.

    python training/synthesis.py WORK --sheet out.png [--seed 1] [--condition thick]

``WORK`` holds what ``targets.py`` wrote. The sheet is for looking at; it shows real people's anatomy and stays private.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from classes import MIRROR
from defacing import blanked, refill
from efface.network.preparing import normalised
from heads import Head, load_all, texture_tiles
from painting import paint
from recipe import COARSE_ODDS, SHAPES, Recipe, draw_recipe
from scanning import scan
from shaping import coordinates, flat_index, nearest, sample_linear

CONDITIONS: dict[str, Callable[[Recipe], Recipe]] = {
    "any": lambda r: r,
    "easy": lambda r: _easy(r),
    "plain": lambda r: replace(_plain(r), contrast="T1w"),
    "T2w": lambda r: replace(_plain(r), contrast="T2w"),
    "FLAIR": lambda r: replace(_plain(r), contrast="FLAIR"),
    "PDw": lambda r: replace(_plain(r), contrast="PDw"),
    "contrast_agent": lambda r: replace(_plain(r), contrast="T1wCE", agent=True),
    "CT": lambda r: replace(_plain(r), contrast="CT"),
    "random_contrast": lambda r: replace(_plain(r), contrast="random"),
    "thick_slices": lambda r: replace(_plain(r), slice_mm=5.0),
    "partial_view": lambda r: replace(_plain(r), cuts=((r.slice_axis, r.slice_axis % 2, 0.25),)),
    "child": lambda r: replace(_plain(r), scale=(0.75, 0.75, 0.75), face_shrink=0.2),
    "newborn": lambda r: replace(_plain(r), scale=(0.58, 0.58, 0.58), face_shrink=0.38),
    "turned": lambda r: replace(_plain(r), rotation_deg=(30.0, -15.0, 15.0)),
    "tumour": lambda r: replace(_plain(r), lesion="tumour"),
    "cavity": lambda r: replace(_plain(r), lesion="cavity"),
    "large_ventricles": lambda r: replace(_plain(r), large_ventricles_mm=5.0),
    "noisy": lambda r: replace(_plain(r), noise=0.12, bias=0.4),
    "motion": lambda r: replace(_plain(r), ghosts=0.2),
    "slab": lambda r: replace(_plain(r), cuts=((2, 0, 0.38), (2, 1, 0.38))),
    "very_noisy": lambda r: replace(_plain(r), noise=0.3, bias=0.6, blur=0.8),
    "metal": lambda r: replace(_plain(r), metal_mm=25.0),
    "blanked_lattice": lambda r: replace(_plain(r), defacing="lattice"),
    "defaced": lambda r: replace(_plain(r), defacing="region"),
    "stripped": lambda r: replace(_plain(r), defacing="strip"),
    "coarse_look": lambda r: replace(_plain(r), spacing_mm=3.0, shape=(64, 80, 80)),
}
"""Named conditions, for validation: each changes a plain scan in one respect (its contrast stays what was drawn)."""
HALF_FROM_MM = 2.5
"""Scans this coarse are drawn from heads at 2 mm."""
CONTRASTS_MET = ("T1w", "T2w", "FLAIR", "PDw", "T1wCE")


def _plain(recipe: Recipe) -> Recipe:
    """Return the recipe without anything unusual; contrasts go round so that every condition meets them all."""
    contrast = recipe.contrast if recipe.contrast in CONTRASTS_MET else "T1w"
    rotation = tuple(float(np.clip(angle, -8, 8)) for angle in recipe.rotation_deg)
    return Recipe(
        spacing_mm=2.0, shape=SHAPES[5], rotation_deg=rotation, scale=(1.0, 1.0, 1.0), elastic_mm=2.0,
        fine_elastic_mm=0.7, flip=recipe.flip, contrast=contrast, bias=0.2, noise=0.03, fat_mm=recipe.fat_mm,
        slice_axis=recipe.slice_axis,
    )  # fmt: skip


def _easy(recipe: Recipe) -> Recipe:
    """Return the recipe with a person's own pose and shape, but a good scanner and nothing removed."""
    kept = ("spacing_mm", "shape", "rotation_deg", "scale", "face_shrink", "shift_mm", "elastic_mm", "gamma", "cuts",
            "jaw_deg", "fat_gain", "hair_mm")  # fmt: skip
    return replace(_plain(recipe), **{name: getattr(recipe, name) for name in kept})


@dataclass(frozen=True, eq=False)
class Drawn:
    """One synthetic scan."""

    image: np.ndarray = field(repr=False)
    """(X, Y, Z) float32 array as the network is shown it: RAS+, normalised."""
    classes: np.ndarray = field(repr=False)
    """(X, Y, Z) uint8 array, the right answer; removed or out of view is air."""
    recipe: Recipe
    """How it was made."""
    head: int
    """Whose anatomy."""


def draw(
    heads: list[Head],
    tiles: np.ndarray,
    seed: tuple[int, ...],
    condition: str = "any",
    coarse_odds: float = COARSE_ODDS,
) -> Drawn:
    """Draw one scan; the same seed gives the same scan.

    Parameters
    ----------
    heads : whom to draw from
    tiles : what ``heads.texture_tiles`` returned
    seed : any integers
    condition : a name in ``CONDITIONS``
    coarse_odds : how often to draw a coarse scan, which is cheap
    """
    rng = np.random.default_rng(seed)
    head = heads[rng.integers(len(heads))]
    recipe = CONDITIONS[condition](draw_recipe(rng, coarse_odds))
    if recipe.spacing_mm >= HALF_FROM_MM and head.half is not None:
        head = head.half
    painted = paint(head, recipe, tiles, rng)
    index = coordinates(head, recipe, rng)
    blurred, shift = _antialiased(painted.signal, recipe.spacing_mm / head.spacing_mm / float(np.mean(recipe.scale)))
    signal = sample_linear(blurred, index - shift)
    flat, outside = flat_index(index, head.shape)
    classes = nearest(painted.classes, flat, outside)
    if recipe.flip:
        classes = np.array(MIRROR, np.uint8)[classes]
    image, classes = scan(signal.numpy(), classes, recipe, rng)
    if recipe.defacing == "none":
        return Drawn(normalised(image), classes, recipe, head.number)
    gone = blanked(classes, nearest(head.regions, flat, outside), recipe, rng)
    image = refill(image, gone, recipe, rng)
    kept = ~gone if recipe.defacing == "lattice" else None
    return Drawn(normalised(image, kept), np.where(gone, 0, classes).astype(np.uint8), recipe, head.number)


def _antialiased(signal: np.ndarray, width: float) -> tuple[np.ndarray, float]:
    """Blur a volume to the width of the scan's voxels, by averaging neighbours again and again.

    Parameters
    ----------
    width : the scan's voxels, in voxels of the volume

    Returns
    -------
    blurred : array, shorter by the number of rounds along each axis
    shift : what to subtract from a voxel index to find its place in ``blurred``
    """
    rounds = int(np.clip(round((width**2 - 1) / 3), 0, 5))
    for _ in range(rounds):
        signal = signal[1:] + signal[:-1]
        signal = signal[:, 1:] + signal[:, :-1]
        signal = signal[:, :, 1:] + signal[:, :, :-1]
        signal *= np.float32(0.125)
    return signal, rounds / 2


def contact_sheet(drawn: list[Drawn], colours: np.ndarray) -> np.ndarray:
    """Return a picture: for every scan three middle slices, and the same with its classes in colour."""
    rows = []
    for one in drawn:
        grey = np.clip(one.image, 0, 1)[..., None].repeat(3, -1)
        mixed = np.where((one.classes > 0)[..., None], 0.5 * grey + 0.5 * colours[one.classes], grey)
        rows.append(np.concatenate([_slices(grey), _slices(mixed)], axis=1))
    half = -(-len(rows) // 2)
    rows += [np.zeros_like(rows[0])] * (2 * half - len(rows))
    return np.concatenate([np.concatenate(rows[:half]), np.concatenate(rows[half:])], axis=1)


def _slices(volume: np.ndarray, side: int = 128) -> np.ndarray:
    """Return the sagittal, coronal and axial middle slices side by side, each ``side`` pixels square."""
    tiles = []
    for axis in range(3):
        plane = np.rot90(np.take(volume, volume.shape[axis] // 2 + (3 if axis == 0 else 0), axis))[:side, :side]
        tile = np.zeros((side, side, 3))
        tile[: plane.shape[0], : plane.shape[1]] = plane
        tiles.append(tile)
    return np.concatenate(tiles, axis=1)


if __name__ == "__main__":
    from PIL import Image

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--sheet", type=Path, required=True)
    parser.add_argument("--heads", type=int, nargs="*", default=[2, 5])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--conditions", nargs="*", default=["any"], choices=list(CONDITIONS))
    arguments = parser.parse_args()
    people, texture = load_all(arguments.work, arguments.heads), texture_tiles()
    scans = []
    for condition in arguments.conditions:
        for number in range(arguments.count):
            began = time.perf_counter()
            scans.append(draw(people, texture, (arguments.seed, number), condition))
            print(f"{condition} {number}: {time.perf_counter() - began:.2f} s, {scans[-1].recipe}")
    palette = np.random.default_rng(3).uniform(0.2, 1, (len(MIRROR), 3))
    Image.fromarray((255 * contact_sheet(scans, palette)).astype(np.uint8)).save(arguments.sheet)
