"""What a fill decides: values, and how they were found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Filling:
    """What is written into the replaced voxels."""

    values: NDArray[np.generic] = field(repr=False)
    """In the scan's stored units and dtype: one number, shape (); or, in C order of the mask, (N,),
    of 4-D scans (N, T)."""
    facts: Mapping[str, Any]
    """What was measured in kept voxels, JSON values for the sidecar."""
