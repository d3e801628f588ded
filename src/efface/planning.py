"""From scan and anatomy to a plan."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from efface.anatomy import Anatomy
from efface.atlas import load_atlas
from efface.deface_plan import DefacePlan
from efface.errors import UsageError, VerificationError
from efface.fill import OWN, check_fill, fill_values
from efface.fill.filling import Filling
from efface.fill.kept import what_is_kept
from efface.fill.own import fill_own
from efface.methods import DEFAULT, get_method
from efface.methods.base import Decision, DefaceMethod, traits_of
from efface.methods.regions import region_names
from efface.provenance import without_folders
from efface.scan import Scan
from efface.version import __version__


def plan(scan: Scan, anatomy: Anatomy, method: str = DEFAULT, fill: str | None = None, **parameters: Any) -> DefacePlan:
    """Decide which voxels change and to what; touches none.

    Parameters
    ----------
    scan, anatomy : the scan, and what `efface.locate` found in it
    method : key of a method
    fill : ``"zero"``, ``"noise"``, ``"reface"``, or ``"own"`` for what the method itself writes; by default ``"zero"``,
        or what the method's class says
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
    fill = fill_of(chosen, fill)
    return plan_decided(scan, anatomy, chosen, decide(chosen, scan, anatomy), fill)


def fill_of(chosen: DefaceMethod, fill: str | None) -> str:
    """Return the fill that was asked for, or the method's default.

    Raises
    ------
    UsageError
        No such fill, or the method writes nothing of its own.
    """
    traits = traits_of(chosen)
    if fill is None:
        return traits.default_fill
    check_fill(fill)
    if fill == OWN and not traits.writes_own:
        message = f"fill {OWN!r}: method {chosen.key} writes nothing of its own; choose zero, noise or reface"
        raise UsageError(message)
    return fill


def decide(chosen: DefaceMethod, scan: Scan, anatomy: Anatomy) -> Decision:
    """Let a method decide; the choices made while the anatomy was found are recorded with its own.

    Raises
    ------
    UsageError
        What it decided does not fit the scan: a mistake in another package's method.
    """
    decision = chosen.decide(scan, anatomy)
    _check_fits(decision, scan, chosen.key)
    return replace(decision, choices={**anatomy.choices, **decision.choices})


def _check_fits(decision: Decision, scan: Scan, key: str) -> None:
    """Raise `UsageError` unless a decision is one for a scan."""
    mask, values = decision.mask, decision.values
    if mask.shape != scan.grid.shape or mask.dtype != np.uint8:
        message = f"method {key} decided a mask {mask.shape} {mask.dtype}, not {scan.grid.shape} uint8; mend it"
        raise UsageError(message)
    if values is None:
        return
    wanted = np.count_nonzero(mask)
    if values.shape not in ((wanted,), (wanted, scan.volumes) if scan.stored.ndim == 4 else ()):
        message = f"method {key} decided values {values.shape} for a mask of {wanted} voxels; mend the package"
        raise UsageError(message)


def plan_decided(
    scan: Scan, anatomy: Anatomy, chosen: DefaceMethod, decision: Decision, fill: str, **provenance: str
) -> DefacePlan:
    """Turn a method's decision into a plan: see `plan`.

    Parameters
    ----------
    scan, anatomy : the scan, and what is where in it
    chosen : the method
    decision : what it decided, on the scan's grid
    fill : key of a fill
    **provenance : what else is to be known of how the plan came about
    """
    mask = decision.mask
    if not mask.any():
        message = f"method {chosen.key} found no face in this scan's field of view; look at the scan before sharing it"
        raise VerificationError(message)
    used = set(np.unique(mask[mask != 0]).tolist())
    if not used <= set(region_names()):
        message = f"method {chosen.key} decided a mask with values that no region has: {sorted(used)}; mend the package"
        raise UsageError(message)
    filling = _own(scan, anatomy, chosen, decision) if fill == OWN else fill_values(fill, scan, anatomy, mask != 0)
    return DefacePlan(
        grid=scan.grid,
        mask=mask,
        names={value: name for value, name in region_names().items() if value in used},
        values=filling.values,
        method=chosen.key,
        fill=fill,
        parameters=_as_json(chosen),
        choices=dict(decision.choices),
        provenance={
            "efface": __version__,
            "atlas_sha256": load_atlas().sha256,
            "network_sha256": anatomy.network_sha256,
            **decision.notes,
            **provenance,
        },
        fill_facts=filling.facts,
    )


def _own(scan: Scan, anatomy: Anatomy, chosen: DefaceMethod, decision: Decision) -> Filling:
    if decision.values is None:
        message = f"fill {OWN!r}: method {chosen.key} decided no values for this scan; choose zero, noise or reface"
        raise UsageError(message)
    return fill_own(decision.values, scan, what_is_kept(scan, anatomy, decision.mask != 0).background)


def _as_json(chosen: DefaceMethod) -> dict[str, Any]:
    """Return parameters as JSON knows them, so that a saved plan reads back the same; no folder's name is in it."""
    known = fields(cast(Any, chosen))
    return {each.name: _plain(getattr(chosen, each.name), is_path="Path" in str(each.type)) for each in known}


def _plain(value: Any, *, is_path: bool = False) -> Any:
    if isinstance(value, Path) or (is_path and isinstance(value, str)):
        return Path(value).name
    if isinstance(value, str):
        return without_folders(value)
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
