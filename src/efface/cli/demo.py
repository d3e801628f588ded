"""``efface demo``: the main job on a synthetic head."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from efface.cli import answers, options, progress

if TYPE_CHECKING:
    from efface.pipeline import Defaced

FOLDER = Path("efface-demo")
SCAN, DEFACED, MASK = "sample_T1w.nii.gz", "sample_T1w_defaced.nii.gz", "sample_T1w_mask.nii.gz"
REPORT, PICTURE = "report", "before_after.png"


def run(
    folder: options.DemoFolder = FOLDER,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Deface a synthetic head that is nobody's, and show what comes out.

    Writes the sample, its defaced copy with mask and sidecar, a report, and a picture of before and after. Run again,
    it replaces its own files.

    \b
    efface demo
    efface demo my-demo
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    from efface.io import read_scan, write_scan
    from efface.io.atomic import write_whole
    from efface.phantom import sample
    from efface.pipeline import deface

    folder.mkdir(parents=True, exist_ok=True)
    with progress.shown() as show:
        show("sample")
        write_scan(read_scan(sample()), folder / SCAN, overwrite=True)
        result: Defaced = deface(
            folder / SCAN, folder / DEFACED, mask=folder / MASK, report=folder / REPORT, overwrite=True, progress=show
        )
        show("draw")
        write_whole(folder / PICTURE, before_and_after(result), overwrite=True)
    _say(result, folder)


def before_and_after(result: Defaced) -> bytes:
    """Draw slices and renders of a synthetic head before and after; of a person, this would show the face.

    Returns
    -------
    picture : PNG
    """
    from efface.evaluate.render import frame_of, render_views
    from efface.report.figures import contact_sheet, png_bytes, slices_figure, views_figure

    grid, mask = result.scan.grid, result.plan.changed
    stages = [result.original.intensities(), result.scan.intensities()]
    frame = frame_of(stages[0], grid)
    rows = []
    for values in stages:
        rows += [slices_figure(values, grid, mask), views_figure(render_views(values, grid, frame=frame))]
    return png_bytes(contact_sheet(*rows, captions=("before (a synthetic head, nobody's)", "", "after", "")))


def _say(result: Defaced, folder: Path) -> None:
    files = {
        SCAN: "the synthetic sample",
        DEFACED: "the same without its face",
        DEFACED.replace(".nii.gz", ".json"): "its sidecar: what was done, and the verdict",
        MASK: "the removed regions",
        f"{REPORT}/{DEFACED.replace('.nii.gz', '.html')}": "the report, with a .png beside it",
        PICTURE: "before and after",
    }
    answers.say(result.verdict.summary())
    for name, what in files.items():
        answers.say(f"  {folder / name}  {what}")
