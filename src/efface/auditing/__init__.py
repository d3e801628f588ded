"""Which files under some paths still show a face? Each is judged alone; no original is needed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from efface.auditing.dicom import by_series, judge_dicom
from efface.auditing.findings import Finding, Kind
from efface.auditing.judging import judge
from efface.auditing.leftovers import notes_on
from efface.auditing.surfaces import judge_surface
from efface.auditing.walking import Candidate, Sort, candidates
from efface.errors import InputError, UnsupportedImageError
from efface.io import read_scan

__all__ = ["Finding", "Kind", "audit"]

LOG = logging.getLogger("efface")
Progress = Callable[[int, int, Path], None]
"""Told how many are done, of how many, and which is next."""


def audit(paths: Iterable[str | os.PathLike[str]], progress: Progress | None = None) -> tuple[Finding, ...]:
    """Judge every scan, mask and head surface under some paths, the gravest first.

    Parameters
    ----------
    paths : files and folders; folders are searched with all that lies below them
    progress : told before each file

    Returns
    -------
    findings : sorted by risk, then by path

    Raises
    ------
    UnreadableImageError
        A path does not exist. Files that cannot be read and folders that cannot be listed are findings.
    """
    found = by_series(candidates([Path(path) for path in paths]))
    findings = []
    for done, candidate in enumerate(found):
        if progress is not None:
            progress(done, len(found), candidate.path)
        findings.append(_judged_or_not(candidate))
    return tuple(sorted(findings, key=lambda one: (one.kind.risk, str(one.path))))


def _judged_or_not(candidate: Candidate) -> Finding:
    """Judge one file; one that cannot be judged, for whatever reason, must not end the audit of all others."""
    try:
        return _judged(candidate)
    except Exception as error:  # whatever it is: it is a finding, a warning, and with -v a traceback
        LOG.warning("%s: %s: %s", candidate.path, type(error).__name__, error)
        LOG.debug("where it happened", exc_info=True)
        reason = f"judging it failed ({type(error).__name__}: {error}); look at it, and please report it"
        return Finding(candidate.path, Kind.UNSURE, reason)


def _judged(candidate: Candidate) -> Finding:
    path = candidate.path
    if candidate.sort is Sort.DICOM:
        return judge_dicom(candidate)
    if candidate.sort is Sort.CLOSED:
        return Finding(path, Kind.UNREADABLE, "the folder cannot be listed; check its permissions")
    if candidate.sort is Sort.OTHER:
        return Finding(path, Kind.UNSURE, "a format that efface does not read; convert it to .nii.gz")
    if candidate.sort is Sort.SURFACE:
        return judge_surface(path)
    names = sorted(each.name for each in path.parent.iterdir())
    try:
        scan = read_scan(path)
    except InputError as error:
        reason = str(error).removeprefix(f"{path}: ")
        kind = Kind.UNSURE if isinstance(error, UnsupportedImageError) else Kind.UNREADABLE
        return Finding(path, kind, reason, notes=notes_on(path, names, None))
    return replace(judge(scan, path), notes=notes_on(path, names, scan))
