"""Results to one self-contained HTML page, readable in ten seconds and offline."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from efface.deface_plan import DefacePlan
from efface.printable import printable
from efface.verdict import Check, Verdict
from efface.version import __version__

OUTCOMES = {True: "passed", False: "failed", None: "not judged"}
"""How a check's outcome is written."""


def scan_page(
    *,
    title: str,
    verdict: Verdict,
    plan: DefacePlan,
    pictures: Mapping[str, bytes],
    facts: Mapping[str, str],
    private: bool = False,
) -> str:
    """Write the report of one scan.

    The page holds everything it needs, makes no request and runs no script. It shows the pictures it is given and
    nothing else of the scan: give it pictures of the defaced voxels only, unless it is private.

    Parameters
    ----------
    title : str
        Name of the scan; escaped, like every other text.
    verdict : Verdict
        What was checked. Decides whether the page says VERIFIED or REFUSED.
    plan : DefacePlan
        What was changed; the page lists the volume of each region, its method and parameters.
    pictures : mapping of str to bytes
        Caption and PNG of each picture, in the order in which they are shown.
    facts : mapping of str to str
        Further lines for the table of facts, such as versions and hashes.
    private : bool
        Whether the pictures show a face; the page then warns on the screen and on paper.

    Returns
    -------
    html : str
        One HTML document; write it as UTF-8.
    """
    return (
        templates()
        .get_template("scan.html.jinja")
        .render(
            title=title,
            verdict=verdict,
            checks=_failing_first(verdict),
            pictures={caption: data_uri(png) for caption, png in pictures.items()},
            facts=_facts(plan, facts),
            regions=_regions(plan),
            private=private,
            version=__version__,
        )
    )


@cache
def templates() -> Environment:
    """Return the templates, escaping whatever is put into them."""
    environment = Environment(
        loader=PackageLoader("efface.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = asset("report.css")
    environment.filters |= {"number": _number, "outcome": _outcome, "words": _words, "shown": printable}
    return environment


def asset(name: str) -> str:
    """Return the text of one of our own files, which goes into pages as it is."""
    return (files("efface.report") / "assets" / name).read_text(encoding="utf-8")


def data_uri(data: bytes, kind: str = "png") -> str:
    """Return a picture as an address that holds it."""
    return f"data:image/{kind};base64," + b64encode(data).decode("ascii")


def _failing_first(verdict: Verdict) -> list[Check]:
    """Return the checks: failed, then passed, then not judged."""
    rank = {False: 0, True: 1, None: 2}
    return sorted(verdict.checks, key=lambda check: rank[check.passed])


def _facts(plan: DefacePlan, facts: Mapping[str, str]) -> dict[str, str]:
    """Return the table of facts: the plan's own, then those given, which win."""
    parameters = {f"parameter {_words(name)}": str(value) for name, value in plan.parameters.items()}
    own = {"method": plan.method, "fill": plan.fill, "grid": repr(plan.grid), **parameters}
    return own | dict(plan.provenance) | dict(facts)


def _regions(plan: DefacePlan) -> dict[str, float]:
    """Return the volume of each region that was changed, the largest first, millilitres."""
    volumes = plan.region_volumes_ml()
    return {name: volumes[name] for name in sorted(volumes, key=lambda name: -volumes[name])}


def _number(value: float | None) -> str:
    """Write a number with four digits, or a dash where nothing was measured."""
    return "–" if value is None else f"{value:.4g}"


def _outcome(check: Check) -> str:
    return OUTCOMES[check.passed]


def _words(key: str) -> str:
    """Turn a key such as ``brain_kept`` into words."""
    return key.replace("_", " ")
