"""What the parameters of methods may be, said at once: before a scan is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from efface.errors import UsageError

if TYPE_CHECKING:
    from efface.methods.base import DefaceMethod

KEPT = {"ears": ("left_ear", "right_ear"), "eyes": ("left_eye", "right_eye")}
"""What may be kept, and its regions."""
CLEARANCE_MM = (2.0, 20.0)
"""The brain needs at least the former; above the latter the face stays."""
TIME_OUT_S = (0.1, 1e6)


def check_limits(method: DefaceMethod, **limits: tuple[float, float]) -> None:
    """Raise `UsageError` unless parameters lie within limits; NaN never does.

    Parameters
    ----------
    method : a method with its parameters; one that holds several numbers must hold as many as by default
    **limits : parameter -> its lowest and its highest value, each number's of several
    """
    for name, (low, high) in limits.items():
        value, default = getattr(method, name), getattr(type(method), name)
        numbers = value if isinstance(default, tuple) else (value,)
        count = len(default) if isinstance(default, tuple) else 1
        if len(numbers) != count or not all(low <= number <= high for number in numbers):
            wanted = f"{count} numbers from" if count > 1 else "a number from"
            message = f"method {method.key}: {name} = {value}; give {wanted} {low:g} to {high:g}"
            raise UsageError(message)


def check_choice(method: DefaceMethod, name: str, choices: Sequence[str]) -> None:
    """Raise `UsageError` unless a parameter is one of some words, or holds only such words."""
    value = getattr(method, name)
    if not set((value,) if isinstance(value, str) else value) <= set(choices):
        message = f"method {method.key}: {name} = {value!r}; use any of: {', '.join(choices)}"
        raise UsageError(message)


def check_files(method: DefaceMethod, *names: str) -> None:
    """Raise `UsageError` unless the files that parameters name are there; those that are not given need not be."""
    for name in names:
        path = getattr(method, name)
        if path is not None and not Path(path).is_file():
            message = f"method {method.key}: {name} = {path}: no such file; give a NIfTI file that is there"
            raise UsageError(message)


def check_pair(method: DefaceMethod) -> None:
    """Raise `UsageError` unless a template and its mask are given together or not at all, and are there."""
    names = ("template", "mask_template")
    if len([name for name in names if getattr(method, name) is None]) == 1:
        message = f"method {method.key}: {' and '.join(names)} belong together; give both, or none for efface's own"
        raise UsageError(message)
    check_files(method, *names)


def several(names: str | Sequence[str]) -> tuple[str, ...]:
    """Return one word or several as several."""
    return (names,) if isinstance(names, str) else tuple(names)
