"""Two looks at a scan find the brain where it is, and say how sure they are."""

import nibabel as nib
import numpy as np
import pytest

from efface import phantom
from efface.anatomy import MODEL, locate
from efface.io import read_scan
from efface.network.confidence import Evidence, confidence, evidence_of
from efface.network.inference import load_network
from efface.spatial.placing import Placement

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
