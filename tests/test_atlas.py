"""The bundled atlas: symmetric, whole, small, and checked when it is read."""

import json
from pathlib import Path

import numpy as np
import pytest

import efface.atlas
from efface.atlas import FACE, FEATURES, load_atlas, load_envelope, load_probabilities
from efface.errors import DefaceError

NAMED = (*FACE, "brain", "left_temporalis", "right_temporalis", "tongue", "airway")


def middle(name):
    atlas = load_atlas()
    part = (atlas.regions == atlas.region(name)) & (atlas.tissues > 0 if name != "airway" else True)
    return atlas.grid.ras(np.argwhere(part)).mean(axis=0)


def test_every_region_is_there():
    atlas = load_atlas()
    assert set(NAMED) == set(atlas.region_names.values())
    assert set(FEATURES) < set(FACE)
    for name in NAMED:
        assert (atlas.regions == atlas.region(name)).sum() > 300, name


def test_it_is_symmetric():
    atlas = load_atlas()
    assert np.abs(atlas.grid.ras([0, 0, 0])[0] + atlas.grid.ras(np.array(atlas.grid.shape) - 1)[0]) < 1e-6
    assert np.mean(atlas.tissues != atlas.tissues[::-1]) < 0.002
    maps = load_probabilities().astype(int)
    assert np.abs(maps - maps[::-1]).max() <= 1


def test_the_face_is_put_together_like_a_face():
    eye, nose, mouth, chin, ear = (middle(n) for n in ("right_eye", "nose", "mouth", "chin", "right_ear"))
    assert middle("left_eye")[0] == pytest.approx(-eye[0], abs=0.5)
    assert eye[0] > 20
    assert ear[0] > 60
    assert eye[2] > nose[2] > mouth[2] > chin[2]
    assert eye[1] > ear[1]
    assert middle("brain")[2] > eye[2] - 10
    assert middle("tongue")[1] < mouth[1]


def test_face_regions_reach_the_edge_in_front_and_leave_the_brain():
    atlas = load_atlas()
    eyes = atlas.grid.index(atlas.between_eyes).round().astype(int)
    assert atlas.regions[eyes[0], -1, eyes[2]] == atlas.region("nose")
    brain = atlas.regions == atlas.region("brain")
    assert np.isin(atlas.tissues[brain], [0]).mean() < 0.01


def test_the_envelope_is_symmetric_and_holds_the_average_face_for_every_size_of_brain():
    envelope, atlas = load_envelope(), load_atlas()
    assert np.abs(envelope.distance_mm - envelope.distance_mm[:, ::-1]).max() <= 2.0
    eye = atlas.grid.ras(np.argwhere(atlas.tissues == atlas.tissue_names.index("eye")))
    for distance in envelope.distance_mm:
        assert (distance[tuple(envelope.grid.index(eye).round().astype(int).T)] < 0).all()
        assert distance[tuple(envelope.grid.index(atlas.brain_center).round().astype(int))] > 30
    assert (Path(efface.atlas.__file__).parent / "envelope.npz").stat().st_size < 3e5


def test_the_chin_of_a_larger_head_ends_lower_below_its_brain():
    ends = load_envelope().chin_ends_mm
    assert ends == tuple(sorted(ends, reverse=True))
    assert ends[0] > ends[-1] + 20


def test_it_is_small_and_fine():
    folder = Path(efface.atlas.__file__).parent
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) < 6e6
    assert load_atlas().grid.spacing_mm.max() <= 1.5


def test_a_damaged_file_is_noticed(tmp_path, monkeypatch):
    folder = Path(efface.atlas.__file__).parent
    for name in ("atlas.json", "labels.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    data = bytearray((tmp_path / "labels.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "labels.npz").write_bytes(data)
    monkeypatch.setattr(efface.atlas, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(DefaceError, match="damaged"):
        efface.atlas._checked("labels.npz")


def test_it_says_what_it_was_made_from():
    text = (Path(efface.atlas.__file__).parent / "atlas.json").read_text("utf-8")
    described = json.loads(text)
    assert "SynthSeg" in described["from"]
    assert described["heads"] == 13
