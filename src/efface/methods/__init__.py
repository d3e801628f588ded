"""The methods, as a table: key -> where it lives. Each is imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from efface.errors import UsageError
from efface.methods.base import DefaceMethod

TABLE: dict[str, str] = {
    "anatomy": "efface.methods.anatomy:BrainDecides",
    "template-mask": "efface.methods.template_mask:TemplateMask",
}
"""Method key -> "module:class"."""

DEFAULT = "anatomy"


def get_method(key: str, **parameters: Any) -> DefaceMethod:
    """Return a method by its key, with parameters.

    Raises
    ------
    UsageError
        No such method, or no such parameter.
    """
    if key not in TABLE:
        message = f"method {key!r} is unknown; choose one of: {', '.join(sorted(TABLE))}"
        raise UsageError(message)
    module, name = TABLE[key].split(":")
    method: type[DefaceMethod] = getattr(import_module(module), name)
    try:
        return method(**parameters)
    except TypeError as error:
        message = f"method {key}: {error}"
        raise UsageError(message) from error
