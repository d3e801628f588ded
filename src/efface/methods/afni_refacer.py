"""@afni_refacer_run: a shell of skin in template space, emptied or replaced by an average face."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from efface.anatomy import Anatomy
from efface.atlas import load_brain_distance
from efface.fill.kept import scaled
from efface.grid import FloatArray, Grid
from efface.methods.base import Decision
from efface.methods.head_shell import load_head_shell
from efface.methods.limits import check_choice
from efface.methods.regions import named_regions
from efface.methods.templates import Template, bundled_template
from efface.scan import Scan
from efface.spatial.mask import bounding_box
from efface.spatial.resample import resample

Mode = Literal["deface", "reface", "reface_plus"]
THICK_MM = 15.0
"""How deep the shell reaches below the average skin."""
WIDE_MM = 30.0
"""How far it reaches into the air, where voxels are set to zero."""
OFF_BRAIN_MM = 8.0
"""The shell keeps this far from the average brain."""
NECK_Z_MM = -60.0
"""Down to where ``reface_plus`` takes the scalp, RAS+ mm of the atlas."""
SCALE = 1.222
"""Of the ratio of means, the original's."""
BRIGHT = 0.1
"""From here on the average head is tissue: 100 of AFNI's shell, whose tissue has some 1,000. Below, it is air."""
FWHM_MM = 2.666
"""Of the blur inside of what is replaced."""

Volume = NDArray[np.float32]


@dataclass(frozen=True)
class AfniRefacer:
    """A shell of skin and ears in template space, emptied or replaced (afni_refacer).

    The same as the original (Cox and Taylor 2020; version 2.4): shift, rotation and three scales; the shell's nearest
    voxels; lone voxels dropped; with ``reface`` and ``reface_plus`` the shell's intensities times 1.222 and the ratio
    of means, blurred by 2.666 mm inside of what is replaced; ``reface_plus`` takes the scalp as well. Different: the
    shell is cut from the bundled average head; mutual information instead of the local correlation; air of the shell
    holds 0, as in the original, but values outside the shell are never changed; every volume of a 4-D scan gets its
    own ratio.
    """

    mode: Mode = "deface"
    """``deface`` empties the shell, ``reface`` puts an average face there, ``reface_plus`` a face and a scalp."""

    key: ClassVar[str] = "afni-refacer"
    citation: ClassVar[str] = (
        "Cox and Taylor, AFNI's @afni_refacer_run; Theyers et al. 2021, Front Psychiatry 12:617997"
    )
    follows_face: ClassVar[bool] = True
    writes_own: ClassVar[bool] = True
    default_fill: ClassVar[str] = "own"

    def __post_init__(self) -> None:
        check_choice(self, "mode", get_args(Mode))

    def decide(self, scan: Scan, anatomy: Anatomy) -> Decision:
        """Choose the shell (see `DefaceMethod`)."""
        template = bundled_template()
        to_atlas = np.asarray(np.linalg.inv(template.lay_on(scan, anatomy, "scales")))
        grid, shell = load_head_shell().grid, _shell(self.mode == "reface_plus")
        mask = resample(shell.astype(np.float32), grid, scan.grid, target_to_source=to_atlas) > 0.5
        mask &= ndimage.uniform_filter(mask.astype(np.float32), 3) > 1.5 / 27  # lone voxels
        return Decision(named_regions(mask, anatomy), values=self._values(scan, mask, template, to_atlas))

    def _values(self, scan: Scan, mask: NDArray[np.bool_], template: Template, to_atlas: FloatArray) -> Volume:
        """Return what the original writes, (N,) or (N, T)."""
        before = scaled(scan.stored[mask], scan)
        if self.mode == "deface":
            return np.zeros_like(before)
        average = template.volume
        face = resample(average.values, average.grid, scan.grid, target_to_source=to_atlas)
        tissue = mask & (face >= BRIGHT)
        written, inside = np.zeros_like(before), tissue[mask]
        if inside.any():
            ratio = _mean_of_measured(before[inside]) / face[tissue].mean()
            written[inside] = SCALE * np.multiply.outer(_blurred(face, tissue, scan.grid), ratio)
        return written


@lru_cache(maxsize=2)
def _shell(plus: bool) -> NDArray[np.uint8]:
    """Return the shell on the grid of `load_head_shell`, 1 in it."""
    head, (distance, grid) = load_head_shell(), load_brain_distance()
    off_brain = resample(distance, grid, head.grid, outside=None) > OFF_BRAIN_MM
    near = (head.height_mm >= -THICK_MM) & (head.height_mm <= WIDE_MM) & off_brain
    above_neck = head.grid.ras(np.moveaxis(np.indices(head.grid.shape), 0, -1))[..., 2] > NECK_Z_MM
    return np.asarray(near & ((head.parts > 0) | (plus & above_neck)), np.uint8)


def _mean_of_measured(values: Volume) -> Volume:
    """Return the mean of each volume, () or (T,), without 0 and what is not finite; 0 if nothing is left."""
    measured = np.isfinite(values) & (values != 0)
    return np.asarray(values.sum(axis=0, where=measured) / np.maximum(measured.sum(axis=0), 1), np.float32)


def _blurred(values: Volume, mask: NDArray[np.bool_], grid: Grid) -> Volume:
    """Return values of a mask, (N,), blurred by those of the mask alone."""
    box = bounding_box(mask, grid)
    if box is None:
        return np.zeros(0, np.float32)
    inside = mask[box].astype(np.float32)
    sigma = FWHM_MM / 2.3548 / grid.spacing_mm
    blurred = ndimage.gaussian_filter(values[box] * inside, sigma)
    return np.asarray((blurred / np.maximum(ndimage.gaussian_filter(inside, sigma), 1e-6))[mask[box]], np.float32)
