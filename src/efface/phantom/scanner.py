"""The phantom's scanner: a field of view, voxels that average what they cover, an uneven coil, noise."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from efface.atlas import load_atlas
from efface.errors import UsageError
from efface.grid import FloatArray, Grid
from efface.phantom.shape import Shape
from efface.phantom.tissue import Volume

FIELDS_OF_VIEW = ("whole", "no_chin", "no_crown", "no_nose", "brain_only")
"""What a scan shows: from crown to chin, or without one of them, or cut in front, or the brain's box."""
AIR_MM = np.array([14.0, 16.0, 12.0])
"""Air beside, before and behind, and above the head."""
BELOW_CHIN_MM = 3.0
"""How much the whole head's scan shows below the chin."""
FINEST_MM = 1.6
"""Voxels longer than this are averages of several samples."""
FIELD_MM = 6.0
"""Spacing at which the deformation is handed to ITK, which interpolates it linearly."""
SAMPLES_AT_ONCE = 8_000_000


def field_of_view(kind: str, shape: Shape, spacing_mm: FloatArray) -> Grid:
    """Return the scan's grid along the world's axes, RAS+.

    Raises
    ------
    UsageError
        No such field of view.
    """
    if kind not in FIELDS_OF_VIEW:
        message = f"field of view {kind!r} is unknown; use one of {', '.join(FIELDS_OF_VIEW)}"
        raise UsageError(message)
    low, high = _box(kind, shape)
    count = np.maximum(np.ceil((high - low) / spacing_mm), 1).astype(int)
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = (low + high - (count - 1) * spacing_mm) / 2
    return Grid((int(count[0]), int(count[1]), int(count[2])), affine)


def _box(kind: str, shape: Shape) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest corner of a field of view, RAS+ mm."""
    if kind == "brain_only":
        brain = _places("brain", shape)
        return brain.min(axis=0) - 3, brain.max(axis=0) + 3
    head, chin = _places("head", shape), _places("chin", shape)
    low, high = head.min(axis=0) - AIR_MM, head.max(axis=0) + AIR_MM
    low[2] = chin[:, 2].min() - BELOW_CHIN_MM
    if kind == "no_chin":
        low[2] = chin[:, 2].max() + 3
    elif kind == "no_crown":
        high[2] -= AIR_MM[2] + 30
    elif kind == "no_nose":
        high[1] = _places("nose", shape)[:, 1].max() - 14
    return low, high


def _places(name: str, shape: Shape) -> FloatArray:
    """Return some (N, 3) points of the head or of a region's tissue in the scan, RAS+ mm."""
    atlas = load_atlas()
    inside = atlas.tissues > 0
    if name != "head":
        inside = inside & (atlas.regions == atlas.region(name))
    step = 4 if name in ("head", "brain") else 2
    thinned = np.argwhere(inside[::step, ::step, ::step]) * step
    return shape.to_scan(atlas.grid.ras(thinned))


def measure(signal: Volume, source: Grid, shape: Shape, grid: Grid) -> Volume:
    """Return what each voxel of a scan measures: the mean signal over its box, (I, J, K) float32 array.

    Parameters
    ----------
    signal : (I, J, K) float32 array
        In the average head's frame.
    source : its grid
    shape : the head's shape and pose
    grid : the scan's grid, along the world's axes
    """
    parts = np.ceil(grid.spacing_mm / FINEST_MM - 1e-6).astype(int)
    image, transform = _image(signal, source), _transform(shape, grid)
    affine = grid.affine.copy()
    affine[:3, :3] /= parts
    affine[:3, 3] -= (grid.spacing_mm - grid.spacing_mm / parts) / 2
    plane = int(np.prod(np.array(grid.shape[:2]) * parts[:2]))
    at_once = max(1, SAMPLES_AT_ONCE // (plane * int(parts[2])))
    measured = np.empty(grid.shape, np.float32, order="F")
    for first in range(0, grid.shape[2], at_once):
        planes = min(at_once, grid.shape[2] - first)
        size = np.array([*grid.shape[:2], planes]) * parts
        start = affine[:3, 3] + [0, 0, first * grid.spacing_mm[2]]
        fine = _resampled(image, transform, sitk.sitkLinear, size, start, np.diag(affine)[:3])
        boxes = fine.reshape(planes, parts[2], grid.shape[1], parts[1], grid.shape[0], parts[0])
        measured[..., first : first + planes] = boxes.mean(axis=(1, 3, 5), dtype=np.float32).T
    return measured


def carry_labels(labels: NDArray[np.uint8], source: Grid, shape: Shape, grid: Grid) -> NDArray[np.uint8]:
    """Return the label at each voxel's centre, (I, J, K) uint8 array."""
    transform = _transform(shape, grid)
    place = np.array(grid.shape), grid.affine[:3, 3], grid.spacing_mm
    moved = _resampled(_image(labels, source), transform, sitk.sitkNearestNeighbor, *place)
    return np.asarray(moved.T, np.uint8)


def _image(values: NDArray[np.generic], grid: Grid) -> sitk.Image:
    """Wrap a volume for ITK with RAS+ numbers; ITK only sees a frame, the name of its axes is no matter."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.T))
    image.SetSpacing(grid.spacing_mm.tolist())
    image.SetOrigin(grid.affine[:3, 3].tolist())
    return image


def _transform(shape: Shape, grid: Grid) -> sitk.Transform:
    """Return the way from a scan on this grid to the atlas as a displacement field."""
    low = grid.affine[:3, 3] - grid.spacing_mm - FIELD_MM
    high = grid.ras(np.array(grid.shape) - 1) + grid.spacing_mm + FIELD_MM
    axes = [np.arange(a, b + FIELD_MM, FIELD_MM) for a, b in zip(low, high, strict=True)]
    places = np.stack(np.meshgrid(*axes[::-1], indexing="ij")[::-1], axis=-1)
    image = sitk.GetImageFromArray(shape.to_atlas(places) - places, isVector=True)
    image.SetSpacing([FIELD_MM] * 3)
    image.SetOrigin(low.tolist())
    return sitk.DisplacementFieldTransform(image)


def _resampled(
    image: sitk.Image, transform: sitk.Transform, how: int, size: FloatArray, start: FloatArray, step: FloatArray
) -> NDArray[np.generic]:
    """Resample an image; (K, J, I) array."""
    place = size.tolist(), transform, how, start.tolist(), step.tolist(), np.eye(3).ravel().tolist()
    return np.asarray(sitk.GetArrayFromImage(sitk.Resample(image, *place, 0.0)))


def coil(grid: Grid, seed: int, scan: int = 0) -> Volume:
    """Return the coil's uneven sensitivity, (I, J, K) float32 array about 1: a random quadratic."""
    rng = np.random.default_rng([seed, 3, scan])
    ends = grid.affine[:3, 3] - load_atlas().brain_center
    x, y, z = np.ix_(*[(e + s * np.arange(n)) / 100 for e, s, n in zip(ends, grid.spacing_mm, grid.shape, strict=True)])
    a = (0.06 * rng.standard_normal(9)).astype(np.float32)
    x, y, z = (axis.astype(np.float32) for axis in (x, y, z))
    linear = a[0] * x + a[1] * y + (a[2] + np.float32(0.08)) * z
    mixed = a[3] * (x * y) + a[4] * (y * z) + a[5] * (x * z)
    squares = (a[6] + np.float32(0.1)) * x**2 + (a[7] + np.float32(0.1)) * y**2 + a[8] * z**2
    return np.asarray(np.exp(np.clip(linear + mixed + squares, -0.5, 0.5)), np.float32)


def add_noise(signal: Volume, sigma: float, rng: np.random.Generator) -> Volume:
    """Return the magnitude of a signal with noise ``sigma`` in both channels: Rician (Gudbjartsson and Patz 1995)."""
    if sigma == 0:
        return signal
    real, imaginary = (np.float32(sigma) * rng.standard_normal(signal.shape, dtype=np.float32) for _ in range(2))
    return np.asarray(np.hypot(signal + real, imaginary))
