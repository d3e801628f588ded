"""Maps in a common space, voxel by voxel: does any place differ between originals and defaced scans?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from efface.errors import InputError, UsageError
from efface.io import read_scan
from efface.study.analyses.items import Item, Table
from efface.study.config import ORIGINAL, MapEntry, path_of
from efface.study.keeping import BRAIN_MAP, COMMON_SPACING_MM
from efface.study.statistics.permutation import paired_permutation_test
from efface.study.tables import StudyTables
from efface.study.units import private_folder

BUILT_IN = "grey matter by the network"
FOUND = 0.05


def voxelwise(tables: StudyTables) -> Iterator[Item]:
    """Yield a table: for each kind of map and method, how many voxels differ, errors controlled over all voxels.

    Raises
    ------
    UsageError
        There are maps of fewer than three participants.
    """
    rows, problems = [], []
    for method in [*tables.methods, *tables.yardsticks]:
        for name, entry in {BUILT_IN: None, **{each.name: each for each in tables.config.maps}}.items():
            try:
                rows.append({"map": name, "method": method, **_tested(tables, entry, method)})
            except (UsageError, InputError) as error:
                problems.append(f"{name}, {method}: {error}")
    if not rows:
        raise UsageError(problems[0] if problems else "there are no maps")
    note = (
        "Signs of paired differences are flipped; the largest statistic of all voxels controls the family-wise error "
        f"at {FOUND:g} (Nichols and Holmes 2002). One map a participant, the mean of all scans. {BUILT_IN}: share of "
        f"cerebral grey matter on a grid of {COMMON_SPACING_MM:g} mm in the atlas's space."
    )
    yield Table("theyers-maps", "Voxel-wise permutation test", pd.DataFrame(rows), " ".join([note, *problems]))


def _tested(tables: StudyTables, entry: MapEntry | None, method: str) -> dict[str, float]:
    before, after = [], []
    for _, scans in tables["scans"].groupby("participant", sort=True):
        pairs = [_pair(tables, entry, str(name), method) for name in scans["scan"]]
        whole = [pair for pair in pairs if pair is not None]
        if whole:
            before.append(np.mean([pair[0] for pair in whole], axis=0))
            after.append(np.mean([pair[1] for pair in whole], axis=0))
    if len(before) < 3:
        message = f"maps of {len(before)} participants; three are needed"
        raise UsageError(message)
    one, two = np.stack(before), np.stack(after)
    kept = _mask(entry, one, two)
    options = tables.config.options
    found = paired_permutation_test(one[:, kept], two[:, kept], options.permutations, options.seed)
    return {
        "participants": len(one),
        "voxels": int(kept.sum()),
        "voxels that differ": int((found.p_corrected <= FOUND).sum()),
        "smallest corrected p": float(found.p_corrected.min(initial=1)),
        "smallest possible p": found.smallest_p,
        "permutations": found.permutations,
    }


def _pair(
    tables: StudyTables, entry: MapEntry | None, scan: str, method: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the maps of an original and of another version; None where one of both is not there."""
    paths = [_path(tables, entry, scan, version) for version in (ORIGINAL, method)]
    if not all(path.is_file() for path in paths):
        return None
    one, two = (_read(path) for path in paths)
    if one.shape != two.shape:
        message = f"the maps {paths[0]} and {paths[1]} have different shapes; bring them to one space"
        raise UsageError(message)
    return one, two


def _path(tables: StudyTables, entry: MapEntry | None, scan: str, version: str) -> Path:
    if entry is None:
        return private_folder(tables.folder, scan, version) / BRAIN_MAP
    return path_of(entry.path, next(each for each in tables.config.scans if each.name == scan), version)


def _read(path: Path) -> NDArray[np.float64]:
    if path.name == BRAIN_MAP:
        with np.load(path, allow_pickle=False) as stored:
            return np.asarray(stored["grey"], float) / 255
    return np.asarray(read_scan(path).intensities(), float).ravel()


def _mask(entry: MapEntry | None, one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.bool_]:
    finite = np.isfinite(one).all(axis=0) & np.isfinite(two).all(axis=0)
    if entry is not None and entry.mask:
        return np.asarray(finite & (read_scan(entry.mask).intensities().ravel() > 0.5))
    return np.asarray(finite & (one.any(axis=0) | two.any(axis=0)))
