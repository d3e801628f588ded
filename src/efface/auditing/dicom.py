"""DICOM in an audit: the files of a folder are sorted into series, and each series is judged as one scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from efface.auditing.findings import Finding, Kind
from efface.auditing.judging import judge
from efface.auditing.leftovers import leftover
from efface.auditing.walking import Candidate, Sort, sort_of
from efface.errors import InputError, UnsupportedImageError
from efface.io import header_warnings
from efface.io.dicom import require

if TYPE_CHECKING:
    from efface.io.dicom.folders import Found
    from efface.scan import Scan

ICON = "a small picture in the headers (icon) may still show the face; efface deface removes it"


def by_series(found: Sequence[Candidate]) -> list[Candidate]:
    """Turn folders of DICOM files into series; what cannot be sorted stays as it is, to be reported.

    Parameters
    ----------
    found : everything that may show a head

    Returns
    -------
    candidates : the same, but one for each DICOM series, and one for each DICOM file that cannot be read
    """
    folders = [each for each in found if each.sort is Sort.DICOM]
    others = [each for each in found if each.sort is not Sort.DICOM]
    try:
        require(Path())
    except UnsupportedImageError:
        return list(found)
    if not folders:
        return others
    from efface.io.dicom.folders import find_series

    for folder, paths in _by_folder(folders).items():  # a tool may have left the UIDs of a copy in another folder
        series, broken = find_series(paths)
        others += [Candidate(folder, Sort.DICOM, each) for each in series]
        others += [Candidate(path, Sort.DICOM) for path in broken]
    return others


def _by_folder(found: Sequence[Candidate]) -> dict[Path, list[Path]]:
    """Return the DICOM files of each folder, not of those below it; a file that was named counts as its folder's."""
    files: dict[Path, set[Path]] = {}
    for each in found:
        if each.path.is_dir():
            inside = {path for path in each.path.iterdir() if path.is_file() and sort_of(path) is Sort.DICOM}
            files.setdefault(each.path, set()).update(inside)
        else:
            files.setdefault(each.path.parent, set()).add(each.path)
    return {folder: sorted(paths) for folder, paths in files.items()}


def judge_dicom(candidate: Candidate) -> Finding:
    """Judge one series, or say why it cannot be judged."""
    path, series = candidate.path, candidate.series
    if series is None:
        return _unsorted(path)
    if series.no_head is not None:
        reason = f"{series}: {series.no_head}; it may show a face, look at it or leave it out"
        return Finding(path, Kind.UNSURE, reason)
    from efface.io.dicom.reading import read_files

    try:
        scan = read_files(series.paths, path)
    except InputError as error:
        kind = Kind.UNSURE if isinstance(error, UnsupportedImageError) else Kind.UNREADABLE
        return Finding(path, kind, f"{series}: {str(error).removeprefix(f'{path}: ')}")
    finding = judge(scan, path)
    return replace(finding, reason=f"{series}: {finding.reason}", notes=_notes(path, scan, series))


def _unsorted(path: Path) -> Finding:
    """Report a file that cannot be read, or a folder where nothing can."""
    try:
        require(path)
    except UnsupportedImageError as error:
        return Finding(path, Kind.UNSURE, str(error).removeprefix(f"{path}: "))
    from efface.io.dicom.folders import find_series

    _, broken = find_series([path])
    reason = str(broken[path]).removeprefix(f"{path}: ") if path in broken else "it changed while it was looked at"
    return Finding(path, Kind.UNREADABLE, reason)


def _notes(path: Path, scan: Scan, series: Found) -> tuple[str, ...]:
    from efface.io.dicom.attributes import ICONS

    files = scan.source.series.files if scan.source.series else ()
    icon = ICON if any(ICONS in file.dataset for file in files) else None
    names = sorted(each.name for each in path.parent.iterdir())
    first = leftover(path, names) or leftover(series.paths[0], names)
    return tuple(note for note in (first, icon, *header_warnings(scan)) if note)
