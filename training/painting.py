"""Give a head's tissues their signal, and its brain its illnesses; all in the head's own space."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from classes import TISSUE, TISSUES, VALUE
from efface.phantom.tissue import CONTRASTS, SIGNAL
from heads import TILE, Head
from recipe import Recipe
from regions import VALUE as REGION

SIGNAL_NAME = {
    "choroid": "cerebral_grey_matter", "amygdala": "hippocampus", "accumbens": "caudate",
    "pallidum": "other_deep_grey_matter", "ventral_diencephalon": "other_deep_grey_matter",
    "lesion": "cerebral_white_matter",
}  # fmt: skip
"""Tissues that the phantom's table calls otherwise."""
CT = {
    "air": 0.0, "fat": 0.55, "ventricles": 0.66, "csf": 0.66, "bone": 1.6, "marrow": 1.2, "soft_tissue": 0.74,
    "skin": 0.74, "eye": 0.67, "nasal_cavity": 0.7,
}  # fmt: skip
"""Order of CT values through a soft window; everything else is brain-like."""
CT_BRAIN = 0.73
GREY = ("cerebral_grey_matter", "cerebellar_grey_matter", "hippocampus", "amygdala", "caudate", "accumbens", "putamen",
        "thalamus")  # fmt: skip
WHITE = ("cerebral_white_matter", "cerebellar_white_matter", "brainstem", "spinal_cord", "ventral_diencephalon",
         "pallidum", "optic_nerve")  # fmt: skip
FLUID = ("csf", "ventricles", "eye")
ORBITS = (REGION["left_eye"], REGION["right_eye"])
ENHANCING = ("dura", "artery", "nasal_cavity", "choroid")


@dataclass(frozen=True, eq=False)
class Painted:
    """A head with signal."""

    signal: np.ndarray = field(repr=False)
    """(I, J, K) float32, about 1 the brightest normal tissue."""
    classes: np.ndarray = field(repr=False)
    """(I, J, K) uint8; the head's own, changed where illness changed the anatomy."""


def paint(head: Head, recipe: Recipe, tiles: np.ndarray, rng: np.random.Generator) -> Painted:
    """Paint one head."""
    mean, spread = intensities(recipe, rng)
    tissues, classes = head.tissues.copy(), head.classes
    _draw_fat(tissues, head, recipe, tiles, rng)
    if recipe.large_ventricles_mm:
        classes = classes.copy()
        _widen_ventricles(tissues, classes, recipe.large_ventricles_mm / head.spacing_mm)
    texture = np.roll(tiles[rng.integers(0, 2)] + 0.5 * tiles[rng.integers(2, 4)], rng.integers(0, TILE, 3), (0, 1, 2))
    signal = mean[tissues]
    signal += spread[tissues] * _tiled(texture, head.shape)
    if recipe.lesion != "none":
        classes = classes.copy()
        _draw_lesion(signal, classes, recipe.lesion, head.spacing_mm, mean, tiles, rng)
    if recipe.hair_mm:
        _draw_hair(signal, head, recipe, tiles, rng)
    for _ in range(recipe.fiducials):
        _draw_ball(signal, head, rng)
    if recipe.metal_mm:
        _draw_void(signal, head, recipe.metal_mm / head.spacing_mm, rng)
    return Painted(signal, classes)


def intensities(recipe: Recipe, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw mean and standard deviation of every tissue's signal, each (tissues,) float32."""
    mean = _random_means(rng) if recipe.contrast == "random" else _plausible_means(recipe.contrast, rng)
    if recipe.agent:
        for name in ENHANCING:
            mean[name] *= rng.uniform(1.2, 3.0)
    mean["fat"] *= recipe.fat_gain
    mean["marrow"] *= 0.4 + 0.6 * recipe.fat_gain
    values = np.array([mean[name] for name in TISSUES])
    spread = np.abs(rng.normal(0, 0.05, len(values))) * (0.3 + values)
    spread[TISSUE["air"]] = 0
    return values.astype(np.float32), spread.astype(np.float32)


def _plausible_means(contrast: str, rng: np.random.Generator) -> dict[str, float]:
    """Draw signals near those of a known contrast."""
    if contrast == "CT":
        mean = {name: CT.get(name, CT_BRAIN + rng.normal(0, 0.02)) for name in TISSUES}
    else:
        column = CONTRASTS.index(contrast)
        mean = {name: SIGNAL[SIGNAL_NAME.get(name, name)][column] for name in TISSUES}
        mean["lesion"] = mean["cerebral_white_matter"] * rng.uniform(0.5, 1.6)
    jitter = rng.uniform(0.02, 0.22) if contrast != "CT" else 0.02
    mean = {name: value * float(np.exp(rng.normal(0, jitter))) for name, value in mean.items()}
    if contrast != "CT" and rng.random() < 0.08:  # unmyelinated: grey and white change places
        grey, white = mean["cerebral_grey_matter"], mean["cerebral_white_matter"]
        mean["cerebral_grey_matter"], mean["cerebral_white_matter"] = white, grey
    return mean


def _random_means(rng: np.random.Generator) -> dict[str, float]:
    """Draw signals without any order, but alike within grey matter, white matter and fluid."""
    mean = {name: float(rng.uniform(0, 1)) for name in TISSUES}
    for group, spread in ((GREY, 0.06), (WHITE, 0.07), (FLUID, 0.05)):
        if rng.random() < 0.85:
            base = rng.uniform(0.0, 1)
            for name in group:
                mean[name] = max(0.0, base + rng.normal(0, spread))
    mean["lesion"] = mean["cerebral_white_matter"] + rng.normal(0, 0.2)
    mean["skin"] = mean["soft_tissue"] + rng.normal(0, 0.2)
    mean["air"] = 0.0
    return {name: max(0.0, value) for name, value in mean.items()}


def _tiled(tile: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Repeat a tile over a volume."""
    counts = [-(-n // TILE) for n in shape]
    return np.tile(tile, counts)[: shape[0], : shape[1], : shape[2]]


def _at(head: Head, flat: np.ndarray, tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a tile's noise, shifted at random, at the given voxels."""
    return np.roll(tile, rng.integers(0, TILE, 3), (0, 1, 2)).reshape(-1)[head.tile_index(flat)]


def _draw_fat(tissues: np.ndarray, head: Head, recipe: Recipe, tiles: np.ndarray, rng: np.random.Generator) -> None:
    """Turn soft tissue below the skin into fat, as thick as chance has it, and sheets of it deeper down."""
    shift = rng.integers(0, TILE, 3)
    index = head.tile_index(head.soft)
    wavy = np.roll(tiles[3], shift, (0, 1, 2)).reshape(-1)[index]
    sheets = np.roll(tiles[2], shift, (0, 1, 2)).reshape(-1)[index]
    depth = head.soft_depth * np.float32(0.5)
    skin_mm = rng.uniform(1.0, 2.6)
    fat = (depth > skin_mm) & (depth < recipe.fat_mm * (1 + 0.35 * wavy))
    fat |= (depth > skin_mm) & (np.abs(sheets) < rng.uniform(0.0, 0.35))
    orbit = np.isin(head.regions.reshape(-1)[head.soft], ORBITS) & (depth > 5)
    fat |= orbit & (np.abs(sheets) < rng.uniform(0.5, 2.5))
    flat = tissues.reshape(-1)
    flat[head.soft] = np.where(fat, TISSUE["fat"], TISSUE["soft_tissue"])
    flat[head.soft[depth <= skin_mm]] = TISSUE["skin"]


def _widen_ventricles(tissues: np.ndarray, classes: np.ndarray, voxels: float) -> None:
    """Let the lateral ventricles grow into the white matter."""
    for side in ("left", "right"):
        ventricle = classes == VALUE[f"{side}_ventricle"]
        box = _box(ventricle, 8)
        near = ndimage.distance_transform_edt(~ventricle[box]) <= voxels
        grown = near & np.isin(classes[box], [VALUE[f"{side}_cerebral_white_matter"], VALUE[f"{side}_caudate"]])
        classes[box][grown] = VALUE[f"{side}_ventricle"]
        tissues[box][grown] = TISSUE["ventricles"]


def _box(mask: np.ndarray, margin: int) -> tuple[slice, ...]:
    """Return slices around a mask."""
    box = []
    for axis in range(3):
        where = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(max(0, int(where[0]) - margin), int(where[-1]) + margin + 1))
    return tuple(box)


def _around(center: np.ndarray, radius: float, shape: tuple[int, int, int]) -> tuple[tuple[slice, ...], np.ndarray]:
    """Return a box around a point, and the distance from the point in it."""
    low = np.maximum(np.floor(center - radius).astype(int), 0)
    high = np.minimum(np.ceil(center + radius).astype(int) + 1, shape)
    axes = [np.arange(a, b, dtype=np.float32) - c for a, b, c in zip(low, high, center, strict=True)]
    distance = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij", sparse=True)))
    return tuple(slice(a, b) for a, b in zip(low, high, strict=True)), distance


def _draw_lesion(
    signal: np.ndarray,
    classes: np.ndarray,
    kind: str,
    spacing_mm: float,
    mean: np.ndarray,
    tiles: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Draw a tumour with ring and oedema, a cavity full of fluid, or a stroke."""
    cerebral = [VALUE[f"{side}_cerebral_{kind}_matter"] for side in ("left", "right") for kind in ("white", "grey")]
    coarse = np.argwhere(np.isin(classes[::4, ::4, ::4], cerebral)) * 4
    center = coarse[rng.integers(len(coarse))].astype(float)
    radius = float(rng.uniform(5, 26)) / spacing_mm
    reach = radius * 2.2
    box, distance = _around(center, reach, signal.shape)
    noise = _tiled(np.roll(tiles[3], rng.integers(0, TILE, 3), (0, 1, 2)), signal.shape)[box]
    distance = distance * (1 + 0.22 * noise)
    brain = (classes[box] > 0) & (classes[box] <= VALUE["csf_and_dura"])
    core = (distance < radius) & brain
    part, kinds = signal[box], classes[box]
    texture = 1 + 0.1 * noise
    if kind == "tumour":
        oedema = (distance < radius * rng.uniform(1.1, 2.0)) & np.isin(kinds, cerebral)
        part[oedema] = rng.uniform(0.2, 1.2)
        part[core] = rng.uniform(0.1, 1.6) * texture[core]
        ring = core & (distance > radius * rng.uniform(0.65, 0.9))
        part[ring] = rng.uniform(0.1, 2.0)
        for side in ("left", "right"):
            kinds[core & (kinds == VALUE[f"{side}_cerebral_grey_matter"])] = VALUE[f"{side}_cerebral_white_matter"]
    elif kind == "cavity":
        part[core] = mean[TISSUE["csf"]] * texture[core]
        kinds[core] = VALUE["csf_and_dura"]
    else:
        wedge = core & np.isin(kinds, cerebral)
        part[wedge] = part[wedge] * rng.uniform(0, 0.7) + rng.uniform(0, 1.2)


def _draw_hair(signal: np.ndarray, head: Head, recipe: Recipe, tiles: np.ndarray, rng: np.random.Generator) -> None:
    """Draw thin, patchy, faint to bright fluff around the vault."""
    noise = _at(head, head.halo, tiles[1], rng)
    where = (head.halo_mm <= recipe.hair_mm) & (noise > rng.uniform(0.3, 1.5))
    if rng.random() < 0.7:  # not in front of the face
        _, j, k = np.unravel_index(head.halo, head.shape)
        where &= (k > head.brain_center[2] - rng.uniform(0, 90)) & (j < head.brain_center[1] + rng.uniform(20, 90))
    signal.reshape(-1)[head.halo[where]] += rng.uniform(0.02, 0.7) * np.minimum(noise[where], 2)


def _draw_ball(signal: np.ndarray, head: Head, rng: np.random.Generator) -> None:
    """Stick a bright marker on the skin."""
    flat = head.halo[rng.integers(len(head.halo))]
    center = np.array(np.unravel_index(flat, head.shape), float)
    radius = float(rng.uniform(2, 6)) / head.spacing_mm
    box, distance = _around(center, radius, head.shape)
    signal[box][distance < radius] = rng.uniform(0.4, 2.0)


def _draw_void(signal: np.ndarray, head: Head, radius: float, rng: np.random.Generator) -> None:
    """Lose the signal around metal in the teeth, with a bright rim."""
    teeth = head.atlas_to_index @ np.array([rng.normal(0, 15), 52 + rng.normal(0, 8), -98 + rng.normal(0, 8), 1.0])
    if not all(0 <= place < n for place, n in zip(teeth[:3], head.shape, strict=True)):
        return
    box, distance = _around(teeth[:3], radius * 1.2, head.shape)
    signal[box][distance < radius] *= np.float32(rng.uniform(0, 0.15))
    rim = (distance >= radius) & (distance < radius * 1.12)
    signal[box][rim] *= np.float32(rng.uniform(1, 2.5))
