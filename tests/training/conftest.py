"""A training head made from the bundled average, so that the tests need nobody's anatomy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from efface.atlas import load_atlas

sys.path.insert(0, str(Path(__file__).parents[2] / "training"))

SAME = {"ventricles": "ventricle", "other_deep_grey_matter": "other_brain"}


def class_of(tissue: str, side: str) -> str:
    """Return the class of an atlas tissue on one side."""
    from classes import VALUE

    name = f"{side}_{SAME.get(tissue, tissue)}"
    if name in VALUE:
        return name
    if tissue in {"air", "brainstem"}:
        return tissue
    if tissue in {"csf", "dura", "artery"}:
        return "csf_and_dura"
    return "skull" if tissue in {"bone", "marrow"} else "soft_tissue"


@pytest.fixture(scope="session")
def head_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as ``targets.py`` writes it; the average's 1.5 mm voxels stand for 1 mm."""
    from classes import TISSUE, VALUE
    from targets import depth_of

    atlas = load_atlas()
    names = [{"other_deep_grey_matter": "pallidum"}.get(name, name) for name in atlas.tissue_names]
    tissues = np.array([TISSUE[name] for name in names], np.uint8)[atlas.tissues]
    sides = [
        np.array([VALUE[class_of(name, side)] for name in atlas.tissue_names], np.uint8)[atlas.tissues]
        for side in ("left", "right")
    ]
    middle = np.arange(tissues.shape[0])[:, None, None] < tissues.shape[0] // 2
    path = tmp_path_factory.mktemp("work") / "head_01.npz"
    np.savez(
        path,
        tissues=tissues,
        classes=np.where(middle, *sides),
        regions=atlas.regions,
        depth=depth_of(tissues > 0),
        atlas_to_index=np.linalg.inv(atlas.grid.affine),
        cut=np.array([[False, False], [False, False], [True, False]]),
    )
    return path
