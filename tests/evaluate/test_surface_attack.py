"""The attack on surfaces: who is found, and when it says that it could not run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from efface.anatomy import locate
from efface.errors import GridMismatchError, UsageError
from efface.evaluate.attack import HeadShape, centred, head_shape, identify, surface_distances
from efface.evaluate.attack.shapes import PARTS
from efface.io import read_scan
from efface.phantom import head

NAMES = [f"person{n}" for n in range(6)]


def scanned(person, contrast, scan):
    image = head(contrast, seed=300 + person, scan=scan, noise=0.02 + 0.02 * scan, spacing_mm=(3, 3, 3))
    taken = read_scan(image)
    return taken, locate(taken)


@pytest.fixture(scope="module")
def first():
    return [scanned(person, "T1w", 0) for person in range(len(NAMES))]


@pytest.fixture(scope="module")
def gallery(first):
    return [head_shape(*each) for each in first]


def without(scan, anatomy, below_mm=0.0):
    """Return a scan in which all that lies lower than the brain's centre, in the atlas's frame, is empty."""
    points = scan.grid.ras(np.moveaxis(np.indices(scan.grid.shape), 0, -1))
    to_atlas = np.linalg.inv(anatomy.atlas_to_scan)
    low = (points @ to_atlas[:3, :3].T + to_atlas[:3, 3])[..., 2] < below_mm
    stored = scan.stored.copy()
    stored[low] = 0
    return scan.with_stored(stored), low


@pytest.mark.slow
def test_people_are_found_by_another_scan(gallery):
    """In another pose and contrast, with more noise; by the face, by the vault, and with means taken off."""
    people = (0, 2, 5)
    again = [head_shape(*scanned(person, ("T2w", "PDw")[person % 2], 1)) for person in people]
    names = [NAMES[person] for person in people]
    for part in PARTS:
        distances = surface_distances(again, gallery, part)
        assert distances.shape == (len(people), len(NAMES))
        assert identify(distances, names, NAMES).ranks.tolist() == [1, 1, 1]
        assert identify(centred(distances), names, NAMES).rate(1).hits == len(people)


def test_a_shift_and_a_tilt_do_not_matter(first, gallery):
    """A head placed 2 mm and 2 degrees elsewhere is nearest to itself, and nearly as near as if it were not."""
    scan, anatomy = first[2]
    moved = np.eye(4)
    moved[:3, :3] = Rotation.from_euler("xyz", (2, -1, 1), degrees=True).as_matrix()
    moved[:3, 3] = 2, -1, 1
    elsewhere = head_shape(scan, replace(anatomy, atlas_to_scan=anatomy.atlas_to_scan @ moved))
    for part in PARTS:
        own, *others = np.sort(surface_distances([elsewhere], gallery, part)[0])
        assert surface_distances([elsewhere], gallery, part)[0].argmin() == 2
        assert own < 0.5 * min(others)


def test_the_same_surface_has_no_distance(gallery):
    for part in PARTS:
        assert np.diag(surface_distances(gallery[:2], gallery[:2], part)) == pytest.approx([0, 0], abs=1e-6)


def test_where_nothing_is_in_the_face_it_could_not_run(first, gallery):
    scan, anatomy = first[1]
    empty = head_shape(without(scan, anatomy)[0], anatomy)
    found = identify(surface_distances([empty], gallery), NAMES[1:2], NAMES)
    assert found.could_not_run == 1
    assert found.rate(1).share is None
    assert surface_distances([empty], gallery, "kept")[0].argmin() == 1


def test_told_what_was_replaced_it_looks_at_the_rest(first, gallery):
    scan, anatomy = first[1]
    low = without(scan, anatomy)[1]
    assert np.isnan(surface_distances([head_shape(scan, anatomy, low)], gallery)).all()
    brow_left = without(scan, anatomy, below_mm=-35.0)[1]
    distances = surface_distances([head_shape(scan, anatomy, brow_left)], gallery)
    assert distances[0].argmin() == 1
    assert distances[0, 1] == pytest.approx(0, abs=0.01)


def test_what_the_view_cuts_is_no_face(first):
    """Where the view ends behind the nose, nothing is seen of it."""
    scan, anatomy = first[0]
    middle = anatomy.grid.index(anatomy.atlas_to_scan[:3] @ [0, 60, -60, 1])
    part = slice(0, int(middle[1]))
    stored, brain = np.ascontiguousarray(scan.stored[:, part]), np.ascontiguousarray(anatomy.brain[:, part])
    cut = replace(scan, stored=stored, grid=replace(scan.grid, shape=stored.shape))
    shape = head_shape(cut, replace(anatomy, grid=cut.grid, brain=brain))
    whole = head_shape(scan, anatomy)
    seen, all_seen = (np.isfinite(each.maps["front"]).sum() for each in (shape, whole))
    assert seen < 0.5 * all_seen
    both = np.isfinite(shape.maps["front"]) & np.isfinite(whole.maps["front"])
    assert np.abs(shape.maps["front"] - whole.maps["front"])[both].max() < 1.0


def test_maps_are_read_only(gallery):
    with pytest.raises(ValueError, match="read-only"):
        gallery[0].maps["front"][0] = 0


@pytest.mark.parametrize("wrong", ["part", "probes", "gallery", "shape", "missing"])
def test_what_does_not_fit(gallery, wrong):
    narrow = HeadShape({name: each[1:] for name, each in gallery[0].maps.items()})
    calls = {
        "part": (gallery[:1], gallery, "hat"),
        "probes": ([], gallery, "face"),
        "gallery": (gallery, [], "face"),
        "shape": ([narrow], gallery, "face"),
        "missing": ([HeadShape({})], gallery, "face"),
    }
    with pytest.raises(UsageError):
        surface_distances(*calls[wrong])


def test_anatomy_and_mask_must_be_the_scans(first):
    scan, anatomy = first[0]
    with pytest.raises(GridMismatchError):
        head_shape(scan, first[1][1])
    with pytest.raises(GridMismatchError):
        head_shape(scan, anatomy, np.zeros((2, 2, 2), bool))


def test_who_is_near_to_everybody_is_seen_past():
    """To an average face, 0 is the nearest; what is left of each person shows in the differences."""
    near = np.array([1.0, 5, 9])
    distances = near - 0.5 * np.eye(3)
    names = ["a", "b", "c"]
    assert identify(distances, names, names).ranks.tolist() == [1, 2, 3]
    assert identify(centred(distances), names, names).ranks.tolist() == [1, 1, 1]
    unseen = centred([[1, np.nan, 3], [np.nan, np.nan, 5]])
    assert unseen == pytest.approx(np.array([[0, np.nan, -1], [np.nan, np.nan, 1]]), nan_ok=True)
