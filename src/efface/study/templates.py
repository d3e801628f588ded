"""The templates of the report and of the text of methods."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def templates() -> Environment:
    """Return the templates; HTML escapes whatever is put into it, Markdown does not."""
    environment = Environment(
        loader=PackageLoader("efface.report"),
        autoescape=lambda name: bool(name and ".html" in name),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    assets = files("efface.report") / "assets"
    environment.globals["style"] = "".join((assets / name).read_text("utf-8") for name in ("report.css", "study.css"))
    environment.filters["words"] = lambda name: str(name).replace("_", " ")
    return environment
