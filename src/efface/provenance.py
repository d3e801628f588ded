"""What was done, as JSON beside the output. Nothing in it leads to the person."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from efface.deface_plan import DefacePlan
from efface.verdict import Verdict
from efface.version import __version__

CLEAN_RECOGNIZABLE_VISUAL_FEATURES = {
    "CodeValue": "113102",
    "CodeMeaning": "Clean Recognizable Visual Features Option",
    "CodingSchemeDesignator": "DCM",
}
"""DICOM CID 7050; claimed only after verification, and not of a scan that keeps ears or eyes."""

FOLDERS = re.compile(r"(?:[A-Za-z]:)?(?:[^\s/\\={}]*[/\\])+")
"""The folders before a file's name, in words that hold a path."""


def sidecar(plan: DefacePlan, verdict: Verdict, output: bytes) -> dict[str, Any]:
    """Describe one defaced file.

    The two ``Deidentification...`` names are BIDS 1.10's. Neither the input's path, name nor checksum is in it.

    Parameters
    ----------
    plan : what was done
    verdict : what verification found
    output : the bytes of the defaced file

    Returns
    -------
    document : JSON values
    """
    document: dict[str, Any] = {
        "DeidentificationMethod": [f"efface {__version__} {plan.method} {plan.fill}"],
    }
    if verdict.passed and not plan.parameters.get("keep"):
        document["DeidentificationMethodCodeSequence"] = [CLEAN_RECOGNIZABLE_VISUAL_FEATURES]
    document["efface"] = {
        "verified": verdict.passed,
        "method": plan.method,
        "fill": plan.fill,
        "fill_facts": dict(plan.fill_facts),
        "parameters": dict(plan.parameters),
        "choices": dict(plan.choices),
        "provenance": dict(plan.provenance),
        "removed_ml": plan.region_volumes_ml(),
        "sha256": hashlib.sha256(output).hexdigest(),
        "verdict": verdict.as_dict(),
    }
    return document


def without_folders(text: str) -> str:
    """Return text in which every path is only a file's name.

    >>> without_folders("prog --template=/home/erika/head.nii.gz {in}")
    'prog --template=head.nii.gz {in}'
    """
    return FOLDERS.sub("", text)


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document as indented UTF-8 JSON; what is not UTF-8 (a path's bytes) as JSON's escapes."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode(errors="backslashreplace")
