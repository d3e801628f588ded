"""A dataset's results as one self-contained HTML page. It shows no picture: it names files and numbers only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from efface.report.build import templates
from efface.version import __version__

GOOD = ("verified", "accepted")


def dataset_page(
    *, title: str, counts: Mapping[str, int], rows: Sequence[Mapping[str, Any]], left_out: Mapping[str, str]
) -> str:
    """Write the report of a dataset.

    Parameters
    ----------
    title : name of the dataset; escaped, like every other text
    counts : status -> number of images
    rows : of every image its status, name, closest check, margin, message and what a person decided, riskiest first
    left_out : other files that were not shared -> why

    Returns
    -------
    html : one HTML document; write it as UTF-8
    """
    good = all(status in GOOD for status in counts)
    page = templates().get_template("dataset.html.jinja")
    return page.render(
        title=title, counts=counts, rows=rows, left_out=left_out, good=good, private=False, version=__version__
    )
