"""What was done, as JSON beside the output. Nothing in it leads to the person."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
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

QUOTED_FOLDERS = re.compile(r"""(?P<quote>['"])[^'"{}]*[/\\](?P<name>[^'"/\\]*(?P=quote))""")
FOLDERS = re.compile(r"""(?<!\})(?:[A-Za-z]:)?(?:(?:\\[ ]|[^\s/\\={}'"])*[/\\])+""")
"""The folders before a file's name, in quotes and in words; their names may hold spaces, as a shell is told of them."""


@dataclass(frozen=True)
class Claim:
    """What a defaced scan may say of itself."""

    method: str
    """Tool, version, method and fill; also BIDS's and DICOM's De-identification Method."""
    features_clean: bool
    """Whether no face is left, by every check: DICOM's code 113102."""
    recipe: str
    """Hash of whatever decided what was done."""
    shared: str = ""
    """Hash of what is the same for all scans of one run, whatever was found in them."""


def claim_of(plan: DefacePlan, verdict: Verdict) -> Claim:
    """Return what may be said of a scan after its plan was done and judged."""
    decided = [plan.method, plan.fill, plan.parameters, plan.provenance, verdict.passed]
    text = json.dumps(decided, default=dict, sort_keys=True)
    asked = json.dumps([__version__, plan.method, plan.fill, plan.parameters], default=dict, sort_keys=True)
    return Claim(
        method=f"efface {__version__} {plan.method} {plan.fill}",
        features_clean=verdict.passed and not plan.parameters.get("keep"),
        recipe=hashlib.sha256(text.encode()).hexdigest(),
        shared=hashlib.sha256(asked.encode()).hexdigest(),
    )


def sidecar(plan: DefacePlan, verdict: Verdict, output: bytes | Mapping[str, bytes]) -> dict[str, Any]:
    """Describe one defaced file, or a DICOM series.

    The two ``Deidentification...`` names are BIDS 1.10's. Neither the input's path, name nor checksum is in it.

    Parameters
    ----------
    plan : what was done
    verdict : what verification found
    output : the bytes of the defaced file, or of each file of a series

    Returns
    -------
    document : JSON values
    """
    claim = claim_of(plan, verdict)
    document: dict[str, Any] = {"DeidentificationMethod": [claim.method]}
    if claim.features_clean:
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
        "sha256": _sha256(output),
        "verdict": verdict.as_dict(),
    }
    return document


def _sha256(output: bytes | Mapping[str, bytes]) -> str:
    """Return the hash of a file; of several, that of their hashes, one a line, in order of their names."""
    if isinstance(output, bytes):
        return hashlib.sha256(output).hexdigest()
    lines = [f"{hashlib.sha256(output[name]).hexdigest()}  {name}\n" for name in sorted(output)]
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def without_folders(text: str) -> str:
    """Return text in which every path is only a file's name.

    >>> without_folders("prog --template=/home/erika/head.nii.gz {in}")
    'prog --template=head.nii.gz {in}'
    """
    return FOLDERS.sub("", QUOTED_FOLDERS.sub(r"\g<quote>\g<name>", text))


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document as indented UTF-8 JSON; what is not UTF-8 (a path's bytes) as JSON's escapes."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode(errors="backslashreplace")
