"""What every method says of itself, as values for a list."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, cast

from efface.errors import UsageError
from efface.methods import DEFAULT, method_class, method_keys
from efface.methods.base import Availability, DefaceMethod, availability_of, traits_of

SAMPLE = "efface deface T1w.nii.gz T1w_defaced.nii.gz"


@dataclass(frozen=True)
class Listed:
    """One method."""

    name: str
    """Its key."""
    default: bool
    """Whether it is what runs if none is named."""
    what: str
    """What it does, one sentence."""
    citation: str
    """Where it comes from."""
    needs: str
    """What it needs beside efface."""
    availability: Availability
    """Whether it can be used here."""
    follows_face: bool = False
    """Whether its mask shows the person's own face."""
    fill: str = "zero"
    """What it writes if no fill is named."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Name -> default; None where there is none, whether it must be given or may be left out."""
    sample: str = ""
    """A command that uses it."""


def listed_methods() -> list[Listed]:
    """Return all methods; one of another package that cannot be loaded is listed with its reason."""
    return [_listed(key) for key in method_keys()]


def _listed(key: str) -> Listed:
    try:
        method = method_class(key)
    except UsageError as error:
        return Listed(key, False, "cannot be loaded", "", "its own package", Availability(False, str(error)))
    traits = traits_of(method)
    return Listed(
        name=key,
        default=key == DEFAULT,
        what=(inspect.getdoc(method) or "").partition("\n")[0],
        citation=method.citation,
        needs=traits.needs,
        availability=availability_of(method),
        follows_face=traits.follows_face,
        fill=traits.default_fill,
        parameters=_parameters(method),
        sample=getattr(method, "sample", f"{SAMPLE}{'' if key == DEFAULT else f' --method {key}'}"),
    )


def _parameters(method: type[DefaceMethod]) -> dict[str, Any]:
    """Return the default of each parameter."""
    return {
        each.name: None if each.default is MISSING else each.default
        for each in fields(cast("Any", method))
        if each.init
    }
