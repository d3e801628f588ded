"""Everything that chance decides about one synthetic scan, drawn before anything is computed.

A recipe is a value: the same recipe, head and generator make the same scan, and a benchmark changes one field at a
time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SHAPES = ((80, 96, 96), (96, 112, 96), (96, 112, 112), (96, 128, 112), (112, 112, 96), (96, 112, 128), (112, 128, 112))
"""Voxels of the drawn scans at 2 mm."""
COARSE_SHAPES = ((64, 80, 80), (80, 80, 80), (64, 80, 64))
"""Voxels of the drawn scans at 3 mm."""
COARSE_ODDS = 0.2
"""How often a scan is as coarse as inference's first look."""
CONTRASTS = ("T1w", "T1wCE", "T2w", "FLAIR", "PDw", "CT", "random")
CONTRAST_ODDS = (0.19, 0.09, 0.13, 0.10, 0.06, 0.04, 0.39)
DEFACINGS = ("none", "lattice", "region", "plane", "strip")
DEFACING_ODDS = (0.60, 0.25, 0.06, 0.05, 0.04)
LESIONS = ("none", "tumour", "cavity", "stroke")
LESION_ODDS = (0.75, 0.11, 0.07, 0.07)


@dataclass(frozen=True)
class Recipe:
    """The choices behind one synthetic scan."""

    spacing_mm: float = 2.0
    shape: tuple[int, int, int] = (96, 112, 112)
    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """About x (nod), y (tilt) and z (turn)."""
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Size of the vault against the training head's."""
    face_shrink: float = 0.0
    """How much shorter the face is than the vault's scale says, 0 adult to 0.4 newborn."""
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    elastic_mm: float = 0.0
    fine_elastic_mm: float = 0.0
    jaw_deg: float = 0.0
    """Jaw opening."""
    flip: bool = False
    longer_neck: bool = True
    contrast: str = "T1w"
    agent: bool = False
    """Contrast agent: bright vessels, dura and mucosa, in any contrast."""
    fat_gain: float = 1.0
    """Signal of fat and marrow; near 0 when suppressed."""
    fat_mm: float = 6.0
    lesion: str = "none"
    large_ventricles_mm: float = 0.0
    hair_mm: float = 0.0
    fiducials: int = 0
    metal_mm: float = 0.0
    """Radius of the signal void at the teeth."""
    slice_axis: int = 0
    slice_mm: float = 0.0
    """Slice thickness and distance; 0 for an isotropic scan."""
    cuts: tuple[tuple[int, int, float], ...] = ()
    """(axis, end, share): where the view ends, as a share of the axis."""
    tilt_deg: float = 0.0
    """How oblique the ends of the view are."""
    wrap_mm: float = 0.0
    """How much of the front of the head appears behind it."""
    bias: float = 0.0
    noise: float = 0.02
    rician: bool = True
    ghosts: float = 0.0
    blur: float = 0.0
    gamma: float = 1.0
    defacing: str = "none"


def draw_recipe(rng: np.random.Generator, coarse_odds: float) -> Recipe:
    """Draw all choices."""
    coarse = rng.random() < coarse_odds
    shapes = COARSE_SHAPES if coarse else SHAPES
    return replace(
        _draw_pose(rng),
        spacing_mm=float(rng.uniform(2.6, 3.3)) if coarse else 2.0,
        shape=shapes[rng.integers(len(shapes))],
        flip=bool(rng.random() < 0.5),
        contrast=str(rng.choice(CONTRASTS, p=CONTRAST_ODDS)),
        agent=bool(rng.random() < 0.12),
        fat_gain=float(
            rng.choice([rng.uniform(0.8, 1.3), rng.uniform(0.0, 0.4), rng.uniform(0.0, 1.8)], p=[0.6, 0.2, 0.2])
        ),
        fat_mm=float(rng.uniform(2.0, 11.0)),
        lesion=str(rng.choice(LESIONS, p=LESION_ODDS)),
        large_ventricles_mm=_sometimes(rng, 0.07, 1.0, 6.0),
        hair_mm=_sometimes(rng, 0.35, 2.0, 12.0),
        fiducials=int(rng.integers(1, 9)) if rng.random() < 0.08 else 0,
        metal_mm=_sometimes(rng, 0.08, 8.0, 30.0),
        defacing=str(rng.choice(DEFACINGS, p=DEFACING_ODDS)),
        **_draw_scanner(rng),
    )


def _sometimes(rng: np.random.Generator, odds: float, low: float, high: float) -> float:
    """Return a uniform number, or 0 most of the time."""
    value = float(rng.uniform(low, high))
    return value if rng.random() < odds else 0.0


def _draw_pose(rng: np.random.Generator) -> Recipe:
    """Draw position, posture, size and shape."""
    spread = 24.0 if rng.random() < 0.15 else 9.0
    rotation = np.clip(rng.normal(0, [spread * 1.3, spread, spread]), -48, 48)
    child = rng.random() < 0.25
    size = rng.uniform(0.55, 0.95) if child else rng.uniform(0.86, 1.15)
    scale = size * np.exp(rng.normal(0, 0.045, 3))
    shrink = np.clip((0.95 - size) * 1.0 + rng.normal(0, 0.05), 0, 0.45) if child else rng.normal(0, 0.05)
    return Recipe(
        rotation_deg=tuple(rotation.tolist()),
        scale=tuple(scale.tolist()),
        face_shrink=float(shrink),
        shift_mm=tuple(rng.normal(0, 11, 3).tolist()),
        elastic_mm=float(rng.uniform(0, 5)),
        fine_elastic_mm=float(rng.uniform(0, 1.4)),
        jaw_deg=_sometimes(rng, 0.35, -2.0, 22.0),
        longer_neck=bool(rng.random() < 0.6),
    )


def _draw_scanner(rng: np.random.Generator) -> dict[str, object]:
    """Draw what the scanner and the operator do."""
    cuts = []
    if rng.random() < 0.4:
        for _ in range(rng.integers(1, 4)):
            axis, end = int(rng.integers(3)), int(rng.integers(2))
            cuts.append((axis, end, float(rng.uniform(0.03, 0.36))))
    return {
        "slice_axis": int(rng.choice(3, p=[0.25, 0.25, 0.5])),
        "slice_mm": _sometimes(rng, 0.4, 2.5, 7.5),
        "cuts": tuple(cuts),
        "tilt_deg": _sometimes(rng, 0.4, 0.0, 20.0),
        "wrap_mm": _sometimes(rng, 0.05, 5.0, 40.0),
        "bias": float(rng.uniform(0, 0.5)),
        "noise": float(rng.choice([rng.uniform(0, 0.03), rng.uniform(0, 0.12)], p=[0.6, 0.4])),
        "rician": bool(rng.random() < 0.8),
        "ghosts": _sometimes(rng, 0.12, 0.03, 0.25),
        "blur": _sometimes(rng, 0.3, 0.2, 0.9),
        "gamma": float(np.exp(rng.normal(0, 0.25))),
    }
