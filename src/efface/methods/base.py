"""What a method is: parameters, and one function from scan and anatomy to a decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.scan import Scan

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Decision:
    """Which voxels to replace, and what was chosen on the way."""

    mask: NDArray[np.uint8] = field(repr=False)
    """(I, J, K) on the scan's grid; 0 is kept, other values are `efface.methods.regions.region_names`'s."""
    choices: Mapping[str, int] = field(default_factory=dict)
    """Discrete choices that the scan decided, such as growth steps."""
    values: Values | None = field(default=None, repr=False)
    """What the fill ``own`` writes, in the scan's units, for the mask's voxels in C order: (N,), or (N, T) for each
    volume of a 4-D scan; None if the method writes nothing of its own."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What else is to be known of how it was decided, such as another program's name; goes into ``provenance``."""

    def with_mask(self, mask: NDArray[np.uint8], background: Callable[[], float]) -> Decision:
        """Return the decision with another mask; where it is wider, ``own`` writes the background.

        Parameters
        ----------
        mask : (I, J, K) uint8 array, as ``mask``
        background : what nothing measures, in the scan's units; asked for only if there are values
        """
        if self.values is None:
            return replace(self, mask=mask)
        values = np.full((*mask.shape, *self.values.shape[1:]), background(), self.values.dtype)
        values[self.mask != 0] = self.values
        return replace(self, mask=mask, values=values[mask != 0])


@dataclass(frozen=True)
class Availability:
    """Whether a method can be used on this computer."""

    ready: bool
    """Whether all that it needs is here."""
    remedy: str = ""
    """What is missing and what to install, if it is not ready."""


@dataclass(frozen=True)
class Traits:
    """What a method's class says of itself; a class that says nothing has these."""

    default_fill: str = "zero"
    """The fill where none is asked for; ``"own"`` for programs that decide what is written."""
    writes_own: bool = False
    """Whether its decisions hold ``values``, so that the fill ``own`` can be asked for."""
    follows_face: bool = False
    """Whether the mask's edge follows the person's own face: such a mask is private."""
    needs: str = "nothing else"
    """What it needs beside efface, in a few words."""


class DefaceMethod(Protocol):
    """A frozen dataclass whose fields are the method's parameters.

    It may also have the class attributes of `Traits`, and a class method ``availability() -> Availability``.
    """

    key: ClassVar[str]
    """Name on the command line."""
    citation: ClassVar[str]
    """Where the method comes from."""

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Return which voxels to replace; changes none."""
        ...


def traits_of(method: DefaceMethod | type[DefaceMethod]) -> Traits:
    """Return what a method, or its class, says of itself."""
    said = {name: getattr(method, name) for name in Traits.__dataclass_fields__ if hasattr(method, name)}
    return Traits(**said)


def availability_of(method: DefaceMethod | type[DefaceMethod]) -> Availability:
    """Return whether a method can be used here; one that does not say can be."""
    ask = getattr(method, "availability", None)
    return Availability(ready=True) if ask is None else ask()
