"""Two looks at a scan find the brain where it is, and say how sure they are."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from efface import phantom
from efface.anatomy import MODEL, locate
from efface.io import read_scan
from efface.network import locating
from efface.network.blanking import blanking
from efface.network.confidence import Evidence, confidence, evidence_of
from efface.network.inference import load_network
from efface.network.locating import look_twice
from efface.network.preparing import SPACING_MM
from efface.spatial.placing import Placement
from efface.spatial.resample import ras_grid, resample

SPACING = (2.5, 2.5, 2.5)


def dice(one, two):
    return 2 * (one & two).sum() / (one.sum() + two.sum())


@pytest.mark.parametrize(
    ("contrast", "spacing"), [("T1w", SPACING), ("T2w", SPACING), ("FLAIR", (5.0, 1.2, 1.2)), ("PDw", (1.5, 1.5, 4.0))]
)
def test_brain_is_found_in_any_contrast(contrast, spacing):
    person = phantom.make(contrast, spacing_mm=spacing, seed=11)
    anatomy = locate(read_scan(person.image))
    assert dice(anatomy.brain, person.where("brain")) > 0.9
    assert anatomy.follows_header
    assert anatomy.confidence > 0.5


def test_left_and_right_are_the_persons_own():
    anatomy = locate(read_scan(phantom.head("T1w", spacing_mm=SPACING, seed=11, orientation="LPS")))
    assert anatomy.centroids["left_putamen"][0] < anatomy.centroids["right_putamen"][0]
    eyes = [np.argwhere(anatomy.seen.labels == anatomy.classes.index(f"{side}_eye")) for side in ("left", "right")]
    assert eyes[0][:, 0].mean() < eyes[1][:, 0].mean()


def test_a_header_with_wrong_axes_is_noticed():
    person = phantom.make("T1w", spacing_mm=SPACING, seed=11, orientation="PIR")
    image = nib.Nifti1Image(np.asarray(person.image.dataobj), np.diag([*person.grid.spacing_mm, 1.0]))
    anatomy = locate(read_scan(image))
    assert not anatomy.follows_header
    assert dice(anatomy.brain, person.where("brain")) > 0.9


def test_the_same_scan_gives_the_same_anatomy():
    scan = read_scan(phantom.head("T2w", spacing_mm=SPACING, seed=12))
    one, two = locate(scan), locate(scan)
    assert np.array_equal(one.brain, two.brain)
    assert np.array_equal(one.atlas_to_scan, two.atlas_to_scan)
    assert one.confidence == two.confidence


@pytest.mark.parametrize("spacing", [SPACING, (1.5, 1.5, 5.0)])
def test_another_face_behind_the_blanking_changes_nothing(spacing, monkeypatch):
    scan = read_scan(phantom.head("T1w", spacing_mm=spacing, seed=11))
    network = load_network(MODEL)
    first = locating._first_look(scan.intensities(), scan.grid, network)
    monkeypatch.setattr(locating, "_first_look", lambda *_: first)
    ras = ras_grid(scan.grid, SPACING_MM)
    blanked = blanking(first.look, first.placement.atlas_to_scan, ras).hidden
    hidden = resample(blanked.astype(np.float32), ras, scan.grid) > 0.5
    other = scan.with_stored(np.where(hidden, np.flip(scan.stored, 2) * 2 + 50, scan.stored).astype(scan.stored.dtype))
    assert (other.stored != scan.stored).mean() > 0.02
    one, two = look_twice(scan, network), look_twice(other, network)
    assert np.array_equal(one.placement.atlas_to_scan, two.placement.atlas_to_scan)
    assert np.array_equal(one.brain, two.brain)


def test_brain_that_the_first_look_missed_is_found_by_the_second(monkeypatch):
    person = phantom.make("T1w", spacing_mm=SPACING, seed=11)
    scan, network = read_scan(person.image), load_network(MODEL)
    first = locating._first_look(scan.intensities(), scan.grid, network)
    half = first.look.inside.copy()
    half[:, :, : half.shape[2] // 2] = 0
    missed = replace(first, look=replace(first.look, inside=half))
    monkeypatch.setattr(locating, "_first_look", lambda *_: missed)
    assert dice(look_twice(scan, network).brain, person.where("brain")) > 0.9


def test_worse_evidence_means_less_confidence():
    weights = load_network(MODEL).trust
    good = Evidence(0.96, 0.95, 2.0, 1.0, 19)
    bad = Evidence(0.80, 0.60, 12.0, 8.0, 7)
    assert confidence(good, weights) > 0.9
    assert confidence(bad, weights) < 0.5


def test_evidence_is_what_the_looks_say():
    first, probability = np.zeros((4, 4, 4), bool), np.zeros((4, 4, 4), np.float32)
    first[:2], probability[1:3] = True, 0.9
    placement = Placement(np.eye(4), 12, 3.0, 1.5)
    evidence = evidence_of(first, probability, placement)
    assert evidence.expected_dice == pytest.approx(2 * 0.9 / 1.9)
    assert evidence == Evidence(evidence.expected_dice, 0.5, 3.0, 1.5, 12)
