"""Draw the README's picture of the fills: synthetic heads before, and with each fill.

    python docs/make_fill_picture.py

Heads are drawn from the bundled shape model, so they are nobody's; the new face is the bundled average's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from efface import phantom
from efface.anatomy import locate
from efface.deface_plan import apply_plan
from efface.evaluate.render import Frame, frame_of, render_views
from efface.fill import fill_values
from efface.io import read_scan
from efface.planning import plan
from efface.scan import Scan
from efface.spatial.resample import on_ras_grid

PICTURE = Path(__file__).parent / "images" / "fills.png"
SIDE, SEED, COLOURS = 150, 7, 64
LABEL = 16
CASES: dict[str, tuple[str, dict[str, object]]] = {
    "T1w": ("T1w", {"spacing_mm": (1.2, 1.2, 1.2)}),
    "T2w": ("T2w", {"spacing_mm": (1.2, 1.2, 1.2)}),
    "FLAIR, oblique": ("FLAIR", {"spacing_mm": (1.2, 1.2, 1.2), "orientation": "PIR", "turn_deg": (8, 5, -6)}),
    "T2w, 5 mm slices": ("T2w", {"spacing_mm": (0.9, 0.9, 5.0), "orientation": "LPS"}),
}
COLUMNS = ("before", "zero", "noise", "reface", "before", "reface")


def row(contrast: str, options: dict[str, object]) -> np.ndarray:
    """Draw one head: a sagittal plane through one eye for each fill, and two renders."""
    scan = read_scan(phantom.head(contrast, seed=SEED, **options))  # type: ignore[arg-type]
    anatomy = locate(scan)
    empty = plan(scan, anatomy)
    filled = {"before": scan}
    for fill in COLUMNS[1:4]:
        filling = fill_values(fill, scan, anatomy, empty.changed)
        filled[fill] = apply_plan(scan, replace(empty, values=filling.values, fill=fill))
    eye = anatomy.atlas_to_scan @ [30.0, 60.0, -30.0, 1.0]
    frame, white = frame_of(scan.intensities(), scan.grid), float(np.percentile(scan.intensities(), 99.5))
    planes = [plane(filled[name], eye[:3], frame, white) for name in COLUMNS[:4]]
    return np.concatenate(planes + [rendered(filled[name], frame) for name in COLUMNS[4:]], axis=1)


def plane(scan: Scan, through: np.ndarray, frame: Frame, white: float) -> np.ndarray:
    """Return the sagittal plane through a point, framed as the renders are; dark values are lifted to show noise."""
    volume, ras = on_ras_grid(scan.intensities(), scan.grid, frame.extent_mm / SIDE)
    across = int(ras.index(through)[0].round())
    start = (ras.index(frame.centre_mm).round().astype(int) - SIDE // 2)[1:]
    grey = np.zeros((SIDE, SIDE))
    low, high = np.maximum(start, 0), np.minimum(start + SIDE, ras.shape[1:])
    part = volume[across, low[0] : high[0], low[1] : high[1]]
    grey[low[0] - start[0] : high[0] - start[0], low[1] - start[1] : high[1] - start[1]] = part
    return (255 * np.clip(grey.T[::-1] / white, 0, 1) ** 0.7).astype(np.uint8)


def rendered(scan: Scan, frame: Frame) -> np.ndarray:
    """Return a render from the person's left."""
    return render_views(scan.intensities(), scan.grid, {"left_45": 45.0}, size_px=SIDE, frame=frame)["left_45"]


def draw() -> Image.Image:
    """Return the picture."""
    rows = [row(*case) for case in CASES.values()]
    canvas = Image.new("L", (SIDE * len(COLUMNS), LABEL + len(rows) * (SIDE + LABEL)), 255)
    pen = ImageDraw.Draw(canvas)
    for index, name in enumerate(COLUMNS):
        pen.text((index * SIDE + 4, 2), name, fill=0)
    for index, (name, pixels) in enumerate(zip(CASES, rows, strict=True)):
        top = LABEL + index * (SIDE + LABEL)
        canvas.paste(Image.fromarray(pixels), (0, top))
        pen.text((4, top + SIDE + 1), name, fill=0)
    return canvas.quantize(COLOURS, dither=Image.Dither.NONE)


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    draw().save(PICTURE, optimize=True)
