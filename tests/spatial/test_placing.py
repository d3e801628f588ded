"""The atlas is placed by brain structures alone, wherever the head lies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from efface.atlas import load_atlas, load_brain_distance
from efface.spatial.placing import Landmarks, Model, place

FACE_POINTS = np.array([[-33.0, 62, -30], [33, 62, -30], [0, 85, -55], [0, 70, -110], [-75, -15, -45], [75, -15, -45]])


@pytest.fixture(scope="module")
def model():
    distance, grid = load_brain_distance()
    return Model(load_atlas().centroids, distance, grid)


@pytest.fixture(scope="module")
def surface():
    """Points on the atlas's own brain, every few millimetres."""
    atlas = load_atlas()
    brain = atlas.regions == atlas.region("brain")
    shell = brain & ~ndimage.binary_erosion(brain)
    return atlas.grid.ras(np.argwhere(shell)[::150])


def moved(points, matrix):
    return points @ matrix[:3, :3].T + matrix[:3, 3]


@st.composite
def poses(draw):
    """A head turned up to 40 degrees, of any size, anywhere."""
    angles = draw(st.tuples(*[st.floats(-40, 40)] * 3))
    size = draw(st.floats(0.6, 1.2))
    scales = size * np.array(draw(st.tuples(*[st.floats(0.94, 1.06)] * 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * scales
    matrix[:3, 3] = draw(st.tuples(*[st.floats(-150, 150)] * 3))
    return matrix


def seen(model, surface, matrix, noise_mm=0.0, missing=(), seed=0):
    rng = np.random.default_rng(seed)
    centroids = {
        name: moved(point, matrix) + rng.normal(0, noise_mm, 3)
        for name, point in model.centroids.items()
        if name not in missing
    }
    return Landmarks(centroids, moved(surface, matrix))


@settings(max_examples=30, deadline=None)
@given(poses())
def test_the_face_is_carried_to_its_place(model, surface, matrix):
    found = place(seen(model, surface, matrix, noise_mm=1.0), model)
    errors = np.linalg.norm(moved(FACE_POINTS, found.atlas_to_scan) - moved(FACE_POINTS, matrix), axis=1)
    assert errors.max() < 4.0


def test_one_structure_far_off_does_not_matter(model, surface):
    matrix = np.eye(4)
    landmarks = seen(model, surface, matrix)
    landmarks.centroids["left_caudate"] = landmarks.centroids["left_caudate"] + 40.0
    found = place(landmarks, model)
    assert np.abs(moved(FACE_POINTS, found.atlas_to_scan) - FACE_POINTS).max() < 2.5
    assert found.surface_error_mm < 1


def test_few_structures_give_one_scale_and_fewer_give_none(model):
    names = list(model.centroids)
    none = np.empty((0, 3))
    kept = {"left_thalamus", "right_thalamus", "left_caudate", "right_caudate", "brainstem"}
    few = seen(model, none, np.diag([0.8, 0.8, 0.8, 1]), missing=set(names) - kept)
    scales = np.linalg.norm(place(few, model).atlas_to_scan[:3, :3], axis=0)
    assert np.allclose(scales, 0.8, atol=0.02)
    assert np.ptp(scales) < 1e-6
    assert place(seen(model, none, np.eye(4), missing=names[2:]), model) is None


def test_mirror_images_are_never_made(model, surface):
    mirrored = np.diag([-1.0, 1, 1, 1])
    found = place(seen(model, surface, mirrored), model)
    assert np.linalg.det(found.atlas_to_scan[:3, :3]) > 0
