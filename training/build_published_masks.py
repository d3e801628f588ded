"""Carry the face masks that pydeface and mridefacer publish with their templates onto the bundled atlas.

    python training/build_published_masks.py PYDEFACE_DATA MRIDEFACER_DATA

PYDEFACE_DATA holds ``mean_reg2mean.nii.gz`` and ``facemask.nii.gz`` (package data of pydeface, MIT licence);
MRIDEFACER_DATA holds ``head_tmpl.nii.gz`` and ``face_teeth_ear_mask.nii.gz`` (mridefacer, MIT licence). Each template
is laid on the atlas's average head (affine, mutual information), and its mask is resampled. No voxel of a template is
kept.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np

import efface
from efface.atlas import load_atlas
from efface.grid import Grid
from efface.methods.templates import bundled_template
from efface.spatial.registering import register, volume_of
from efface.spatial.resample import resample
from stable_npz import npz_bytes

SPACING_MM = 3.0


def carried(template: Path, mask: Path) -> np.ndarray:
    """Return the share of each voxel of a 3 mm grid on the atlas that a published mask removes, in 1/255."""
    scan = efface.read_scan(template)
    start = np.linalg.inv(efface.locate(scan).atlas_to_scan)
    average = bundled_template().volume
    to_atlas = register(average, volume_of(scan.intensities(), scan.grid), start)
    kept = np.asarray(nib.load(mask).dataobj, np.float32)  # by voxel index: mridefacer's headers disagree
    share = resample(1 - kept, Grid(kept.shape, scan.grid.affine), target(), target_to_source=np.linalg.inv(to_atlas),
                     outside=None)  # fmt: skip
    return np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)


def target() -> Grid:
    """Return the atlas's frame at 3 mm."""
    atlas = load_atlas().grid
    affine = atlas.affine.copy()
    affine[:3, :3] *= SPACING_MM / atlas.spacing_mm
    return Grid(tuple(int(n) // 2 for n in atlas.shape), affine)


def main() -> None:
    """Write ``published_masks.npz`` and its description."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pydeface", type=Path)
    parser.add_argument("mridefacer", type=Path)
    given = parser.parse_args()
    masks = {
        "pydeface": carried(given.pydeface / "mean_reg2mean.nii.gz", given.pydeface / "facemask.nii.gz"),
        "mridefacer": carried(given.mridefacer / "head_tmpl.nii.gz", given.mridefacer / "face_teeth_ear_mask.nii.gz"),
    }
    folder = Path(__file__).parents[1] / "src" / "efface" / "methods"
    data = npz_bytes(**masks)
    (folder / "published_masks.npz").write_bytes(data)
    described = {
        "affine": target().affine.tolist(),
        "from": "pydeface 2.1.0 and mridefacer 0.2.2, MIT licence; see NOTICE",
        "made_by": "training/build_published_masks.py",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    (folder / "published_masks.json").write_text(json.dumps(described, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
