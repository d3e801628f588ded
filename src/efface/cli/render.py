"""``efface render``: pictures of a head from the standard sides."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from efface.cli import options, progress
from efface.errors import UnsupportedImageError, UsageError

if TYPE_CHECKING:
    from efface.evaluate.render import Picture as Drawn
    from efface.scan import Scan


class Detail(str, Enum):
    """How finely to draw: as `efface.evaluate.render.QUALITIES` says, or by VTK."""

    standard = "standard"
    fine = "fine"
    high = "high"


Picture = Annotated[
    Path, typer.Argument(metavar="OUT.png", help="Where to write the picture.", show_default=False, dir_okay=True)
]
Perspective = Annotated[
    bool, typer.Option("--perspective", help="Look from 700 mm, as for a portrait, instead of along parallel rays.")
]
WithDetail = Annotated[
    Detail,
    typer.Option(
        "--quality",
        help="standard: 300 px a view, as verification sees it; fine: 600 px; high: 900 px by VTK (efface[study]).",
    ),
]


def run(
    source: options.Source,
    picture: Picture,
    perspective: Perspective = False,
    quality: WithDetail = Detail.standard,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Draw a head from the five standard views (front, 30 and 45 degrees left and right) and both profiles.

    Any contrast, no display needed. Of a scan that has a face, the picture shows the face: keep it private.

    \b
    efface render T1w_defaced.nii.gz views.png
    efface render T1w.nii.gz private/views.png --perspective --quality high
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    from efface.io import read_scan
    from efface.io.atomic import check_output, write_whole

    if picture.suffix.lower() != ".png":
        message = f"{picture}: the picture is written as PNG; let its name end in .png"
        raise UsageError(message)
    check_output(picture, source, overwrite)
    with progress.shown() as show:
        show("read")
        scan = read_scan(source)
        show("draw")
        write_whole(picture, _draw(scan, source, quality, perspective), overwrite=overwrite)


def _draw(scan: Scan, source: Path, quality: Detail, perspective: bool) -> bytes:
    """Return the contact sheet as a PNG."""
    from efface.evaluate.render import PORTRAIT_MM
    from efface.report.figures import png_bytes, views_sheet

    renders = _views(scan, quality, PORTRAIT_MM if perspective else None)
    if not any(view.any() for view in renders.values()):
        message = f"{source}: no head stands out from the background; check that this is a head scan"
        raise UnsupportedImageError(message)
    return png_bytes(views_sheet(renders))


def _views(scan: Scan, quality: Detail, camera_mm: float | None) -> dict[str, Drawn]:
    from efface.evaluate.render import ALL_VIEWS, QUALITIES, render_views

    if quality is Detail.high:
        from efface.evaluate.vtk_render import render_views_finely

        return render_views_finely(scan.intensities(), scan.grid, camera_mm=camera_mm)
    chosen = QUALITIES[quality.value]
    return render_views(
        scan.intensities(),
        scan.grid,
        ALL_VIEWS,
        size_px=chosen.size_px,
        spacing_mm=chosen.spacing_mm,
        camera_mm=camera_mm,
    )
