"""Each figure against another implementation: scipy, scikit-learn, or a loop that follows the definition."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss

from rag.evaluate.statistics import (
    area_under_risk_coverage,
    bootstrap,
    bootstrap_means,
    brier,
    calibration_error,
    mcnemar,
    paired_bootstrap,
    percentiles,
    reliability,
    risk_coverage,
)

RNG = np.random.default_rng(7)
CONFIDENCE = RNG.random(500).round(2)  # rounded: with ties
RIGHT = (RNG.random(500) < CONFIDENCE).astype(float)


def test_calibration_error_is_the_weighted_gap_of_the_bins() -> None:
    total = 0.0
    for b in range(10):
        members = [i for i, c in enumerate(CONFIDENCE) if b / 10 < c <= (b + 1) / 10 or (b == 0 and c == 0)]
        if members:
            gap = np.mean([RIGHT[i] for i in members]) - np.mean([CONFIDENCE[i] for i in members])
            total += len(members) / len(CONFIDENCE) * abs(gap)
    assert calibration_error(CONFIDENCE, RIGHT) == pytest.approx(total, abs=1e-9)
    bins = reliability(CONFIDENCE, RIGHT)
    assert sum(one.n for one in bins) == 500
    assert sum(one.n * abs(one.accuracy - one.confidence) for one in bins) / 500 == pytest.approx(total, abs=1e-9)


def test_risk_coverage_is_a_sorted_loop() -> None:
    confidence = CONFIDENCE + np.arange(500) * 1e-9  # no ties
    order = sorted(range(500), key=lambda i: -confidence[i])
    risks = []
    for taken in range(1, 501):
        wrong = sum(RIGHT[i] == 0 for i in order[:taken])
        risks.append(wrong / taken)
    coverage, risk = risk_coverage(confidence, RIGHT)
    assert coverage == pytest.approx([i / 500 for i in range(1, 501)], abs=1e-9)
    assert risk == pytest.approx(risks, abs=1e-9)
    assert area_under_risk_coverage(confidence, RIGHT) == pytest.approx(sum(risks) / 500, abs=1e-9)


def test_ties_count_as_their_mean_over_all_orders() -> None:
    confidence, right = np.array([0.9, 0.5, 0.5]), np.array([1.0, 1.0, 0.0])
    orders = [[0, 0, 1 / 3], [0, 1 / 2, 1 / 3]]  # the two orders of the tied answers
    assert risk_coverage(confidence, right)[1] == pytest.approx(np.mean(orders, axis=0), abs=1e-9)


def test_brier_against_scikit_learn() -> None:
    assert brier(CONFIDENCE, RIGHT) == pytest.approx(brier_score_loss(RIGHT, CONFIDENCE), abs=1e-9)


def test_nothing_answered_is_not_a_number() -> None:
    none = np.empty(0)
    for statistic in (calibration_error, area_under_risk_coverage, brier):
        assert math.isnan(statistic(none, none))
        assert bootstrap(statistic, none, none).n == 0
    assert all(map(math.isnan, percentiles(none).values()))


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (1, 0), (3, 12), (12, 3), (40, 40), (0, 9), (25, 9), (700, 612)])
def test_mcnemar_against_scipy(better: int, worse: int) -> None:
    expected = stats.binomtest(better, better + worse, 0.5).pvalue if better + worse else 1.0
    assert mcnemar(better, worse) == pytest.approx(expected, abs=1e-9)


def test_bootstrap_means_resample_questions() -> None:
    columns = np.column_stack([RIGHT, np.where(CONFIDENCE > 0.5, RIGHT, np.nan), np.full(500, np.nan)])
    overall, half, never = bootstrap_means(columns, resamples=2000)
    assert overall.value == pytest.approx(RIGHT.mean(), abs=1e-12)
    assert overall.n == 500
    assert half.n == int((CONFIDENCE > 0.5).sum())
    assert half.value == pytest.approx(RIGHT[CONFIDENCE > 0.5].mean(), abs=1e-12)
    assert never.n == 0
    assert math.isnan(never.value)
    expected = stats.bootstrap((RIGHT,), np.mean, n_resamples=2000, method="percentile", rng=1).confidence_interval
    assert (overall.low, overall.high) == pytest.approx((expected.low, expected.high), abs=0.01)


def test_both_bootstraps_agree_and_are_deterministic() -> None:
    one = bootstrap(lambda x: float(x.mean()), RIGHT, resamples=1000)
    assert one == bootstrap(lambda x: float(x.mean()), RIGHT, resamples=1000)
    many = bootstrap_means(RIGHT[:, None], resamples=1000)[0]
    assert (one.low, one.high) == pytest.approx((many.low, many.high), abs=0.01)


def test_paired_bootstrap_tells_a_difference_from_noise() -> None:
    worse = np.where(np.arange(500) % 10 == 0, 0.0, RIGHT)
    difference, p = paired_bootstrap(RIGHT, worse)
    assert difference.value == pytest.approx((worse - RIGHT).mean(), abs=1e-12)
    assert difference.high < 0
    assert p < 0.01
    shuffled = RNG.permutation(RIGHT)
    assert paired_bootstrap(RIGHT, shuffled)[1] > 0.1
    assert paired_bootstrap(RIGHT, RIGHT)[1] == 1.0


def test_percentiles_against_a_sorted_list() -> None:
    assert percentiles(np.arange(101.0)) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
