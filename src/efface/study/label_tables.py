"""What a segmentation's values mean: names, and the nine regions of Gao et al. 2022 into which they are merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from efface.errors import UsageError
from efface.study.scan_lists import read_rows

NINE = (
    "ventricles", "caudate", "cerebral_white_matter", "cerebral_grey_matter", "brainstem", "putamen", "thalamus",
    "cerebellar_grey_matter", "cerebellar_white_matter",
)  # fmt: skip
"""The regions of Figure 2, in its order."""
WHOLE = "whole_brain"
"""Every label that is brain or ventricle."""
SHIPPED = {"slant": "slant", "freesurfer": "freesurfer", "fastsurfer": "freesurfer", "synthseg": "freesurfer"}
"""Name -> table in ``labels``: FastSurfer and SynthSeg use FreeSurfer's values."""
SUBCORTICAL = "subcortical_grey"
TISSUES: Mapping[str, tuple[str, ...]] = {
    "cortical_grey": ("cerebral_grey_matter",),
    SUBCORTICAL: ("caudate", "putamen", "thalamus", "other_deep_grey_matter"),
    "white": ("cerebral_white_matter",),
}
"""The tissues whose overlap Theyers et al. 2021 measured, by regions."""
OTHERS = ("other_deep_grey_matter", "other_brain", "not_brain")
"""Regions beside the nine."""


@dataclass(frozen=True)
class LabelTable:
    """What a segmentation's values mean."""

    names: Mapping[int, str] = field(repr=False)
    """Value -> name of the structure."""
    regions: Mapping[int, str] = field(repr=False)
    """Value -> one of `NINE` or `OTHERS`."""

    def values_of(self, *regions: str) -> list[int]:
        """Return the values that are merged into any of some regions."""
        return [value for value, region in self.regions.items() if region in regions]

    @property
    def brain(self) -> list[int]:
        """Values that count as brain."""
        return [value for value, region in self.regions.items() if region != "not_brain"]


@lru_cache(maxsize=16)
def load_label_table(name: str) -> LabelTable:
    """Read a label table: columns ``value``, ``name``, ``region``.

    Parameters
    ----------
    name : one of `SHIPPED`, or a path that ends in ``.tsv``

    Raises
    ------
    UsageError
        No such table, or a line of it cannot be used.
    """
    if name in SHIPPED:
        path = Path(str(files("efface.study") / "labels" / f"{SHIPPED[name]}.tsv"))
    elif name.endswith(".tsv"):
        path = Path(name)
    else:
        message = f"there is no label table {name!r}; use one of {', '.join(SHIPPED)}, or a path that ends in .tsv"
        raise UsageError(message)
    rows = read_rows(path)
    names, regions = {}, {}
    for number, row in enumerate(rows, start=2):
        region = row.get("region", "not_brain")
        if not row.get("value", "").isdigit() or "name" not in row or region not in (*NINE, *OTHERS):
            message = (
                f"{path}, line {number}: give value (a whole number), name, and as region one of "
                f"{', '.join((*NINE, *OTHERS))}; separate columns by tabs"
            )
            raise UsageError(message)
        names[int(row["value"])], regions[int(row["value"])] = row["name"], region
    return LabelTable(names, regions)
