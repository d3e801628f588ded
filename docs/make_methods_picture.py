"""Draw the documentation's picture of the methods: the synthetic sample through each of them.

    python docs/make_methods_picture.py

Each head is shown in the plane between its halves and as a render from its left. The sample is nobody's head. Where
each head is, is written into the file (PNG text ``heads``: label -> left, top, width, height in pixels), so that the
list of methods can show them one by one.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from make_fill_picture import SIDE, plane
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from efface import phantom
from efface.anatomy import locate
from efface.deface_plan import apply_plan
from efface.evaluate.render import Frame, frame_of, render_views
from efface.io import read_scan
from efface.methods import TABLE
from efface.methods.listing import listed_methods
from efface.planning import plan
from efface.scan import Scan

PICTURE = Path(__file__).parent / "images" / "methods.png"
ACROSS, LABEL, COLOURS = 4, 16, 64
MORE = {"afni-refacer reface": ("afni-refacer", {"mode": "reface"})}
"""Modes that look different enough to be shown, too."""


def tile(scan: Scan, frame: Frame, white: float, middle: np.ndarray) -> np.ndarray:
    """Draw one head: a plane and a render."""
    view = render_views(scan.intensities(), scan.grid, {"left_45": 45.0}, size_px=SIDE, frame=frame)["left_45"]
    return np.concatenate([plane(scan, middle, frame, white), view], axis=1)


def cases() -> dict[str, tuple[str, dict[str, str]]]:
    """Return label -> method and parameters of what is shown: all that needs no other program."""
    ready = [one.name for one in listed_methods() if one.name in TABLE and not one.name.startswith("external")]
    return {**{key: (key, {}) for key in ready}, **MORE}


def main() -> None:
    """Draw and write the picture."""
    scan = read_scan(phantom.head("T1w", spacing_mm=(1.2, 1.2, 1.2), seed=7))
    anatomy = locate(scan)
    frame, white = frame_of(scan.intensities(), scan.grid), float(np.percentile(scan.intensities(), 99.5))
    middle = (anatomy.atlas_to_scan @ [2.0, 40.0, -30.0, 1.0])[:3]
    tiles = {"original": tile(scan, frame, white, middle)}
    for label, (key, parameters) in cases().items():
        decided = plan(scan, anatomy, method=key, **parameters)
        tiles[f"{label} ({decided.fill})"] = tile(apply_plan(scan, decided), frame, white, middle)
    rows = -(-len(tiles) // ACROSS)
    sheet = Image.new("L", (ACROSS * 2 * SIDE, rows * (SIDE + LABEL)))
    pen = ImageDraw.Draw(sheet)
    heads = {}
    for at, (label, drawn) in enumerate(tiles.items()):
        left, top = at % ACROSS * 2 * SIDE, at // ACROSS * (SIDE + LABEL)
        sheet.paste(Image.fromarray(drawn), (left, top + LABEL))
        pen.text((left + 4, top + 3), label, fill=255)
        heads[label] = (left, top + LABEL, 2 * SIDE, SIDE)
    text = PngInfo()
    text.add_text("heads", json.dumps(heads))
    sheet.quantize(COLOURS).save(PICTURE, optimize=True, pnginfo=text)


if __name__ == "__main__":
    main()
