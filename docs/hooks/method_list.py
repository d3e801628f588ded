"""Writes what each method is, from its class, where ``method-list.md`` says ``<!-- methods -->``."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path
from typing import Any

import griffe

from efface.methods import TABLE, method_class
from efface.methods.listing import Listed, listed_methods

PLACE = "<!-- methods -->"
SOURCE = Path(__file__).parents[2] / "src"
METHODS = "efface.methods."


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
            *(f"- {name}: {text}" for name, text in facts.items() if text),
            "",
            "```console",
            f"$ {method.sample}",
            "```",
            "",
            *(["| parameter | default | what it is |", "|---|---|---|", *rows] if rows else ["It has no parameters."]),
        ]
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
