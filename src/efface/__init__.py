"""Make head MRI safe to share: remove the face, prove that it is gone, and keep the brain whole.

    import efface
    efface.deface("in.nii.gz", "out.nii.gz")

or step by step, each a plain function on values: `read_scan`, `locate`, `plan`, `apply_plan`, `verify`, `write_scan`.
Names are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from efface.version import __version__

if TYPE_CHECKING:
    from efface.anatomy import Anatomy, locate
    from efface.auditing import Finding, audit
    from efface.deface_plan import DefacePlan, apply_plan, load_plan, save_plan
    from efface.errors import DefaceError
    from efface.grid import Grid
    from efface.io import read_scan, write_scan
    from efface.pipeline import Defaced, deface
    from efface.planning import plan
    from efface.scan import Scan
    from efface.session import deface_session
    from efface.verdict import Check, Verdict
    from efface.verification import verify

__all__ = [
    "Anatomy",
    "Check",
    "DefaceError",
    "DefacePlan",
    "Defaced",
    "Finding",
    "Grid",
    "Scan",
    "Verdict",
    "__version__",
    "apply_plan",
    "audit",
    "deface",
    "deface_session",
    "load_plan",
    "locate",
    "plan",
    "read_scan",
    "save_plan",
    "verify",
    "write_scan",
]

_HOME = {
    "Anatomy": "anatomy",
    "Check": "verdict",
    "DefaceError": "errors",
    "DefacePlan": "deface_plan",
    "Defaced": "pipeline",
    "Finding": "auditing",
    "Grid": "grid",
    "Scan": "scan",
    "Verdict": "verdict",
    "apply_plan": "deface_plan",
    "audit": "auditing",
    "deface": "pipeline",
    "deface_session": "session",
    "load_plan": "deface_plan",
    "locate": "anatomy",
    "plan": "planning",
    "read_scan": "io",
    "save_plan": "deface_plan",
    "verify": "verification",
    "write_scan": "io",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"efface.{_HOME[name]}"), name)
    message = f"module 'efface' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return __all__
