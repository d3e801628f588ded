"""How much of the temporalis muscles is left: volume, cross-section and thickness of where the atlas places them.

Familiar et al. 2025 lost a tenth of the muscle's area though ranks agreed. This is no segmentation: people's own
muscles differ from the atlas's, but the same place is looked at before and after, so that what is lost shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.atlas import load_atlas
from efface.spatial.resample import resample

MUSCLES = ("left_temporalis", "right_temporalis")
ABOVE_EYES_MM = 15.0
"""The cross-section lies so far above the eyes' middle: at the roof of the orbits."""


@dataclass(frozen=True, eq=False)
class _Muscle:
    places: NDArray[np.bool_]
    """(X, Y, Z) of the atlas, where the muscle is."""
    level: int
    """Index along z of the cross-section."""


def temporalis_rows(anatomy: Anatomy, changed: NDArray[np.bool_]) -> Iterator[dict[str, Any]]:
    """Yield volume (ml), cross-section (mm2) and thickness (mm) of what is left of both muscles.

    Nothing is yielded of a muscle that is not wholly in view.

    Parameters
    ----------
    anatomy : what was found in the original
    changed : (I, J, K) bool array, what was removed from it; nothing, for the original itself
    """
    atlas = load_atlas()
    scales = np.linalg.norm(anatomy.atlas_to_scan[:3, :3], axis=0)
    spacing = atlas.grid.spacing_mm * scales
    unseen = resample(
        changed.astype(np.uint8), anatomy.grid, atlas.grid, target_to_source=anatomy.atlas_to_scan, order=0, outside=2.0
    )
    for name in MUSCLES:
        muscle = _muscle(name)
        if (unseen[muscle.places] == 2).any():
            continue
        left = muscle.places & (unseen == 0)
        section = left[:, :, muscle.level]
        depth = ndimage.distance_transform_edt(np.pad(section, 1), sampling=spacing[:2])
        side = name.removesuffix("_temporalis")
        yield _row(f"{side} temporalis volume", float(left.sum() * spacing.prod() / 1000), "ml")
        yield _row(f"{side} temporalis area", float(section.sum() * spacing[:2].prod()), "mm2")
        yield _row(f"{side} temporalis thickness", float(2 * depth.max()), "mm")


@lru_cache(maxsize=2)
def _muscle(name: str) -> _Muscle:
    atlas = load_atlas()
    places = atlas.regions == atlas.region(name)
    above = atlas.between_eyes + np.array([0.0, 0.0, ABOVE_EYES_MM])
    return _Muscle(places, round(float(atlas.grid.index(above)[2])))


def _row(measure: str, value: float, unit: str) -> dict[str, Any]:
    return {"measure": measure, "value": value, "unit": unit}
