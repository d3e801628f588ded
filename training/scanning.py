"""What scanners and operators do to a head: slices, coils, noise, motion, short views; on the network's grid."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from recipe import Recipe


def scan(
    signal: np.ndarray, classes: np.ndarray, recipe: Recipe, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Turn signal on the network's grid into an image; return it and what is still visible of the classes."""
    image = signal * _bias(signal.shape, recipe.bias, rng)
    if recipe.wrap_mm:
        image, classes = _wrap(image, classes, recipe.wrap_mm / recipe.spacing_mm)
    if recipe.ghosts:
        image = _ghosts(image, recipe.ghosts, rng)
    if recipe.blur:
        image = ndimage.gaussian_filter(image, recipe.blur, truncate=2)
    image = _slices(image, recipe, rng)
    image = np.maximum(image, 0)
    if recipe.gamma != 1:
        image = (image / 1.5) ** recipe.gamma
    gone = _outside_view(recipe)
    if gone is not None:
        classes = np.where(gone, 0, classes).astype(np.uint8)
        image[gone] = 0
    return image.astype(np.float32), classes


def _bias(shape: tuple[int, ...], amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth positive gain."""
    nodes = rng.normal(0, amplitude, (1, 1, 4, 4, 4)).astype(np.float32)
    if rng.random() < 0.1:  # a surface coil
        nodes += rng.uniform(0.3, 1.2) * np.linspace(1, -1, 4, dtype=np.float32).reshape(
            _along(int(rng.integers(3)), 4)
        )
    field = torch.nn.functional.interpolate(torch.from_numpy(nodes), shape, mode="trilinear", align_corners=True)
    return np.exp(field[0, 0].numpy())


def _along(axis: int, n: int) -> tuple[int, ...]:
    """Return the shape of a vector along one of three axes."""
    return tuple(n if other == axis else 1 for other in range(3))


def _wrap(image: np.ndarray, classes: np.ndarray, voxels: float) -> tuple[np.ndarray, np.ndarray]:
    """Fold the front of the head over to behind it: the view is too short along the phase axis."""
    occupied = np.flatnonzero((classes > 0).any(axis=(0, 2)))
    end = max(int(occupied[-1] + 1 - voxels), 16) if len(occupied) else 16
    front = image[:, end:]
    start = max(int(occupied[0]) - 6, 0) if len(occupied) else 0
    room = min(front.shape[1], image.shape[1] - start)
    image, classes = image.copy(), classes.copy()
    image[:, start : start + room] += front[:, :room]
    image[:, end:], classes[:, end:] = 0, 0
    return image, classes


def _ghosts(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Add shifted, faint copies along one axis."""
    axis, shift = int(rng.integers(3)), int(rng.integers(6, 40))
    out = image * (1 - strength)
    for copy, sign in ((1, 1), (-1, 1), (2, -0.5), (-2, -0.5)):
        out += sign * 0.5 * strength * np.roll(image, copy * shift, axis)
    return np.abs(out)


def _slices(image: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """Average into thick slices, add noise there, and interpolate back onto the grid, as resampling a scan does."""
    if recipe.slice_mm <= recipe.spacing_mm:
        return _with_noise(image, recipe, rng)
    axis, n = recipe.slice_axis, image.shape[recipe.slice_axis]
    average, back = slice_matrices(
        n, recipe.slice_mm / recipe.spacing_mm, float(rng.uniform(0, 1)), float(rng.uniform(0.7, 1))
    )
    moved = np.moveaxis(image, axis, -1)
    moved = _with_noise(moved @ average.T, recipe, rng) @ back.T
    return np.moveaxis(moved, -1, axis)


def slice_matrices(n: int, step: float, phase: float, fill: float) -> tuple[np.ndarray, np.ndarray]:
    """Return matrices that average ``n`` voxels into slices ``step`` voxels apart, and interpolate back.

    Parameters
    ----------
    phase : where the first slice lies, 0 to 1 slice
    fill : slice thickness as a share of the distance; the rest is gap

    Returns
    -------
    average : (slices, n) float32
    back : (n, slices) float32
    """
    count = max(2, int(n / step) + 1)
    centers = (np.arange(count) + phase - 0.5) * step
    voxels = np.arange(n)
    half = fill * step / 2
    average = np.clip(
        np.minimum(voxels + 0.5, centers[:, None] + half) - np.maximum(voxels - 0.5, centers[:, None] - half), 0, 1
    )
    average /= np.maximum(average.sum(axis=1, keepdims=True), 1e-6)
    place = np.clip((voxels - centers[0]) / step, 0, count - 1)
    back = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(count)))
    return average.astype(np.float32), back.astype(np.float32)


def _with_noise(image: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """Add noise, Rician (magnitude of a complex signal) or Gaussian."""
    first = rng.standard_normal(image.shape, dtype=np.float32)
    first *= np.float32(recipe.noise)
    first += image
    if not recipe.rician:
        return first
    second = rng.standard_normal(image.shape, dtype=np.float32)
    second *= np.float32(recipe.noise)
    return np.sqrt(first * first + second * second)


def _outside_view(recipe: Recipe) -> np.ndarray | None:
    """Return where the view has ended, (X, Y, Z) bool; tilted planes make an oblique view."""
    if not recipe.cuts:
        return None
    axes = np.meshgrid(*[np.linspace(-0.5, 0.5, n, dtype=np.float32) for n in recipe.shape], indexing="ij", sparse=True)
    gone = np.zeros(recipe.shape, bool)
    slope = np.tan(np.deg2rad(recipe.tilt_deg))
    for axis, end, share in recipe.cuts:
        tilted = axes[axis] + slope * axes[(axis + 1) % 3]
        gone |= tilted < share - 0.5 if end == 0 else tilted > 0.5 - share
    return gone
