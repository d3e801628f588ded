"""What an audit found to one self-contained HTML page: counts, and a table that can be sorted offline."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from efface.auditing.findings import Finding, Kind
from efface.report.build import asset, data_uri, templates
from efface.version import __version__

MEANINGS = {
    Kind.FACE: "Skin lies where a face's would. Deface these before you share anything.",
    Kind.UNREADABLE: "Could not be opened. Copy or convert them again.",
    Kind.UNSURE: "A person must look at these.",
    Kind.REFACED: "The face is the average one that efface writes.",
    Kind.DEFACED: "No skin lies where a face's would.",
    Kind.NO_FACE: "The face lies outside what was scanned.",
    Kind.STRIPPED: "A brain, and hardly anything around it.",
    Kind.NO_HEAD: "Nothing as large as a head.",
}
"""What each kind means, for a person who reads the word for the first time."""
TONES = {Kind.FACE: "bad", Kind.UNREADABLE: "doubt", Kind.UNSURE: "doubt"}
"""Kinds that need somebody; all others are good."""
PICTURE_PX = 132
"""Height of the small renders, and width of each of them."""
PICTURE_VIEWS = {"front": 0.0, "left_45": 45.0, "profile_right": -90.0}
"""Which way the small renders look, degrees."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    finding: Finding
    """What was found."""
    name: str
    """The file, below the folder that was audited."""
    reason: str
    """Why, without the way to the folder."""
    notes: tuple[str, ...]
    """The same of what else to look at."""
    picture: str | None
    """Address that holds the renders."""


def audit_page(findings: Sequence[Finding], roots: Sequence[Path], pictures: Mapping[Path, bytes] | None = None) -> str:
    """Write the page of one audit.

    Parameters
    ----------
    findings : in the order in which they are listed
    roots : the files and folders that were audited; what lies above all of them is not shown
    pictures : path of a finding -> JPEG of its renders; they show faces, and make the page private

    Returns
    -------
    html : one HTML document; write it as UTF-8
    """
    script, private = asset("sort.js"), pictures is not None
    base = _base(roots)
    headline, advice, tone = _verdict(findings)
    counts = Counter(each.kind for each in findings)
    features = Counter(name for each in findings for name in each.features)
    return templates().get_template("audit.html.jinja").render(
        headline=headline, advice=advice, tone=tone, private=private, version=__version__,
        counts=dict(sorted(counts.items(), key=lambda each: each[0].risk)), features=dict(features.most_common()),
        rows=[_row(each, base, pictures or {}) for each in findings],
        meanings=MEANINGS, tones={kind: TONES.get(kind, "good") for kind in Kind},
        picture_size=(PICTURE_PX * len(PICTURE_VIEWS), PICTURE_PX),
        audit_style=asset("audit.css"), script=script, script_hash=_hash(script),
    )  # fmt: skip


def _verdict(findings: Sequence[Finding]) -> tuple[str, str, str]:
    """Return the page's first line, what to do, and its tone."""
    counts = Counter(each.kind for each in findings)
    files = "1 file" if len(findings) == 1 else f"{len(findings)} files"
    faces, unsure = counts[Kind.FACE], counts[Kind.UNSURE] + counts[Kind.UNREADABLE]
    more = f" {unsure} more could not be judged: look at them." if unsure else ""
    if faces:
        return f"A face shows in {faces} of {files}", f"Do not share them as they are.{more}", "bad"
    if unsure:
        return f"{unsure} of {files} could not be judged", "No face was found in the others. Look at these.", "doubt"
    if not findings:
        return "Nothing was judged", "No scan, mask or head surface was found below what was audited.", "doubt"
    return f"No face was found in {files}", "Notes beside a file name what else to look at before sharing.", "good"


def _row(finding: Finding, base: Path, pictures: Mapping[Path, bytes]) -> Row:
    picture = pictures.get(finding.path)
    texts = [text.replace(f"{base}{os.sep}", "") for text in (finding.reason, *finding.notes)]
    name = Path(os.path.relpath(_absolute(finding.path), base)).as_posix()
    return Row(finding, name, texts[0], tuple(texts[1:]), data_uri(picture, "jpeg") if picture else None)


def _base(roots: Sequence[Path]) -> Path:
    """Return the folder below which all that was audited lies; what leads to it may name a person."""
    folders = [_absolute(root) if root.is_dir() else _absolute(root).parent for root in roots]
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:  # no roots, or on two drives
        return Path.cwd()


def _absolute(path: Path) -> Path:
    """Return a path from the root of the file system, its links as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute leaves `..` in


def _hash(script: str) -> str:
    """Return the name under which a page's policy allows one script and no other."""
    return "sha256-" + b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
