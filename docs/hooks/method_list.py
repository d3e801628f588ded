"""Writes what each method is, from its class, where ``method-list.md`` says ``<!-- methods -->``."""

from __future__ import annotations

import inspect
import json
from functools import cache
from pathlib import Path
from typing import Any

import griffe
from PIL import Image

from efface.methods import TABLE, method_class
from efface.methods.listing import Listed, listed_methods

PLACE = "<!-- methods -->"
SOURCE = Path(__file__).parents[2] / "src"
METHODS = "efface.methods."
PICTURE = Path(__file__).parents[1] / "images" / "methods.png"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the methods where a page asks for them; those of other packages that are installed here are not efface's."""
    if PLACE not in markdown:
        return markdown
    sections = [_section(method) for method in listed_methods() if method.name in TABLE]
    return markdown.replace(PLACE, "\n\n".join(sections))


def _section(method: Listed) -> str:
    cls = method_class(method.name)
    facts = {
        "From": method.citation,
        "Needs": method.needs,
        "Fill, if none is named": f"`{method.fill}`",
        "Mask": "follows the person's own face: private"
        if method.follows_face
        else "does not follow the person's face",
    }
    rows = [f"| `{name}` | {_default(value)} | {_said(cls, name)} |" for name, value in method.parameters.items()]
    return "\n".join(
        [
            f"## {method.name}",
            "",
            inspect.getdoc(cls) or "",
            "",
            *_pictures(method.name),
            "",
            *(f"- {name}: {text}" for name, text in facts.items() if text),
            "",
            "```console",
            f"$ {method.sample}",
            "```",
            "",
            *(["| parameter | default | what it is |", "|---|---|---|", *rows] if rows else ["It has no parameters."]),
        ]
    )


def _pictures(name: str) -> list[str]:
    """Show the sample before and after a method, as far as it was drawn; programs of others were not."""
    with Image.open(PICTURE) as sheet:
        heads = json.loads(sheet.text["heads"])
    after = {label: place for label, place in heads.items() if label.split()[0] == name}
    if not after:
        return []
    shown = {"before": heads["original"], **{_caption(label, name): place for label, place in after.items()}}
    return ['<div class="heads">', *(_picture(label, *place) for label, place in shown.items()), "</div>"]


def _caption(label: str, name: str) -> str:
    """Turn ``name mode (fill)`` into words."""
    mode, _, fill = label.removeprefix(name).strip().partition("(")
    return f"after, {mode and f'mode {mode.strip()}, '}fill {fill.strip(')')}"


def _picture(label: str, left: int, top: int, width: int, height: int) -> str:
    where = f"width: {width}px; height: {height}px; background: url(images/{PICTURE.name}) -{left}px -{top}px"
    return (
        f'<figure><div role="img" aria-label="{label}" style="{where}"></div><figcaption>{label}</figcaption></figure>'
    )


def _default(value: Any) -> str:
    """Return a default as ``--param`` would take it."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`" if value else "nothing"
    return "none" if value is None else f"`{value}`" if value != "" else "nothing"


def _said(cls: type, name: str) -> str:
    """Return what stands under a field, in the class itself or in one that it inherits from."""
    for each in inspect.getmro(cls):
        if each.__module__.startswith(METHODS):
            field = _source()[each.__module__.removeprefix(METHODS)][each.__name__].members.get(name)
            if field is not None and field.docstring:
                return " ".join(field.docstring.value.split()).replace("|", "\\|")
    message = f"{cls.__name__}.{name} has no docstring"
    raise LookupError(message)


@cache
def _source() -> Any:
    """Read the methods' modules; what stands under a field is not there once they are imported."""
    return griffe.load("efface.methods", search_paths=[SOURCE], allow_inspection=False)
