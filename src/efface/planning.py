"""From scan and anatomy to a plan."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from efface.anatomy import Anatomy
from efface.atlas import load_atlas
from efface.deface_plan import DefacePlan
from efface.errors import VerificationError
from efface.fill import check_fill, fill_values
from efface.methods import DEFAULT, get_method
from efface.methods.base import Decision, DefaceMethod
from efface.scan import Scan
from efface.version import __version__


def plan(scan: Scan, anatomy: Anatomy, method: str = DEFAULT, fill: str = "zero", **parameters: Any) -> DefacePlan:
    """Decide which voxels change and to what; touches none.

    Parameters
    ----------
    scan, anatomy : the scan, and what `efface.locate` found in it
    method : key of a method
    fill : ``"zero"``, ``"noise"`` or ``"reface"``
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
    check_fill(fill)
    chosen = get_method(method, **parameters)
    return plan_decided(scan, anatomy, chosen, decide(chosen, scan, anatomy), fill)


def decide(chosen: DefaceMethod, scan: Scan, anatomy: Anatomy) -> Decision:
    """Let a method decide; the choices made while the anatomy was found are recorded with its own."""
    decision = chosen.decide(scan, anatomy)
    return replace(decision, choices={**anatomy.choices, **decision.choices})


def plan_decided(
    scan: Scan, anatomy: Anatomy, chosen: DefaceMethod, decision: Decision, fill: str, **provenance: str
) -> DefacePlan:
    """Turn a method's decision into a plan: see `plan`.

    Parameters
    ----------
    scan, anatomy : the scan, and what is where in it
    chosen : the method
    decision : what it decided, on the scan's grid
    fill : ``"zero"``, ``"noise"`` or ``"reface"``
    **provenance : what else is to be known of how the plan came about
    """
    mask = decision.mask
    if not mask.any():
        message = f"method {chosen.key} found no face in this scan's field of view; look at the scan before sharing it"
        raise VerificationError(message)
    filling = fill_values(fill, scan, anatomy, mask != 0)
    used = set(np.flatnonzero(np.bincount(mask.ravel(order="K"), minlength=256)).tolist()) - {0}
    return DefacePlan(
        grid=scan.grid,
        mask=mask,
        names={value: name for value, name in load_atlas().region_names.items() if value in used},
        values=filling.values,
        method=chosen.key,
        fill=fill,
        parameters=_as_json(asdict(chosen)),  # type: ignore[call-overload] # a Protocol cannot say: a dataclass
        choices=dict(decision.choices),
        provenance={
            "efface": __version__,
            "atlas_sha256": load_atlas().sha256,
            "network_sha256": anatomy.network_sha256,
            **provenance,
        },
        fill_facts=filling.facts,
    )


def _as_json(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters as JSON knows them, so that a saved plan reads back the same."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}
