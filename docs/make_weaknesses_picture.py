"""Draw what each family of published methods leaves or hurts, on two synthetic heads, and print what was measured.

    python docs/make_weaknesses_picture.py

An adult (the sample of the other pictures) and a small child, nobody's heads both. The numbers are those of efface's
own verification; the sentences of methods.md quote them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from make_fill_picture import SIDE, plane
from PIL import Image, ImageDraw

from efface import phantom
from efface.anatomy import Anatomy, locate
from efface.deface_plan import DefacePlan, apply_plan
from efface.evaluate.render import ALL_VIEWS, Frame, frame_of, render_views
from efface.io import read_scan
from efface.planning import plan
from efface.scan import Scan
from efface.spatial.resample import resample
from efface.verification import verify

PICTURE = Path(__file__).parent / "images" / "weaknesses.png"
ACROSS, LABEL, COLOURS = 4, 28, 16
HEADS = {"adult": {"seed": 7}, "child": {"seed": 5, "size": 0.68}}
PAIRS = {"eyes": "eye", "ears": "ear", "cheeks": "cheek"}


@dataclass(frozen=True)
class Shown:
    """One tile: a method, a head, and where its weakness is seen."""

    method: str
    head: str
    view: str
    """Of `efface.evaluate.render.ALL_VIEWS`, or ``plane``: from the side, brain that was removed white."""
    says: str
    """What is measured there, the names of `measured` in braces."""


SHOWN = (
    Shown("pydeface", "adult", "left_30", "eyes {eyes}, ears {ears}"),
    Shown("fsl-deface", "adult", "plane", "{brain} brain voxels go"),
    Shown("mridefacer", "adult", "profile_left", "ears {ears}"),
    Shown("spm-deface", "adult", "profile_left", "ears {ears}"),
    Shown("quickshear", "adult", "left_30", "ears {ears}, eyeballs left {eyeballs}"),
    Shown("quickshear", "child", "left_30", "eyes {eyes}, mouth {mouth}"),
    Shown("mri-deface", "adult", "left_45", "ears {ears}, chin {chin}"),
    Shown("mideface", "adult", "left_45", "chin {chin}, ears {ears}"),
    Shown("afni-refacer", "child", "left_45", "mouth {mouth}"),
    Shown("mri-reface", "adult", "left_45", "own face shows, r {reversible}"),
    Shown("deepdefacer", "adult", "left_45", "ears {ears}, cheeks {cheeks}"),
    Shown("defacer", "adult", "left_45", "nose {nose}, cheeks {cheeks}"),
    Shown("pediatric", "adult", "profile_left", "ears {ears}"),
    Shown("skull-strip", "adult", "left_45", "all gone, {litres} l"),
)


def measured(scan: Scan, result: Scan, anatomy: Anatomy, decided: DefacePlan) -> dict[str, str]:
    """Return what verification says of a result: shares of visible skin that changed, of pairs the lesser.

    Beside that, the share of the eyeballs that stays, as the network saw them.
    """
    verdict = verify(scan, result, anatomy=anatomy, plan=decided)
    values = {check.name: check.value for check in verdict.checks}
    gone = {name.removesuffix("_covered"): value for name, value in values.items() if name.endswith("_covered")}
    pairs = {name: [gone.get(f"{side}_{one}") for side in ("left", "right")] for name, one in PAIRS.items()}
    gone |= {name: None if None in both else min(both) for name, both in pairs.items()}
    seen = anatomy.seen
    eyes = np.isin(seen.labels, [anatomy.classes.index(name) for name in ("left_eye", "right_eye")]).view(np.uint8)
    eyeballs = resample(eyes, seen.grid, scan.grid, order=0) > 0
    return {
        "eyeballs": f"{(~decided.changed)[eyeballs].mean():.2f}",
        **{name: "not seen" if value is None else f"{value:.2f}" for name, value in gone.items()},
        "brain": f"{int(values['brain_voxels_changed'] or 0)}",
        "clearance": f"{values['brain_clearance']:.1f} mm",
        "reversible": f"{values['reversible']:.2f}" if values.get("reversible") is not None else "",
        "litres": f"{sum(decided.region_volumes_ml().values()) / 1000:.1f}",
        "refused": ", ".join(check.name for check in verdict.failed) or "nothing: verified",
    }


def tile(scan: Scan, hurt: np.ndarray, frame: Frame, white: float, view: str) -> np.ndarray:
    """Draw one head; ``hurt`` is the brain that was removed, (I, J, K) bool."""
    if view != "plane":
        angle = {view: ALL_VIEWS[view]}
        return render_views(scan.intensities(), scan.grid, angle, size_px=SIDE, frame=frame)[view]
    worst = np.unravel_index(hurt.sum(axis=(1, 2)).argmax(), hurt.shape[:1])[0]
    places = np.argwhere(hurt[worst])
    marked = scan.stored.copy()
    marked[hurt] = 1.5 * white
    return plane(scan.with_stored(marked), scan.grid.ras([worst, *places.mean(axis=0)]), frame, white)


def main() -> None:
    """Draw and write the picture; print the numbers."""
    tiles = []
    for head, options in HEADS.items():
        scan = read_scan(phantom.head("T1w", spacing_mm=(1.2, 1.2, 1.2), **options))  # type: ignore[arg-type]
        anatomy, frame = locate(scan), frame_of(scan.intensities(), scan.grid)
        white = float(np.percentile(scan.intensities(), 99.5))
        nothing = np.zeros(scan.grid.shape, bool)
        tiles.append((f"{head}: original", "", tile(scan, nothing, frame, white, "left_45")))
        for shown in (one for one in SHOWN if one.head == head):
            decided = plan(scan, anatomy, method=shown.method)
            result = apply_plan(scan, decided)
            said = measured(scan, result, anatomy, decided)
            print(f"{head}, {shown.method}: {said}", flush=True)  # noqa: T201 - a script for those who write the page
            drawn = tile(result, decided.changed & anatomy.brain, frame, white, shown.view)
            tiles.append((f"{shown.method}, {head}", shown.says.format(**said), drawn))
    write(tiles)


def write(tiles: list[tuple[str, str, np.ndarray]]) -> None:
    """Write all tiles, each under its two lines of text."""
    rows = -(-len(tiles) // ACROSS)
    sheet = Image.new("L", (ACROSS * SIDE, rows * (SIDE + LABEL)))
    pen = ImageDraw.Draw(sheet)
    for at, (name, says, drawn) in enumerate(tiles):
        left, top = at % ACROSS * SIDE, at // ACROSS * (SIDE + LABEL)
        sheet.paste(Image.fromarray(drawn), (left, top + LABEL))
        pen.text((left + 3, top + 2), f"{name}\n{says}", fill=255, spacing=1)
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
