"""JSON that other people wrote: whatever is wrong with it is one error, and what is no number is none."""

from __future__ import annotations

import json
import math
from typing import Any


def parsed(data: bytes) -> Any:
    """Return what a JSON document holds; ``NaN`` and numbers without end, which JSON does not know, become None.

    Raises
    ------
    ValueError
        It is no JSON in UTF-8, or nested too deeply.
    """
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_none, parse_float=_number)
    except RecursionError as error:
        message = "it is nested too deeply"
        raise ValueError(message) from error


def _none(_: str) -> None:
    return None


def _number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None
