"""Label tables and what two segmentations share, against numbers counted by hand."""

from collections import Counter

import numpy as np
import pytest

from efface.errors import UsageError
from efface.grid import Grid
from efface.scan import Scan, Source
from efface.study.config import Options
from efface.study.label_tables import NINE, WHOLE, load_label_table
from efface.study.outcomes import Outcome, judge
from efface.study.segmentation import Segmentation, contrast_to_noise, dice_rows, overlap_rows

GRID = Grid((6, 4, 2), np.diag([2.0, 1.0, 1.0, 1.0]))


def labels(**places):
    """Return a segmentation with ``v45=range(3)`` meaning value 45 in the first three voxels."""
    array = np.zeros(GRID.shape, np.int32)
    for value, index in places.items():
        array.ravel()[list(index)] = int(value[1:])
    return Segmentation(array, GRID, load_label_table("slant"))


def test_slant_has_132_labels_in_nine_regions():
    """Gao et al. 2022: 132 labels, merged into nine regions."""
    table = load_label_table("slant")
    assert len(table.names) == 132
    counts = Counter(table.regions.values())
    assert set(NINE) <= set(counts)
    assert counts["cerebral_grey_matter"] == 98
    assert (counts["ventricles"], counts["caudate"], counts["thalamus"], counts["cerebellar_grey_matter"]) == (
        6,
        2,
        2,
        5,
    )


def test_freesurfer_and_its_kin():
    table = load_label_table("freesurfer")
    assert (table.names[17], table.regions[1035], table.regions[24]) == (
        "left hippocampus",
        "cerebral_grey_matter",
        "not_brain",
    )
    assert load_label_table("synthseg").names == load_label_table("fastsurfer").names == table.names
    assert set(NINE) <= set(table.regions.values())


def test_a_table_of_ones_own(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text("value\tname\tregion\n7\ttumour\tother_brain\n9\tscalp\tnot_brain\n", "utf-8")
    table = load_label_table(str(path))
    assert table.brain == [7]
    path.write_text("value\tname\tregion\n7\ttumour\tbrain\n", "utf-8")
    load_label_table.cache_clear()
    with pytest.raises(UsageError, match="line 2"):
        load_label_table(str(path))


def test_dice_by_label_region_and_whole():
    """Left grey (103) 8 voxels against 6 of them and 2 called white (45): counted by hand."""
    one = labels(v103=range(0, 8), v102=range(8, 12), v45=range(12, 20))
    two = labels(v103=range(0, 6), v102=range(8, 12), v45=[6, 7, *range(12, 20)])
    rows = {row["structure"]: row["dice"] for row in dice_rows(one, two)}
    assert rows["left AIns anterior insula"] == pytest.approx(2 * 6 / (8 + 6))
    assert rows["right AIns anterior insula"] == 1
    assert rows["left cerebral white matter"] == pytest.approx(2 * 8 / (8 + 10))
    assert rows["cerebral_grey_matter"] == pytest.approx(2 * 10 / (12 + 10))
    assert rows[WHOLE] == 1
    assert np.isnan(rows["brainstem"])
    kinds = Counter(row["kind"] for row in dice_rows(one, two))
    assert kinds == {"label": 132, "region": 9, "whole": 1}
    shares = {row["tissue"]: row["overlap"] for row in overlap_rows(one, two)}
    assert shares["cortical_grey"] == pytest.approx(10 / 12)
    assert shares["white"] == pytest.approx(8 / 10)


def test_volumes_and_another_grid():
    one = labels(v45=range(0, 10))
    assert one.volumes_ml()["left cerebral white matter"] == pytest.approx(10 * 2 / 1000)
    affine = GRID.affine.copy()
    affine[0, 3] += 2
    moved = Segmentation(one.labels[1:], Grid((5, 4, 2), affine), one.table)
    rows = {row["structure"]: row["dice"] for row in dice_rows(one, moved)}
    assert rows[WHOLE] == pytest.approx(2 * 2 / (10 + 2))


def test_contrast_to_noise():
    """(12 - 6)^2 / (1 + 4) with grey 4 and 8, white 11 and 13."""
    values = np.zeros(GRID.shape, np.float32)
    values.ravel()[:4] = 4, 8, 11, 13
    seen = labels(v103=[0, 1], v45=[2, 3])
    scan = Scan(values, GRID, 1.0, 0.0, Source("nifti", b""))
    assert contrast_to_noise(scan, seen) == pytest.approx(36 / (4 + 1))
    assert np.isnan(contrast_to_noise(scan, labels(v45=[2, 3])))


@pytest.mark.parametrize(
    ("shares", "brain_ml", "outcome", "two", "strict"),
    [
        ((1, 1, 1, 1), 0.0, Outcome.success, True, True),
        ((0.8, 1, 1, 1), 0.0, Outcome.success, True, False),
        ((0.8, 1, 0.7, 1), 0.0, Outcome.success, False, False),
        ((0.9, 0.9, 0.3, 1), 0.0, Outcome.success, False, False),
        ((0, 0.1, 0.1, 0), 0.0, Outcome.untouched, False, False),
        ((1, 1, 1, 1), 3.0, Outcome.damaged, False, False),
        ((0, 0, 0, 0), 3.0, Outcome.damaged, False, False),
        ((None, None, 1, None), 0.05, Outcome.success, True, True),
    ],
)
def test_outcomes(shares, brain_ml, outcome, two, strict):
    """Eyes, nose and mouth; one eye half left counts as the eyes partly left."""
    names = ("left_eye", "right_eye", "nose", "mouth")
    found = judge(dict(zip(names, shares, strict=True)), brain_ml, Options())
    assert (found.outcome, found.two_criteria, found.strict) == (outcome, two, strict)
