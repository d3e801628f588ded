"""What a method is: parameters, and one function from scan and anatomy to a face mask."""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.scan import Scan


class DefaceMethod(Protocol):
    """A frozen dataclass whose fields are the method's parameters."""

    key: ClassVar[str]
    """Name on the command line."""
    citation: ClassVar[str]
    """Where the method comes from."""

    def face_mask(self, scan: Scan, anatomy: Anatomy) -> NDArray[np.uint8]:
        """Return which voxels to replace.

        Returns
        -------
        mask : (I, J, K) uint8 array on the scan's grid; 0 is kept, other values are ``anatomy.names``'s
        """
        ...
