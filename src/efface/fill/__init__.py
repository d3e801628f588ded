"""What is written into removed voxels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.errors import UsageError
from efface.fill.zero import zero
from efface.scan import Scan

TABLE: dict[str, Callable[[Scan], NDArray[Any]]] = {"zero": zero}
"""Fill key -> function from a scan to stored values."""


def fill_values(key: str, scan: Scan) -> NDArray[np.generic]:
    """Return what a fill writes into a scan, stored units.

    Raises
    ------
    UsageError
        No such fill.
    """
    if key not in TABLE:
        message = f"fill {key!r} is unknown; choose one of: {', '.join(sorted(TABLE))}"
        raise UsageError(message)
    return TABLE[key](scan)
