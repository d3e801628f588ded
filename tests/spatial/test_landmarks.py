"""Centroids and surface from labels: cut structures are left out, the surface is found between voxels."""

import numpy as np

from efface.grid import Grid
from efface.network.inference import Look
from efface.spatial.landmarks import landmarks

CLASSES = ("air", "left_caudate", "brainstem", "nose")


def look_of(labels, inside=None, spacing=2.0):
    affine = np.diag([spacing, spacing, spacing, 1])
    affine[:3, 3] = (-7, 11, 3)
    inside = np.zeros(labels.shape, np.float32) if inside is None else inside
    return Look(labels, inside, Grid(labels.shape, affine))


def test_centroids_are_in_millimetres_and_cut_structures_are_left_out():
    labels = np.zeros((30, 32, 34), np.uint8)
    labels[10:14, 20:24, 6:12] = 1
    labels[:6, 4:9, 4:9] = 2
    labels[20, 20, 20] = 3
    look = look_of(labels)
    found = landmarks(look, CLASSES).centroids
    assert set(found) == {"left_caudate"}
    assert np.allclose(found["left_caudate"], look.grid.ras([11.5, 21.5, 8.5]))


def test_the_surface_of_a_ball_is_found_between_voxels():
    shape, middle, radius = (40, 40, 40), np.array([19.3, 20.1, 18.8]), 12.4
    distance = np.linalg.norm(np.stack(np.indices(shape), axis=-1) - middle, axis=-1)
    inside = np.clip(0.5 + (radius - distance) / 2, 0, 1).astype(np.float32)
    look = look_of(np.zeros(shape, np.uint8), inside)
    points = look.grid.index(landmarks(look, CLASSES).surface)
    assert len(points) > 500
    assert np.abs(np.linalg.norm(points - middle, axis=1) - radius).max() < 0.1


def test_only_the_largest_body_counts():
    inside = np.zeros((30, 30, 30), np.float32)
    inside[5:20, 5:20, 5:20] = 1
    inside[25:28, 25:28, 25:28] = 1
    look = look_of(np.zeros(inside.shape, np.uint8), inside)
    assert look.grid.index(landmarks(look, CLASSES).surface).max() < 22
