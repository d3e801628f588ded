"""A segmentation of one image, and how far two of them agree: by label, by region, for the whole brain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.grid import FloatArray, Grid
from efface.scan import Scan
from efface.spatial.resample import resample
from efface.study.label_tables import NINE, SUBCORTICAL, TISSUES, WHOLE, LabelTable

SIDES = ("left_", "right_", "midline_")
OF_NETWORK = {"ventricle": "ventricles", "hippocampus": "other_deep_grey_matter", "other_brain": "other_brain"}
"""Classes of the bundled network that are not called as the region into which they are merged."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Labels on a grid, and what they mean."""

    labels: NDArray[np.int32] = field(repr=False)
    """(I, J, K)"""
    grid: Grid
    """Where they lie."""
    table: LabelTable = field(repr=False)
    """What they mean; values that it does not have are background."""

    def on(self, grid: Grid) -> NDArray[np.int32]:
        """Return the labels on another grid, by the nearest voxel."""
        return self.labels if self.grid.same_as(grid) else resample(self.labels, self.grid, grid, order=0)

    def volumes_ml(self) -> dict[str, float]:
        """Return the volume of every label and region, of subcortical grey matter and of the whole brain, ml."""
        voxel_ml = abs(float(np.linalg.det(self.grid.affine[:3, :3]))) / 1000
        counts = _counts(self.labels, self.table)
        labels = {name: counts[value] for value, name in self.table.names.items()}
        merged = {**_merged(self.table), SUBCORTICAL: self.table.values_of(*TISSUES[SUBCORTICAL])}
        regions = {name: sum(counts[value] for value in values) for name, values in merged.items()}
        return {name: float(count * voxel_ml) for name, count in {**labels, **regions}.items()}


def network_segmentation(anatomy: Anatomy) -> Segmentation:
    """Return what the bundled network saw, as the built-in pipeline's result."""
    labels = anatomy.seen.labels.astype(np.int32)
    return Segmentation(labels, anatomy.seen.grid, _network_table(anatomy.classes))


@lru_cache(maxsize=4)
def _network_table(classes: tuple[str, ...]) -> LabelTable:
    regions = {value: _region(name) for value, name in enumerate(classes)}
    known = {value: region for value, region in regions.items() if region != "not_brain"}
    return LabelTable({value: classes[value] for value in known}, known)


def _region(name: str) -> str:
    for side in SIDES:
        name = name.removeprefix(side)
    name = OF_NETWORK.get(name, name)
    return name if name in (*NINE, *OF_NETWORK.values()) else "not_brain"


def dice_rows(original: Segmentation, other: Segmentation) -> Iterator[dict[str, Any]]:
    """Yield the Dice overlap of every label, region and of the whole brain; NaN where neither image shows it."""
    theirs = other.on(original.grid)
    before, after = _counts(original.labels, original.table), _counts(theirs, original.table)
    alike = _counts(original.labels[original.labels == theirs], original.table)
    for value, name in original.table.names.items():
        yield {"kind": "label", "structure": name, "dice": _ratio(2 * alike[value], before[value] + after[value])}
    for name, values in _merged(original.table).items():
        one, two = (np.isin(labels, values) for labels in (original.labels, theirs))
        both = int(np.count_nonzero(one & two))
        kind = "whole" if name == WHOLE else "region"
        yield {"kind": kind, "structure": name, "dice": _ratio(2 * both, int(one.sum()) + int(two.sum()))}


def overlap_rows(original: Segmentation, other: Segmentation) -> Iterator[dict[str, Any]]:
    """Yield, for each tissue of Theyers et al. 2021, what both images call so over what either does."""
    theirs = other.on(original.grid)
    for tissue, regions in TISSUES.items():
        values = original.table.values_of(*regions)
        one, two = (np.isin(labels, values) for labels in (original.labels, theirs))
        yield {"tissue": tissue, "overlap": _ratio(int((one & two).sum()), int((one | two).sum()))}


def contrast_to_noise(scan: Scan, seen: Segmentation) -> float:
    """Return (mean_WM - mean_GM)^2 / (var_WM + var_GM) of cerebral tissue; NaN where there is too little."""
    grey, white = (
        np.isin(seen.labels, seen.table.values_of(region)) for region in (*TISSUES["cortical_grey"], *TISSUES["white"])
    )
    values = scan.intensities()
    values = values if seen.grid.same_as(scan.grid) else resample(values, scan.grid, seen.grid)
    if min(int(grey.sum()), int(white.sum())) < 2:
        return float("nan")
    spread = float(values[white].var() + values[grey].var())
    return float((values[white].mean() - values[grey].mean()) ** 2 / spread) if spread > 0 else float("nan")


def brain_core(seen: Segmentation) -> NDArray[np.bool_]:
    """Return where brain tissue is, less the outermost voxels, whose labels are uncertain; (I, J, K) of its grid."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_erosion(np.isin(seen.labels, seen.table.brain)))


def brain_map(seen: Segmentation, atlas_to_scan: FloatArray, common: Grid) -> NDArray[np.float32]:
    """Return how much of each voxel of a grid in the atlas's space is cerebral grey matter, 0 to 1."""
    grey = np.isin(seen.labels, seen.table.values_of(*TISSUES["cortical_grey"])).astype(np.float32)
    return resample(grey, seen.grid, common, target_to_source=atlas_to_scan)


def _merged(table: LabelTable) -> Mapping[str, list[int]]:
    """Return the values of each of the nine regions that a table knows, and of the whole brain."""
    merged = {region: table.values_of(region) for region in NINE}
    return {**{region: values for region, values in merged.items() if values}, WHOLE: table.brain}


def _counts(labels: NDArray[np.int32], table: LabelTable) -> dict[int, int]:
    values, counts = np.unique(labels, return_counts=True)
    found = dict(zip(values.tolist(), counts.tolist(), strict=True))
    return {value: found.get(value, 0) for value in table.names}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
