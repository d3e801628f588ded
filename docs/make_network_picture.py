"""Draw the model card's picture: synthetic heads, what the network sees in them, and what is true of them.

    python docs/make_network_picture.py

Heads are drawn from the bundled shape model, so they are nobody's. Under each stands the Dice overlap of the brain.
"""

from __future__ import annotations

from colorsys import hsv_to_rgb
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from efface import phantom
from efface.anatomy import Anatomy, locate
from efface.grid import Grid
from efface.io import read_scan
from efface.spatial.resample import on_ras_grid, resample

PICTURE = Path(__file__).parent / "images" / "network.png"
SIDE, SPACING_MM = 150, 1.6
CASES: dict[str, tuple[str, dict[str, object]]] = {
    "T1w": ("T1w", {"spacing_mm": (1.5, 1.5, 1.5)}),
    "T2w, 5 mm slices": ("T2w", {"spacing_mm": (0.9, 0.9, 5.0)}),
    "FLAIR, sagittal 5 mm": ("FLAIR", {"spacing_mm": (5.0, 1.0, 1.0), "orientation": "ASL"}),
    "PDw, child's size": ("PDw", {"spacing_mm": (1.5, 1.5, 1.5), "size": 0.75}),
    "contrast agent, nose up": ("T1wCE", {"spacing_mm": (1.5, 1.5, 1.5), "turn_deg": (30, 0, 0)}),
    "brain only in view": ("T1w", {"spacing_mm": (1.5, 1.5, 1.5), "field_of_view": "brain_only"}),
}


def palette(count: int) -> np.ndarray:
    """Return (count, 3) colours, air black."""
    colours = [hsv_to_rgb(i * 0.381966 % 1, 0.75, 0.95) for i in range(count)]
    return np.array([(0.0, 0.0, 0.0), *colours[1:]])


def tile(volume: np.ndarray, labels: np.ndarray, colours: np.ndarray, x: int, z: int) -> np.ndarray:
    """Return a sagittal and an axial plane, grey above coloured."""
    planes = []
    for cut in ((x, slice(None), slice(None)), (slice(None), slice(None), z)):
        grey = np.clip(volume[cut], 0, 1)[..., None].repeat(3, -1)
        mixed = np.where((labels[cut] > 0)[..., None], 0.35 * grey + 0.65 * colours[labels[cut]], grey)
        planes += [square(np.rot90(grey)), square(np.rot90(mixed))]
    return np.concatenate([np.concatenate(planes[:2]), np.concatenate(planes[2:])])


def square(plane: np.ndarray) -> np.ndarray:
    """Cut or fill a plane to `SIDE` pixels each way."""
    out = np.zeros((SIDE, SIDE, 3))
    room = [(n - SIDE) // 2 for n in plane.shape[:2]]
    source = tuple(slice(max(0, r), max(0, r) + min(SIDE, n)) for r, n in zip(room, plane.shape, strict=False))
    target = tuple(slice(max(0, -r), max(0, -r) + min(SIDE, n)) for r, n in zip(room, plane.shape, strict=False))
    out[target] = plane[source]
    return out


def column(name: str, contrast: str, options: dict[str, object]) -> Image.Image:
    """Draw one case."""
    person = phantom.make(contrast, seed=21, **options)
    scan = read_scan(person.image)
    anatomy = locate(scan)
    volume, grid = on_ras_grid(scan.intensities(), scan.grid, SPACING_MM)
    labels = resample(anatomy.seen.labels, anatomy.seen.grid, grid, order=0)
    middle = grid.index(brain_middle(anatomy, scan.grid)).round().astype(int)
    colours = palette(len(anatomy.classes))
    picture = tile(volume / np.percentile(volume, 99.5), labels, colours, int(middle[0]) + 2, int(middle[2]))
    canvas = Image.new("RGB", (SIDE, picture.shape[0] + 28), "white")
    canvas.paste(Image.fromarray((255 * picture).astype(np.uint8)), (0, 0))
    truth = person.where("brain")
    dice = 2 * (truth & anatomy.brain).sum() / (truth.sum() + anatomy.brain.sum())
    ImageDraw.Draw(canvas).text((3, picture.shape[0] + 1), f"{name}\nbrain Dice {dice:.3f}", fill="black")
    return canvas


def brain_middle(anatomy: Anatomy, grid: Grid) -> np.ndarray:
    """Return the middle of the brain, RAS+ mm."""
    return grid.ras(np.argwhere(anatomy.brain).mean(axis=0))


if __name__ == "__main__":
    columns = [column(name, *case) for name, case in CASES.items()]
    sheet = Image.new("RGB", (SIDE * len(columns), columns[0].height), "white")
    for number, one in enumerate(columns):
        sheet.paste(one, (number * SIDE, 0))
    PICTURE.parent.mkdir(exist_ok=True)
    sheet.quantize(96, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
