"""Draw the README's picture: the bundled synthetic sample before and after.

python docs/make_sample_picture.py
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from efface.cli.demo import before_and_after
from efface.io import read_scan
from efface.phantom import sample
from efface.pipeline import deface_scan

PICTURE = Path(__file__).parent / "images" / "sample.png"
WIDTH = 900
COLOURS = 64


def draw() -> Image.Image:
    """Return the demo's picture, small enough for a web page."""
    result = deface_scan(read_scan(sample()))
    if not result.verdict.passed:
        raise SystemExit(result.verdict.summary())
    picture = Image.open(BytesIO(before_and_after(result))).convert("RGB")
    height = round(picture.height * WIDTH / picture.width)
    small = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    return small.quantize(COLOURS, dither=Image.Dither.NONE)


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    draw().save(PICTURE, optimize=True)
