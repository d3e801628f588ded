"""Lets the reference read efface's docstrings, which say after the colon what a value is and not of which type it is.

``source : path of a NIfTI file`` becomes the description; the type is the signature's.
"""

from __future__ import annotations

from typing import Any

from griffe import DocstringSectionKind, Extension, Function

NAMED = (DocstringSectionKind.parameters, DocstringSectionKind.other_parameters)


class Docstrings(Extension):
    """Moves what stands after the colon to where a reader looks for it."""

    def on_function_instance(self, *, func: Function, **_: Any) -> None:
        """Parse one docstring, and keep what was made of it."""
        if func.docstring is None:
            return
        sections = func.docstring.parse("numpy", warnings=False)
        for section in sections:
            if section.kind in NAMED:
                for each in section.value:
                    _describe(each, _annotation(func, each.name))
            elif section.kind is DocstringSectionKind.returns and len(section.value) == 1:
                _describe(section.value[0], func.returns)
        func.docstring.__dict__["parsed"] = sections


def _describe(element: Any, annotation: Any) -> None:
    """Put an element's words together, unless they are a type and a sentence as numpydoc has them."""
    said = element.description.strip()
    if element.annotation is None or said[:1].isupper():
        return
    element.description = f"{element.annotation} {said}".strip()
    element.annotation = annotation


def _annotation(func: Function, name: str) -> Any:
    known = {each.name: each.annotation for each in func.parameters}
    return known.get(name.lstrip("*")) or known.get(name.split(",")[0])
