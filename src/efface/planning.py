"""From scan and anatomy to a plan."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from efface.anatomy import Anatomy
from efface.atlas import load_atlas
from efface.deface_plan import DefacePlan
from efface.errors import VerificationError
from efface.fill import fill_values
from efface.methods import DEFAULT, get_method
from efface.scan import Scan
from efface.version import __version__


def plan(scan: Scan, anatomy: Anatomy, method: str = DEFAULT, fill: str = "zero", **parameters: Any) -> DefacePlan:
    """Decide which voxels change and to what; touches none.

    Parameters
    ----------
    scan, anatomy : the scan, and what `efface.locate` found in it
    method : key of a method
    fill : ``"zero"``
    **parameters : the method's own, such as ``clearance_mm``

    Returns
    -------
    plan : on the scan's grid

    Raises
    ------
    UsageError
        Unknown method, fill or parameter.
    GridMismatchError
        The anatomy is another scan's.
    VerificationError
        Nothing would change: no face lies in the field of view.
    """
    scan.grid.check_same(anatomy.grid, "the anatomy")
    chosen = get_method(method, **parameters)
    mask = chosen.face_mask(scan, anatomy)
    if not mask.any():
        message = f"method {method} found no face in this scan's field of view; look at the scan before sharing it"
        raise VerificationError(message)
    used = set(np.flatnonzero(np.bincount(mask.ravel(order="K"), minlength=256)).tolist()) - {0}
    return DefacePlan(
        grid=scan.grid,
        mask=mask,
        names={value: name for value, name in load_atlas().region_names.items() if value in used},
        values=fill_values(fill, scan),
        method=method,
        fill=fill,
        parameters=asdict(chosen),  # type: ignore[call-overload] # methods are dataclasses; a Protocol cannot say so
        provenance={
            "efface": __version__,
            "atlas_sha256": load_atlas().sha256,
            "network_sha256": anatomy.network_sha256,
        },
    )
