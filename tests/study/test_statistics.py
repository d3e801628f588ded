"""Each statistic against a published worked example, or a package that shares no code with it."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import stats

from efface.errors import UsageError

pytest.importorskip("statsmodels")

from efface.study.statistics.association import one_way_anova, pearson
from efface.study.statistics.many import corrected, wilson_interval
from efface.study.statistics.overlap import dice, hd95_mm, jaccard, sensitivity
from efface.study.statistics.paired import compare_paired
from efface.study.statistics.permutation import paired_permutation_test
from efface.study.statistics.repeated_measures import repeated_measures_anova

WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_limits_of_agreement():
    """Bland and Altman 1986, Lancet i:307, peak expiratory flow: -2.1 l/min, limits -79.7 and 75.5."""
    found = compare_paired(MINI, WRIGHT)
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    # The paper takes two standard deviations of 38.8 l/min.
    assert found.bias - 2 * (found.limit_high - found.bias) / 1.96 == pytest.approx(-79.7, abs=0.1)
    assert found.bias + 2 * (found.limit_high - found.bias) / 1.96 == pytest.approx(75.5, abs=0.1)


def test_paired_t():
    """Student 1908 (R's ``sleep``): t = -4.0621, df = 9, p = 0.002833, interval -2.46 to -0.70."""
    group1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    group2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = compare_paired(group2, group1)
    assert (found.t, found.df) == (pytest.approx(-4.0621, abs=1e-4), 9)
    assert found.p == pytest.approx(0.002833, abs=1e-6)
    assert (found.bias_low, found.bias_high) == pytest.approx((-2.4598858, -0.7001142), abs=1e-6)
    assert found.cohen_d == pytest.approx(-4.0621 / np.sqrt(10), abs=1e-4)


def test_perfect_ranks_may_hide_a_bias():
    before = np.array([300.0, 320, 350, 400, 480])
    found = compare_paired(before, 0.9 * before)
    assert found.spearman == pytest.approx(1)
    assert found.bias_percent == pytest.approx(-10)


def test_nothing_changed():
    found = compare_paired([1, 2, 3], [1, 2, 3])
    assert (found.bias, found.p, found.t) == (0, 1, 0)
    with pytest.raises(UsageError, match="too few"):
        compare_paired([1, 2, np.nan], [1, 2, 3])


MPG = [21, 21, 22.8, 21.4, 18.7, 18.1, 14.3, 24.4, 22.8, 19.2, 17.8, 16.4, 17.3, 15.2, 10.4, 10.4, 14.7, 32.4, 30.4,
       33.9, 21.5, 15.5, 15.2, 13.3, 19.2, 27.3, 26, 30.4, 15.8, 19.7, 15, 21.4]  # fmt: skip
WEIGHT = [2.62, 2.875, 2.32, 3.215, 3.44, 3.46, 3.57, 3.19, 3.15, 3.44, 3.44, 4.07, 3.73, 3.78, 5.25, 5.424, 5.345, 2.2,
          1.615, 1.835, 2.465, 3.52, 3.435, 3.84, 3.845, 1.935, 2.14, 1.513, 3.17, 2.77, 3.57, 2.78]  # fmt: skip


def test_pearson():
    """R's ``cor.test(mtcars$mpg, mtcars$wt)``: -0.8676594, 95 % interval -0.9338264 to -0.7440872."""
    found = pearson(MPG, WEIGHT)
    assert (found.r, found.low, found.high) == pytest.approx((-0.8676594, -0.9338264, -0.7440872), abs=1e-6)
    assert found.n == 32


def test_one_way():
    """R's ``PlantGrowth``: F(2, 27) = 4.846, p = 0.01591."""
    found = one_way_anova(
        {
            "ctrl": [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14],
            "trt1": [4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69],
            "trt2": [6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26],
        }
    )
    assert (found.df_between, found.df_within) == (2, 27)
    assert found.f == pytest.approx(4.846, abs=5e-4)
    assert found.p == pytest.approx(0.01591, abs=5e-6)
    assert found.eta_squared == pytest.approx(3.76634 / (3.76634 + 10.49209), abs=1e-5)


BUSHTUCKER = np.array(
    [[8, 7, 1, 6], [9, 5, 2, 5], [6, 2, 3, 8], [5, 3, 1, 9], [8, 4, 5, 8], [7, 5, 6, 7], [10, 2, 7, 2], [12, 6, 8, 1]]
)


def test_repeated_measures():
    """Field, Discovering Statistics Using SPSS, chapter on repeated measures: F(3, 21) = 3.79, p = .026; epsilons
    .533 and .666, corrected p = .063 and .048."""
    found = repeated_measures_anova(BUSHTUCKER)
    assert (found.df_conditions, found.df_error) == (3, 21)
    assert found.f == pytest.approx(3.794, abs=5e-4)
    assert found.p == pytest.approx(0.026, abs=5e-4)
    assert (found.epsilon_gg, found.epsilon_hf) == pytest.approx((0.533, 0.666), abs=5e-4)
    assert (found.p_gg, found.p_hf) == pytest.approx((0.063, 0.048), abs=5e-4)


def test_repeated_measures_as_statsmodels():
    import pandas as pd
    from statsmodels.stats.anova import AnovaRM

    values = np.random.default_rng(3).normal(size=(9, 4)) + np.arange(4) * 0.3
    rows = [{"who": n, "what": k, "value": values[n, k]} for n in range(9) for k in range(4)]
    other = AnovaRM(pd.DataFrame(rows), "value", "who", within=["what"]).fit().anova_table.iloc[0]
    found = repeated_measures_anova(values)
    assert (found.f, found.p) == pytest.approx((other["F Value"], other["Pr > F"]))


def test_two_conditions_are_a_paired_t_test():
    found = repeated_measures_anova(np.stack([MINI, WRIGHT], axis=1))
    paired = compare_paired(MINI, WRIGHT)
    assert found.f == pytest.approx(paired.t**2)
    assert (found.epsilon_gg, found.epsilon_hf, found.p_gg) == pytest.approx((1, 1, paired.p))


def test_corrections():
    """The 15 p-values of Benjamini and Hochberg 1995, JRSS B 57:289: four are found at 0.05, by Bonferroni three."""
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
                0.7590, 1.0]  # fmt: skip
    assert sum(p <= 0.05 for p in corrected(p_values, "fdr")) == 4
    assert sum(p <= 0.05 for p in corrected(p_values, "holm")) == 3
    assert corrected([0.01, float("nan"), 0.02])[::2] == pytest.approx([0.02, 0.02])
    with pytest.raises(UsageError, match="holm"):
        corrected([0.1], "bonferroni")


def test_wilson():
    """Newcombe 1998, Stat Med 17:857, table I, method 3: 81 of 263, and 0 of 20."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(0, 6)[0] == 0
    assert wilson_interval(6, 6)[1] == 1
    assert wilson_interval(0, 0) == (0, 1)


def test_permutation_of_one_voxel_as_scipy():
    rng = np.random.default_rng(1)
    one, two = rng.normal(size=(8, 1)), rng.normal(0.6, size=(8, 1))
    found = paired_permutation_test(one, two)
    other = stats.permutation_test(
        (two[:, 0] - one[:, 0],), lambda x: stats.ttest_1samp(x, 0).statistic, permutation_type="samples"
    )
    assert found.permutations == 256
    assert found.smallest_p == 2 / 256
    assert found.t[0] == pytest.approx(other.statistic)
    assert found.p[0] == pytest.approx(other.pvalue)
    assert found.p_corrected[0] == found.p[0]


def test_permutation_controls_and_finds():
    rng = np.random.default_rng(2)
    false = 0
    for _ in range(100):
        maps = rng.normal(size=(2, 8, 60))
        false += bool((paired_permutation_test(*maps).p_corrected <= 0.05).any())
    assert false <= 12  # of 100 at 5 %: 12 or fewer in 99.8 of 100 runs
    one = rng.normal(size=(20, 60))
    two = one + rng.normal(0, 0.5, size=one.shape)
    two[:, 7] += 1.5
    found = paired_permutation_test(one, two, permutations=400)
    assert np.flatnonzero(found.p_corrected <= 0.05).tolist() == [7]
    assert found.smallest_p == 1 / 400  # of signs drawn by lot, the given ones alone reach the given statistic
    assert found.p_corrected.min() >= found.smallest_p
    same = paired_permutation_test(one, one)
    assert same.p_corrected.min() == 1
    assert not same.t.any()


def test_overlap_as_simpleitk():
    rng = np.random.default_rng(4)
    one, two = rng.random((2, 12, 13, 14)) > 0.6
    other = sitk.LabelOverlapMeasuresImageFilter()
    other.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (two, one)))
    assert dice(one, two) == pytest.approx(other.GetDiceCoefficient())
    assert jaccard(one, two) == pytest.approx(other.GetJaccardCoefficient())
    assert sensitivity(one, two) == pytest.approx((one & two).sum() / one.sum())


def test_distance_of_surfaces():
    box = np.zeros((30, 30, 30), bool)
    box[5:15, 5:25, 5:25] = True
    moved = np.roll(box, 4, axis=0)
    assert hd95_mm(box, box, np.ones(3)) == 0
    assert hd95_mm(box, moved, np.array([2.0, 1, 1])) == pytest.approx(8)
    point = np.zeros((30, 30, 30), bool)
    point[29, 0, 0] = True
    other = np.roll(point, (-3, 4), axis=(0, 1))
    assert hd95_mm(point, other, np.ones(3)) == pytest.approx(5)
    assert np.isnan(hd95_mm(box, np.zeros_like(box), np.ones(3)))
