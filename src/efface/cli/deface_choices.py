"""What ``efface deface`` was asked to do: the method, the fill and the method's parameters, checked before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from efface.errors import UsageError


def choices(method: str, fill: str | None, options: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """Return keywords for `efface.deface`; a wrong name or number is refused now, not after the scan was searched.

    Parameters
    ----------
    method, fill : their keys; no fill is the method's default
    options : parameters that have an option of their own; None is not given
    texts : the other parameters, each as ``name=value``
    """
    from efface.methods import get_method, method_class
    from efface.planning import fill_of

    parameters = {name: value for name, value in options.items() if value is not None}
    if texts:
        from efface.methods.parameters import read_parameters  # seldom needed

        more = read_parameters(method_class(method), method, texts)
        twice = sorted(set(parameters) & set(more))
        if twice:
            message = f"--param {', '.join(twice)} is given by its own option, too; give each parameter once"
            raise UsageError(message)
        parameters |= more
    chosen = get_method(method, **parameters)
    return {"method": method, "fill": fill_of(chosen, fill), **parameters}
