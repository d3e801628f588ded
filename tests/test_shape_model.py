"""The shape model and what is drawn from it: small, checked, one-to-one, somebody new each time."""

from pathlib import Path

import numpy as np
import pytest

from efface import phantom
from efface.atlas import load_atlas
from efface.errors import DefaceError
from efface.phantom import shape_model
from efface.phantom.deformation import draw_coefficients
from efface.phantom.growth import face_size, grow
from efface.phantom.shape import draw_shape
from efface.phantom.shape_model import load_shape_model, mirrored

FACE = ("left_eye", "right_eye", "nose", "mouth", "chin", "left_cheek", "right_cheek", "brow")
SEEDS = range(8)


def drawn(seed, size=1.0, turn_deg=(0.0, 0.0, 0.0), scan=0):
    return draw_shape(seed, size, turn_deg, scan)


def places(*regions, step=1):
    """Return points of the atlas's tissue in some regions."""
    atlas = load_atlas()
    inside = (atlas.tissues > 0) & np.isin(atlas.regions, [atlas.region(name) for name in regions])
    return atlas.grid.ras(np.argwhere(inside)[::step])


def aligned(points, others):
    """Return the root mean square distance of corresponding points after the best rigid alignment (Kabsch 1976)."""
    points, others = points - points.mean(axis=0), others - others.mean(axis=0)
    u, _, v = np.linalg.svd(points.T @ others)
    turn = u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v
    return np.sqrt(((points @ turn - others) ** 2).sum(axis=1).mean())


def volume_growth(shape, points, step=0.5):
    """Return the Jacobian's determinant of the way to the atlas."""
    slopes = [(shape.to_atlas(points + one) - shape.to_atlas(points - one)) / (2 * step) for one in step * np.eye(3)]
    return np.linalg.det(np.stack(slopes, axis=-1))


def test_the_model_is_small():
    folder = Path(shape_model.__file__).parent
    assert sum((folder / f"shape_model.{kind}").stat().st_size for kind in ("npz", "json")) <= 2_000_000


def test_the_model_holds_no_person():
    stored = set(np.load(Path(shape_model.__file__).parent / "shape_model.npz").files)
    assert stored == {"symmetric", "symmetric_mm", "antisymmetric", "antisymmetric_mm"}


def test_modes_are_symmetric_or_antisymmetric():
    twins = mirrored(load_shape_model().modes)
    even, odd = (np.abs(twins - sign * load_shape_model().modes).max(axis=(1, 2, 3, 4)) < 0.1 for sign in (1, -1))
    assert np.array_equal(even, ~odd)
    assert np.all(np.diff(even.astype(int)) <= 0)


def test_a_damaged_model_is_refused(tmp_path, monkeypatch):
    for name in ("shape_model.json", "shape_model.npz"):
        data = bytearray((shape_model.FOLDER / name).read_bytes())
        if name.endswith("npz"):
            data[1000] ^= 1
        (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(shape_model, "FOLDER", tmp_path)
    with pytest.raises(DefaceError, match="damaged"):
        load_shape_model.__wrapped__()


def test_no_two_regions_take_the_same_coefficients():
    parts = draw_coefficients(np.random.default_rng(0))
    gaps = np.abs(parts[:, None] - parts).mean(axis=-1)
    assert gaps[~np.eye(len(parts), dtype=bool)].min() > 0.2


def test_people_differ_by_millimetres_in_their_faces():
    face = places(*FACE, step=20)
    faces = [drawn(seed).to_scan(face) for seed in SEEDS]
    gaps = [aligned(one, other) for i, one in enumerate(faces) for other in faces[:i]]
    assert min(gaps) > 2
    assert np.median(gaps) < 10


@pytest.mark.parametrize("size", [0.62, 0.82, 1.0, 1.15])
def test_nothing_folds(size):
    low, high = np.array([-92, -124, -158]), np.array([92, 118, 95])
    points = np.random.default_rng(0).uniform(low, high, (4000, 3))
    for seed in SEEDS:
        shape = drawn(seed, size)
        assert volume_growth(shape, shape.to_scan(points)).min() > 0
        assert np.abs(shape.to_atlas(shape.to_scan(points)) - points).max() < 0.3


def test_another_scan_is_the_same_head_lying_otherwise():
    face = places(*FACE, "brain", step=50)
    first, second = (drawn(3, scan=scan).to_scan(face) for scan in (0, 1))
    assert aligned(first, second) < 0.05
    assert np.abs(first - second).max() > 1
    one, two = (phantom.make(spacing_mm=(4, 4, 4), seed=3, scan=scan) for scan in (1, 1))
    assert np.array_equal(np.asarray(one.image.dataobj), np.asarray(two.image.dataobj))


def test_another_scan_has_other_noise():
    scans = [np.asarray(phantom.head(spacing_mm=(5, 5, 5), seed=3, scan=scan).dataobj, float) for scan in (0, 1)]
    corners = [scan[:3, :3, -3:].ravel() for scan in scans]
    assert not np.array_equal(*corners)


def test_a_childs_face_is_smaller_than_its_vault():
    face, brain = places("mouth", "chin", step=20), places("brain", step=200)
    for size, ratio in ((1.0, 1.0), (0.91, 2.5 / 5), (0.62, 2.5 / 8)):
        shape = drawn(1, size)
        grown = 1 / volume_growth(shape, shape.to_scan(face)).mean()
        vault = 1 / volume_growth(shape, shape.to_scan(brain)).mean()
        if size == 1:
            adult = grown / vault
        assert grown / vault / adult == pytest.approx(ratio, rel=0.15)


def test_growth_leaves_the_vault_alone():
    high = places("brain", step=200)
    high = high[high[:, 2] > -20]
    assert np.abs(grow(high, 0.62) - high).max() < 1.5
    assert face_size(1.2) == 1
