"""What a command says on stdout: lines for people, or one JSON document."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from efface.printable import printable

if TYPE_CHECKING:
    from efface.deface_plan import DefacePlan
    from efface.verdict import Verdict


def say(line: str) -> None:
    """Write lines; what the terminal's encoding cannot show, and what no terminal should be sent, is escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    line = "\n".join("\t".join(map(printable, each.split("\t"))) for each in line.split("\n"))
    typer.echo(line.encode(encoding, "backslashreplace").decode(encoding))


def say_json(exit_status: int, verdict: Verdict | None, *, error: str | None = None, **more: Any) -> None:
    """Write the command's one JSON document; every document has ``exit_status``, ``error`` and ``verdict``."""
    document = {"exit_status": exit_status, "error": error, **more, "verdict": verdict and verdict.as_dict()}
    typer.echo(json.dumps(document, indent=2, default=_plain))


def describe(plan: DefacePlan) -> dict[str, Any]:
    """Return a plan's JSON values, without its voxels."""
    return {
        "method": plan.method,
        "fill": plan.fill,
        "fill_facts": dict(plan.fill_facts),
        "parameters": dict(plan.parameters),
        "choices": dict(plan.choices),
        "provenance": dict(plan.provenance),
        "removed_ml": plan.region_volumes_ml(),
    }


def say_folders(folders: Mapping[str, Path | None]) -> None:
    """Say where reports are."""
    if folders["report"]:
        say(f"report in {folders['report']}")
    if folders["private_report"]:
        say(f"private report in {folders['private_report']}: it shows the face, do not share it")


def _plain(value: object) -> object:
    """Turn what JSON does not know into what it knows: a path, a numpy number."""
    return str(value) if isinstance(value, Path) else value.item() if hasattr(value, "item") else repr(value)
