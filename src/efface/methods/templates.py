"""Templates of the published methods: the bundled average head, or a user's own with its mask, laid on a scan.

The bundled template is painted from the atlas's tissues, in the brightness of a T1w scan; mutual information does not
mind which. A user's template is placed on the atlas by its brain first, so that its header need not agree with
anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from efface.anatomy import Anatomy, locate
from efface.atlas import load_atlas, load_probabilities
from efface.bundled import read_bundled
from efface.grid import FloatArray, Grid
from efface.io import read_scan
from efface.scan import Scan
from efface.spatial.registering import Freedom, Volume, register, volume_of
from efface.spatial.resample import resample

T1_LEVELS = {
    "skin": 0.55, "soft_tissue": 0.5, "bone": 0.1, "marrow": 0.8, "csf": 0.2, "dura": 0.4, "artery": 0.4,
    "ventricles": 0.15, "cerebral_grey_matter": 0.62, "cerebral_white_matter": 0.9, "caudate": 0.68, "putamen": 0.72,
    "thalamus": 0.78, "hippocampus": 0.62, "other_deep_grey_matter": 0.78, "brainstem": 0.85,
    "cerebellar_grey_matter": 0.6, "cerebellar_white_matter": 0.85, "spinal_cord": 0.8, "eye": 0.2, "optic_nerve": 0.6,
    "nasal_cavity": 0.3,
}  # fmt: skip
"""Brightness of each tissue of the bundled template, that of an ordinary T1w scan; air has none."""

MOSTLY = 0.45
"""Share of brain that makes a voxel brain; a half would be decided by rounding where voxels are cut in halves."""

Share = NDArray[np.float32]
FaceMask = tuple[Share, Grid]
"""How much of each voxel is face, 0 to 1, and where the voxels lie."""


@dataclass(frozen=True, eq=False)
class Template:
    """A head that carries a mask to scans."""

    volume: Volume = field(repr=False)
    """What is compared with the scan."""
    atlas_to_template: FloatArray
    """(4, 4) matrix from the atlas's world to the template's, RAS+ mm."""

    def lay_on(
        self, scan: Scan, anatomy: Anatomy, freedom: Freedom = "affine", *, brain_only: bool = False
    ) -> FloatArray:
        """Register the template to a scan.

        Parameters
        ----------
        scan, anatomy : the scan, and what was found in it; the placement by its brain is where the search starts
        freedom : what may change
        brain_only : compare inside the skull alone

        Returns
        -------
        template_to_scan : (4, 4) matrix, RAS+ mm
        """
        seen = volume_of(scan.intensities(), scan.grid)
        where = None
        if brain_only:
            inside = resample(anatomy.brain.astype(np.float32), anatomy.grid, seen.grid)
            where = np.asarray(inside > MOSTLY)
        start = anatomy.atlas_to_scan @ np.linalg.inv(self.atlas_to_template)
        return register(seen, self.volume, start, freedom, where=where)


@lru_cache(maxsize=1)
def bundled_template() -> Template:
    """Return the average head, painted as a T1w scan; cached."""
    atlas = load_atlas()
    shares = load_probabilities()
    levels = np.array([T1_LEVELS.get(name, 0.0) for name in atlas.tissue_names], np.float32)
    painted = (shares @ levels / np.float32(255)).astype(np.float32)
    return Template(volume_of(painted, atlas.grid), np.eye(4))


@lru_cache(maxsize=2)
def published_mask(key: str) -> FaceMask:
    """Return the face mask that a method publishes with its template, carried onto the atlas; cached.

    Made by ``training/build_published_masks.py``; keys are ``"pydeface"`` and ``"mridefacer"``.

    Raises
    ------
    DefaceError
        The installation is damaged.
    """
    folder = Path(__file__).parent
    described = json.loads((folder / "published_masks.json").read_text("utf-8"))
    data = read_bundled(folder / "published_masks.npz", described["sha256"])
    with np.load(BytesIO(data), allow_pickle=False) as stored:
        share = stored[key] / np.float32(255)
    share.flags.writeable = False
    return share, Grid(share.shape, np.array(described["affine"]))


@lru_cache(maxsize=2)
def users_template(path: str) -> Template:
    """Read a template, and find where it lies by its brain; cached.

    Raises
    ------
    InputError
        The file cannot be read.
    VerificationError
        No head was found in it.
    """
    scan = read_scan(path)
    return Template(volume_of(scan.intensities(), scan.grid), locate(scan).atlas_to_scan)


def users_mask(mask_path: str, template_path: str) -> FaceMask:
    """Read a template's mask: 1 is kept, 0 is face, as pydeface, mridefacer and fsl_deface store it.

    Returns
    -------
    share : (I, J, K) float32 array, how much of each voxel is face
    grid : its grid, which must be the template's

    Raises
    ------
    InputError
        The mask cannot be read.
    GridMismatchError
        It lies on another grid than the template.
    """
    mask = read_scan(mask_path)
    read_scan(template_path).grid.check_same(mask.grid, f"the mask {mask_path}")
    return np.asarray(1 - np.clip(mask.intensities(), 0, 1), np.float32), mask.grid


def carried(
    bundled: FaceMask,
    template: Path | None,
    mask_template: Path | None,
    scan: Scan,
    anatomy: Anatomy,
    *,
    brain_only: bool = False,
    nudge_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Share:
    """Carry a template's face mask to a scan by an affine registration, linearly as FLIRT does.

    Parameters
    ----------
    bundled : the mask on the atlas, used with the bundled template if no other is given
    template, mask_template : a user's own
    scan, anatomy : the scan, and what was found in it
    brain_only : register inside the skull alone
    nudge_mm : how far the mask is moved afterwards in the scan's world, RAS+ mm

    Returns
    -------
    share : (I, J, K) float32 array, how much of each voxel is face; beyond the template's edge as at its edge
    """
    users = template is not None and mask_template is not None
    head = users_template(str(template)) if users else bundled_template()
    share, grid = users_mask(str(mask_template), str(template)) if users else bundled
    matrix = head.lay_on(scan, anatomy, brain_only=brain_only).copy()
    matrix[:3, 3] += nudge_mm
    return resample(share, grid, scan.grid, target_to_source=np.asarray(np.linalg.inv(matrix)), outside=None)
