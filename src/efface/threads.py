"""How many threads this process may use; a worker beside others must not take their cores."""

from __future__ import annotations

import os

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
"""What libraries ask before they start threads; efface itself asks the first."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads(most: int) -> int:
    """Return how many threads to start.

    Parameters
    ----------
    most : more gain nothing

    Returns
    -------
    number : no more than there are cores, nor than ``OMP_NUM_THREADS`` says, where it is set
    """
    asked = os.environ.get(VARIABLES[0], "")
    allowed = min(cores(), int(asked)) if asked.isdecimal() and int(asked) else cores()
    return min(most, allowed)
