"""Where each voxel of a synthetic scan lies in the training head: pose, size, shape, posture."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from heads import Head
from recipe import Recipe

LATTICE = 4
"""The map is worked out at every fourth voxel, and linear between."""
CONDYLE = (0.0, -8.0, -46.0)
"""The jaw's hinge, and the corner of the mouth, in the atlas (RAS+ mm)."""
MOUTH = (0.0, 55.0, -107.0)
SKULL_BASE_Z = -42.0
"""Below this height of the atlas (mm) the face grows apart from the vault."""
LOOK_AT = (0.0, 0.0, -18.0)
"""A scan is centred about here, from the brain's centre (RAS mm)."""


def coordinates(head: Head, recipe: Recipe, rng: np.random.Generator) -> torch.Tensor:
    """Return the head's voxel index at every voxel of the scan, (X, Y, Z, 3) float32 tensor.

    The scan's axes are R, A, S; the map is an affine, then a smooth random displacement, then the face's own size and
    the jaw's opening. A flipped scan is read from right to left.
    """
    shape = recipe.shape
    nodes = [np.linspace(-(n - 1) / 2, (n - 1) / 2, -(-n // LATTICE)) * recipe.spacing_mm for n in shape]
    points = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1)
    if recipe.flip:
        points[..., 0] *= -1
    points = (points - recipe.shift_mm) @ _scan_to_head(recipe).T + LOOK_AT
    points += _smooth(points.shape[:3], 40.0, recipe.elastic_mm, recipe, rng)
    points += _smooth(points.shape[:3], 16.0, recipe.fine_elastic_mm, recipe, rng)
    to_atlas = np.linalg.inv(head.atlas_to_index)
    index = _grow_face(points / head.spacing_mm + head.brain_center, head, to_atlas, recipe.face_shrink)
    index = _open_jaw(index, head, to_atlas, recipe.jaw_deg)
    if recipe.longer_neck and head.neck_plane is not None:
        index[..., 2] = np.maximum(index[..., 2], head.neck_plane)
    lattice = torch.from_numpy(np.moveaxis(index, -1, 0)[None].astype(np.float32))
    fine = torch.nn.functional.interpolate(lattice, shape, mode="trilinear", align_corners=True)
    return fine[0].permute(1, 2, 3, 0)


def _scan_to_head(recipe: Recipe) -> np.ndarray:
    """Return the (3, 3) matrix from the scan's mm to the head's mm."""
    rotation = Rotation.from_euler("xyz", recipe.rotation_deg, degrees=True).as_matrix()
    return np.diag(1 / np.array(recipe.scale)) @ rotation.T


def _smooth(
    shape: tuple[int, ...], period_mm: float, amplitude_mm: float, recipe: Recipe, rng: np.random.Generator
) -> np.ndarray:
    """Return a smooth random displacement on the lattice, (..., 3) mm."""
    step = LATTICE * recipe.spacing_mm
    nodes = [max(2, round(n * step / period_mm) + 1) for n in shape]
    random = torch.from_numpy(rng.normal(0, amplitude_mm, (1, 3, *nodes)))
    fine = torch.nn.functional.interpolate(random, shape, mode="trilinear", align_corners=True)
    return fine[0].permute(1, 2, 3, 0).numpy()


def _ramp(values: np.ndarray, start: float, width: float) -> np.ndarray:
    """Rise smoothly from 0 at ``start`` to 1 at ``start + width``."""
    t = np.clip((values - start) / width, 0, 1)
    return t * t * (3 - 2 * t)


def _grow_face(index: np.ndarray, head: Head, to_atlas: np.ndarray, shrink: float) -> np.ndarray:
    """Make the face below the skull's base smaller (or larger) than the vault."""
    if shrink == 0:
        return index
    atlas = index @ to_atlas[:3, :3].T + to_atlas[:3, 3]
    below = np.maximum(SKULL_BASE_Z - atlas[..., 2], 0)
    weight = _ramp(below, 0, 30)
    grow = 1 / (1 - shrink) - 1
    moved = atlas.copy()
    moved[..., 0] *= 1 + 0.5 * grow * weight
    moved[..., 1] += 0.5 * grow * weight * np.maximum(atlas[..., 1], 0)
    moved[..., 2] -= grow * below
    return moved @ head.atlas_to_index[:3, :3].T + head.atlas_to_index[:3, 3]


def _open_jaw(index: np.ndarray, head: Head, to_atlas: np.ndarray, degrees: float) -> np.ndarray:
    """Turn what lies below the line from hinge to mouth about the hinge."""
    if degrees == 0:
        return index
    atlas = index @ to_atlas[:3, :3].T + to_atlas[:3, 3]
    y, z = atlas[..., 1] - CONDYLE[1], atlas[..., 2] - CONDYLE[2]
    slope = (MOUTH[2] - CONDYLE[2]) / (MOUTH[1] - CONDYLE[1])
    weight = _ramp(slope * y - z, 0, 14) * _ramp(y, -12, 24)
    angle = np.deg2rad(degrees) * weight  # pull back: the scan's point comes from higher up and further in front
    moved = atlas.copy()
    moved[..., 1] = CONDYLE[1] + np.cos(angle) * y - np.sin(angle) * z
    moved[..., 2] = CONDYLE[2] + np.sin(angle) * y + np.cos(angle) * z
    return moved @ head.atlas_to_index[:3, :3].T + head.atlas_to_index[:3, 3]


def sample_linear(volume: np.ndarray, index: torch.Tensor) -> torch.Tensor:
    """Sample a float32 volume at voxel indices (X, Y, Z, 3), linearly; 0 outside."""
    size = torch.tensor(volume.shape, dtype=torch.float32)
    grid = (2 * index / (size - 1) - 1).flip(-1)
    values = torch.nn.functional.grid_sample(
        torch.from_numpy(volume)[None, None], grid[None], mode="bilinear", padding_mode="zeros", align_corners=True
    )
    return values[0, 0]


def nearest(volume: np.ndarray, flat: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Look labels up at flat indices; 0 where ``outside``."""
    labels = volume.reshape(-1)[flat]
    labels[outside] = 0
    return labels


def flat_index(index: torch.Tensor, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest voxel's flat index, and whether it lies outside the volume."""
    rounded = (index + 0.5).to(torch.int32)  # truncation towards zero is floor here: negatives are outside anyway
    size = torch.tensor(shape, dtype=torch.int32)
    outside = ((index < -0.5) | (rounded >= size)).any(dim=-1)
    clipped = torch.minimum(rounded.clamp(min=0), size - 1)
    flat = (clipped[..., 0] * shape[1] + clipped[..., 1]) * shape[2] + clipped[..., 2]
    return flat.numpy(), outside.numpy()
