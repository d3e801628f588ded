"""What a method is: parameters, and one function from scan and anatomy to a decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.scan import Scan


@dataclass(frozen=True, eq=False)
class Decision:
    """Which voxels to replace, and what was chosen on the way."""

    mask: NDArray[np.uint8] = field(repr=False)
    """(I, J, K) on the scan's grid; 0 is kept, other values are ``Atlas.region_names``'s."""
    choices: Mapping[str, int] = field(default_factory=dict)
    """Discrete choices that the scan decided, such as growth steps."""


class DefaceMethod(Protocol):
    """A frozen dataclass whose fields are the method's parameters."""

    key: ClassVar[str]
    """Name on the command line."""
    citation: ClassVar[str]
    """Where the method comes from."""

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Return which voxels to replace; changes none."""
        ...
