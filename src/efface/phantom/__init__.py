"""A synthetic head that is nobody, for tests, documentation and the demo.

The bundled average of 13 heads (`efface.atlas`) is deformed at random as heads differ (`shape_model`), each region of
the face in its own way, given sulci, fat and texture at random, turned into MR signal, and scanned: partial volume,
uneven coil, Rician noise. No voxel and no face of any person is in it: drawn faces are as far from the nearest of the
13 as these are from one another (``training/nobody.py``).

    import efface.phantom

    image = efface.phantom.head("T2w", spacing_mm=(0.8, 0.8, 4), orientation="LPS", seed=3)
    person = efface.phantom.make("T1w", seed=3)        # the same head, with the truth about it
    eyes = person.where("eye")
    again = efface.phantom.make("T2w", seed=3, scan=1) # the same person on another day
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import nibabel as nib
import numpy as np
from nibabel import orientations
from numpy.typing import DTypeLike, NDArray

from efface.atlas import load_atlas
from efface.errors import UsageError
from efface.grid import FloatArray, Grid
from efface.phantom.scanner import FIELDS_OF_VIEW, add_noise, carry_labels, coil, field_of_view, measure
from efface.phantom.shape import Shape, draw_shape
from efface.phantom.tissue import CONTRASTS, SIGNAL, Labels, Volume, draw_head

__all__ = ["CONTRASTS", "FIELDS_OF_VIEW", "Phantom", "head", "make", "sample"]

SAMPLE_SEED = 7
WHITE_MATTER = 600.0
"""Stored value of signal 1, white matter on T1w, in dtypes of 16 bits and more."""
HEADROOM = 1.3
"""In 8 bits, how far above the contrast's brightest tissue the largest value lies."""


@dataclass(frozen=True, eq=False)
class Phantom:
    """A scan of a synthetic head, and the truth about it on the scan's grid."""

    image: nib.Nifti1Image = field(repr=False)
    """The scan."""
    grid: Grid
    """The scan's grid; RAS+ mm."""
    tissues: Labels = field(repr=False)
    """(I, J, K) tissue at each voxel's centre, as in ``Atlas.tissues``; 0 is air."""
    regions: Labels = field(repr=False)
    """(I, J, K) region at each voxel's centre, as in ``Atlas.regions``; face regions reach into the air."""
    shape: Shape = field(repr=False)
    """``to_atlas`` and ``to_scan`` carry points between this scan and the atlas."""

    def where(self, name: str) -> NDArray[np.bool_]:
        """Return an (I, J, K) mask of a tissue (``"eye"``), a region's tissue (``"nose"``) or ``"head"``."""
        atlas = load_atlas()
        if name == "head":
            return np.asarray(self.tissues > 0)
        if name in atlas.tissue_names:
            return np.asarray(self.tissues == atlas.tissue_names.index(name))
        if name not in atlas.region_names.values():
            known = (*atlas.tissue_names, *atlas.region_names.values())
            message = f"{name!r} is neither a tissue nor a region; use one of head, {', '.join(known)}"
            raise UsageError(message)
        return np.asarray((self.regions == atlas.region(name)) & (self.tissues > 0))


def make(
    contrast: str = "T1w",
    *,
    spacing_mm: Sequence[float] = (1.0, 1.0, 1.0),
    orientation: str = "RAS",
    seed: int = 0,
    dtype: DTypeLike = np.int16,
    noise: float = 0.02,
    field_of_view: str = "whole",
    size: float = 1.0,
    turn_deg: Sequence[float] = (0.0, 0.0, 0.0),
    volumes: int = 1,
    scan: int = 0,
) -> Phantom:
    """Scan a synthetic head.

    Parameters
    ----------
    contrast : str
        One of `CONTRASTS`.
    spacing_mm : three floats
        Voxel edges left-right, front-back and bottom-top, whatever the orientation.
    orientation : str
        Where the stored axes grow to, such as ``"LPS"``; any of the 48 codes. Only the storage changes.
    seed : int
        The person; the same in every contrast, grid, pose and scan.
    dtype : numpy dtype
        Of the stored voxels: integers or floats. White matter on T1w is about 600, less in 8 bits.
    noise : float
        Standard deviation of the noise in each channel, white matter on T1w being 1.
    field_of_view : str
        One of `FIELDS_OF_VIEW`; ``"whole"`` ends below at the chin.
    size : float
        0.62 is a newborn's head, 0.82 a one-year-old's, 0.91 a five-year-old's, 1 an adult's, 1.15 a large one. Small
        heads have a child's proportions: the face is smaller than the vault.
    turn_deg : three floats
        The head's turn in the scanner about x, y and z, right-handed: positive x lifts the nose. The grid stays.
    volumes : int
        More than one makes a 4-D scan of volumes that differ in noise and, a little, in gain.
    scan : int
        Which scan of the person. From 1 on the head is the same, and the noise, the coil and, by some degrees and
        millimetres, the pose are others.

    Raises
    ------
    UsageError
        A value that cannot be scanned.
    """
    _check(contrast, spacing_mm, orientation, dtype, noise, size, turn_deg, volumes, scan)
    turn_x, turn_y, turn_z = (float(angle) for angle in turn_deg)
    shape = draw_shape(seed, size, (turn_x, turn_y, turn_z), scan)
    grid = _grid(field_of_view, shape, spacing_mm)
    person = draw_head(contrast, seed)
    clean = measure(person.signal, person.grid, shape, grid)
    clean *= coil(grid, seed, scan)
    rng = np.random.default_rng([seed, 4, scan])
    taken = [_stored(volume, contrast, np.dtype(dtype)) for volume in _repeated(clean, noise, rng, volumes)]
    stored = taken[0] if volumes == 1 else np.stack(taken, axis=-1)
    voxels, affine = _oriented(stored, grid, orientation)
    tissues, regions = (
        _oriented(carry_labels(labels, person.grid, shape, grid), grid, orientation)[0]
        for labels in (person.tissues, person.regions)
    )
    for array in (tissues, regions):
        array.flags.writeable = False
    return Phantom(_image(voxels, affine), Grid(voxels.shape[:3], affine), tissues, regions, shape)


def head(contrast: str = "T1w", **options: Any) -> nib.Nifti1Image:
    """Return the scan of a synthetic head as an image; parameters as in `make`."""
    return make(contrast, **options).image


def sample() -> nib.Nifti1Image:
    """Return the demo's sample: a T1w head at 1 mm, always the same."""
    return head("T1w", seed=SAMPLE_SEED)


def _grid(kind: str, shape: Shape, spacing_mm: Sequence[float]) -> Grid:
    """Name apart from `make`'s parameter of the same name."""
    return field_of_view(kind, shape, np.asarray(spacing_mm, float))


def _repeated(clean: Volume, noise: float, rng: np.random.Generator, volumes: int) -> list[Volume]:
    """Measure again and again: fresh noise each time, gain within about a percent."""
    gains = np.float32(1) + np.float32(0.01) * rng.standard_normal(volumes, dtype=np.float32)
    gains[0] = 1
    return [add_noise(clean * gain, noise, rng) for gain in gains]


def _stored(signal: Volume, contrast: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Scale a signal to a dtype; integers are rounded, and clipped at the dtype's largest value."""
    if dtype.kind == "f":
        return np.asarray(signal * np.float32(WHITE_MATTER), dtype)
    largest = np.iinfo(dtype).max
    brightest = max(levels[CONTRASTS.index(contrast)] for levels in SIGNAL.values())
    white = min(WHITE_MATTER, largest / (HEADROOM * brightest))
    return np.asarray(np.minimum(np.rint(signal * np.float32(white)), largest), dtype)


def _oriented(voxels: NDArray[Any], grid: Grid, code: str) -> tuple[NDArray[Any], FloatArray]:
    """Store a RAS volume along other axes: the voxels, and their affine."""
    turn = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(code))
    affine = grid.affine @ orientations.inv_ornt_aff(turn, grid.shape)
    return np.asfortranarray(orientations.apply_orientation(voxels, turn)), np.asarray(affine)


def _image(voxels: NDArray[Any], affine: FloatArray) -> nib.Nifti1Image:
    image = nib.Nifti1Image(voxels, affine, dtype=voxels.dtype)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    if voxels.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], 2.0))
    return image


def _check(
    contrast: str,
    spacing_mm: Sequence[float],
    orientation: str,
    dtype: DTypeLike,
    noise: float,
    size: float,
    turn_deg: Sequence[float],
    volumes: int,
    scan: int,
) -> None:
    """Refuse what cannot be scanned."""
    known = {frozenset(pair) for pair in ("LR", "PA", "IS")}
    axes = {next((pair for pair in known if letter in pair), letter) for letter in orientation}
    checks = {
        f"contrast {contrast!r}; use one of {', '.join(CONTRASTS)}": contrast in CONTRASTS,
        f"spacing_mm {spacing_mm}; give three lengths from 0.3 to 20 mm": len(spacing_mm) == 3
        and all(0.3 <= length <= 20 for length in spacing_mm),
        f"orientation {orientation!r}; give three axis codes such as RAS or LPI": len(orientation) == 3
        and axes == known,
        f"dtype {dtype}; give integers or floats of up to 64 bits": np.dtype(dtype).kind in "iuf"
        and np.dtype(dtype).itemsize <= 8,
        f"noise {noise}; give 0 to 1": 0 <= noise <= 1,
        f"size {size}; give 0.5 to 1.5": 0.5 <= size <= 1.5,
        f"turn_deg {turn_deg}; give three angles from -60 to 60 degrees": len(turn_deg) == 3
        and all(-60 <= angle <= 60 for angle in turn_deg),
        f"volumes {volumes}; give at least 1": volumes >= 1,
        f"scan {scan}; give 0 or more": scan >= 0,
    }
    for problem, fine in checks.items():
        if not fine:
            raise UsageError(f"a phantom cannot be scanned with {problem}")  # noqa: EM102, TRY003 - made above
