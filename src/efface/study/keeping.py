"""What is kept of an image beside its numbers: what attackers see of it, maps, and small pictures."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy
from efface.atlas import load_atlas
from efface.evaluate.render import STANDARD_VIEWS, frame_of
from efface.grid import Grid
from efface.scan import Scan
from efface.spatial.resample import resample
from efface.study import looking, slices
from efface.study.config import StudyConfig
from efface.study.knowing import Known, Made
from efface.study.segmentation import brain_map, network_segmentation
from efface.study.units import attacked

COMMON_SPACING_MM = 4.0
"""Of the grid in the atlas's space on which maps are compared voxel by voxel."""
BRAIN_MAP = "brain_map.npz"
KEPT_VIEWS = ("left_45", "front", "right_45")
"""Renders that are kept: the three that raters of the recognition task see."""


@lru_cache(maxsize=1)
def common_grid() -> tuple[Grid, NDArray[np.bool_]]:
    """Return the grid in the atlas's space on which maps are compared, and where it is brain."""
    atlas = load_atlas()
    box = np.argwhere(atlas.regions == atlas.region("brain"))
    low, high = atlas.grid.ras(box.min(axis=0)), atlas.grid.ras(box.max(axis=0))
    affine = np.diag([COMMON_SPACING_MM] * 3 + [1.0])
    affine[:3, 3] = low
    i, j, k = (int(n) for n in np.ceil((high - low) / COMMON_SPACING_MM) + 1)
    grid = Grid((i, j, k), affine)
    brain = (atlas.regions == atlas.region("brain")).astype(np.uint8)
    return grid, resample(brain, atlas.grid, grid, order=0) > 0


def save_look(
    scan: Scan,
    anatomy: Anatomy | None,
    changed: NDArray[np.bool_] | None,
    known: Known,
    config: StudyConfig,
    folder: Path,
) -> None:
    """Keep what attackers see of an image, and small pictures of it."""
    middle = float(known.anatomy.atlas_to_scan[0, 3])
    slices_path = folder / "sagittal.png"
    looking.save_picture(slices.sagittal(scan, middle, slices.window_of(known.scan)), slices_path)
    if anatomy is None:
        return
    common, inside = common_grid()
    tissue = brain_map(network_segmentation(anatomy), anatomy.atlas_to_scan, common)[inside]
    np.savez_compressed(folder / BRAIN_MAP, grey=(tissue * 255).astype(np.uint8))
    if "surface" in config.options.attacks and attacked(config, known.entry):
        looking.save_surface(scan, anatomy, changed, folder)


def save_detection(scan: Scan, known: Known, config: StudyConfig, folder: Path) -> list[dict[str, Any]]:
    """Show renders to detectors and the recogniser, and keep three; return a row for each detector and view.

    Of a scan that is not attacked, only the three are drawn.
    """
    frame, looked = frame_of(known.scan.intensities(), known.scan.grid), attacked(config, known.entry)
    kept = {name: STANDARD_VIEWS[name] for name in KEPT_VIEWS}
    views = looking.render(scan, frame, STANDARD_VIEWS if looked else kept)
    for view in KEPT_VIEWS:
        looking.save_picture(views[view], folder / f"{view}.png")
    if not looked:
        return []
    if "recognition" in config.options.attacks:
        looking.save_features(views, folder)
    return looking.detection_rows(views) if "detection" in config.options.attacks else []


def save_failure(known: Known, made: Made, after: Anatomy, folder: Path) -> None:
    """Keep the three pictures of Gao et al. 2022, Figure 3, cropped to the brain so that no face shows."""
    grid = known.scan.grid
    hurt = made.changed & known.anatomy.brain
    x_mm = float(grid.ras(np.argwhere(hurt).mean(axis=0))[0])
    brain = grid.ras(np.argwhere(known.anatomy.brain))
    box = np.array([brain.min(axis=0), brain.max(axis=0)])
    window = slices.window_of(known.scan)
    before, behind = known.network, network_segmentation(after)
    plain = [slices.sagittal(scan, x_mm, window, box) for scan in (known.scan, made.scan)]
    rows = [
        slices.overlaid(plain[0], before, grid, x_mm, box),
        slices.overlaid(plain[1], behind, grid, x_mm, box),
        slices.difference(plain[1], before, behind, grid, x_mm, box),
    ]
    looking.save_picture(np.concatenate(rows, axis=1), folder / "failure.png")


def made_folder(folder: Path) -> Path:
    """Make a folder where it is not there; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder
