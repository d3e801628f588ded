"""The files of an audit's report: a page to share, and apart from it a page with renders."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from efface.auditing.findings import Finding, Kind
from efface.auditing.walking import Sort, sort_of
from efface.errors import InputError, UsageError
from efface.evaluate.render import render_views
from efface.io import read_scan
from efface.report.audit_page import PICTURE_PX, PICTURE_VIEWS, audit_page

LOG = logging.getLogger("efface")
PAGE, PRIVATE_PAGE = "audit.html", "audit_private.html"
DRAWN = (Kind.FACE, Kind.UNSURE, Kind.REFACED, Kind.DEFACED)
"""Kinds of which there may be a head to look at; also what is called defaced, where a person may see more."""
SPACING_MM = 2.0
"""How finely the surface is found for small renders."""
Progress = Callable[[int, int, Path], None]


def check_apart(report: Path | None, private_report: Path | None) -> None:
    """Raise `UsageError` where the page that shows faces would lie in, above or below the folder to share."""
    if report is None or private_report is None:
        return
    shared, private = report.resolve(), private_report.resolve()
    if shared == private or shared in private.parents:
        message = (
            f"{private_report}: private pictures would lie in {report}, which is to be shared; give another folder"
        )
        raise UsageError(message)


def report_file(findings: Sequence[Finding], roots: Sequence[Path], folder: Path) -> dict[Path, bytes]:
    """Return the page that can be shared: no picture, and no path above what was audited."""
    return {folder / PAGE: audit_page(findings, roots).encode()}


def private_report_file(
    findings: Sequence[Finding], roots: Sequence[Path], folder: Path, progress: Progress
) -> dict[Path, bytes]:
    """Return the page with small renders; it shows faces.

    Parameters
    ----------
    findings, roots : see `efface.report.audit_page.audit_page`
    folder : where the page goes
    progress : told before each scan is drawn
    """
    heads = [each.path for each in findings if each.kind in DRAWN and sort_of(each.path) in (None, Sort.IMAGE)]
    pictures = {}
    for done, path in enumerate(heads):
        progress(done, len(heads), path)
        picture = _picture_or_none(path)
        if picture is not None:
            pictures[path] = picture
    return {folder / PRIVATE_PAGE: audit_page(findings, roots, pictures).encode()}


def _picture_or_none(path: Path) -> bytes | None:
    """Draw one scan; one that cannot be drawn, for whatever reason, must not cost the report of all others."""
    try:
        return _picture(path)
    except InputError:
        return None  # the finding says so already
    except Exception as error:
        LOG.warning("%s: no render: %s: %s", path, type(error).__name__, error)
        LOG.debug("where it happened", exc_info=True)
        return None


def _picture(path: Path) -> bytes:
    scan = read_scan(path)
    views = render_views(scan.intensities(), scan.grid, PICTURE_VIEWS, size_px=PICTURE_PX, spacing_mm=SPACING_MM)
    buffer = BytesIO()
    Image.fromarray(np.hstack(list(views.values()))).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
