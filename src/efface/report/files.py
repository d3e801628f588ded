"""The files of one scan's report: a page and a picture."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from efface.evaluate.render import frame_of, render_views
from efface.methods import method_class
from efface.methods.base import traits_of
from efface.provenance import json_bytes
from efface.report.build import scan_page
from efface.report.figures import before_after_figure, contact_sheet, png_bytes, slices_figure, views_figure
from efface.version import __version__

if TYPE_CHECKING:
    from efface.pipeline import Defaced

SLICES = "Three slices of the defaced scan; the face mask is outlined"
PLAIN_SLICES = "Three slices of the defaced scan; the mask's outline would show the face, and is left out"
VIEWS = "Five views of the defaced head"
BEFORE_AFTER = "Before and after"


def report_files(result: Defaced, name: str, folder: Path) -> dict[Path, bytes]:
    """Return the shareable report: it shows the defaced head, and of a refused scan no picture at all.

    Parameters
    ----------
    result : one run
    name : stem of the output's name
    folder : where the report goes

    Returns
    -------
    files : path -> bytes; ``name.html``, and ``name.png`` if the scan was verified
    """
    pictures: dict[str, bytes] = {}
    files: dict[Path, bytes] = {}
    if result.verdict.passed:
        after = result.scan.intensities()
        hidden = traits_of(method_class(result.plan.method)).follows_face
        outlined = np.zeros_like(result.plan.changed) if hidden else result.plan.changed
        slices = slices_figure(after, result.scan.grid, outlined)
        views = views_figure(render_views(after, result.scan.grid))
        pictures = {PLAIN_SLICES if hidden else SLICES: png_bytes(slices), VIEWS: png_bytes(views)}
        files[folder / f"{name}.png"] = png_bytes(contact_sheet(slices, views))
    page = scan_page(title=name, verdict=result.verdict, plan=result.plan, pictures=pictures, facts=_facts(result))
    files[folder / f"{name}.html"] = page.encode()
    return files


def private_report_files(result: Defaced, name: str, folder: Path, source: Path) -> dict[Path, bytes]:
    """Return the private report: before and after, and a log that leads back to the input.

    Returns
    -------
    files : path -> bytes; ``name_private.html``, ``name_private.png``, ``name_private.json``
    """
    before, after = result.original.intensities(), result.scan.intensities()
    grid = result.scan.grid
    frame = frame_of(before, grid)
    slices = before_after_figure(before, after, grid, result.plan.changed)
    rows = [views_figure(render_views(values, grid, frame=frame)) for values in (before, after)]
    sheet = png_bytes(contact_sheet(slices, *rows))
    log = {
        "input": str(source.resolve()),
        "input_sha256": input_hashes(source),
        "output": name,
        "efface": __version__,
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "atlas_to_scan": result.anatomy.atlas_to_scan.round(6).tolist(),
        "verdict": result.verdict.as_dict(),
    }
    page = scan_page(
        title=name, verdict=result.verdict, plan=result.plan, pictures={BEFORE_AFTER: sheet}, facts=_facts(result),
        private=True,
    )  # fmt: skip
    return {
        folder / f"{name}_private.html": page.encode(),
        folder / f"{name}_private.png": sheet,
        folder / f"{name}_private.json": json_bytes(log),
    }


def input_hashes(source: Path) -> str | dict[str, str]:
    """Return the hash of a file, or of every file of a folder."""
    if source.is_dir():
        files = [each for each in sorted(source.rglob("*")) if each.is_file()]
        return {each.relative_to(source).as_posix(): _sha256(each) for each in files}
    return _sha256(source)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _facts(result: Defaced) -> dict[str, str]:
    plan, grid = result.plan, result.scan.grid
    return {
        "Method": plan.method,
        "Fill": plan.fill,
        "Parameters": ", ".join(f"{key} = {value}" for key, value in plan.parameters.items()),
        "Scan": f"{' x '.join(map(str, grid.shape))} voxels of {' x '.join(f'{s:.3g}' for s in grid.spacing_mm)} mm, "
        f"{grid.axis_codes}, {result.scan.stored.dtype.name}, {result.scan.volumes} volume(s)",
        "Version": f"efface {plan.provenance['efface']}",
        "Atlas": f"sha256 {plan.provenance['atlas_sha256'][:16]}",
    }
