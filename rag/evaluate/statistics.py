"""What many questions say together: means with intervals, calibration, risk and coverage, paired tests of two runs.

Arrays have one row or element a question. All resampling is seeded: equal input, equal output.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 1000
_BATCH = 50  # resamples held at once


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval, taken over `n` questions; all NaN where n is 0."""

    value: float
    low: float
    high: float
    n: int


# --- intervals ---------------------------------------------------------------------------------------------------


def bootstrap_means(columns: Floats, resamples: int = RESAMPLES, seed: int = 0) -> list[Estimate]:
    """The mean of each column [questions, metrics] over the questions it applies to (elsewhere NaN), with its
    percentile bootstrap interval. Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13.

    Questions are drawn, not values: a mean over some of the questions also varies by how many of those are drawn.
    """
    applies = (~np.isnan(columns)).astype(np.float64)
    filled = np.nan_to_num(columns)
    counts = applies.sum(axis=0)
    means = _ratio(filled.sum(axis=0), counts)
    drawn = [_ratio(weights @ filled, weights @ applies) for weights in _weights(len(columns), resamples, seed)]
    lows, highs = _interval(np.concatenate(drawn))
    return [
        Estimate(float(mean), float(low), float(high), int(n))
        for mean, low, high, n in zip(means, lows, highs, counts, strict=True)
    ]


def bootstrap(statistic: Callable[..., float], *samples: Floats, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """`statistic(*samples)` with its percentile bootstrap interval; the samples, of one length, are drawn together."""
    n = len(samples[0])
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    rng = np.random.default_rng(seed)
    rows = (rng.integers(0, n, n) for _ in range(resamples))
    low, high = _interval(np.array([statistic(*(sample[drawn] for sample in samples)) for drawn in rows]))
    return Estimate(statistic(*samples), float(low), float(high), n)


def _weights(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each question is drawn, [up to _BATCH, n] at a time."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _BATCH):
        batch = min(_BATCH, resamples - start)
        rows = rng.integers(0, n, (batch, n)) + np.arange(batch)[:, None] * n
        yield np.bincount(rows.ravel(), minlength=batch * n).reshape(batch, n).astype(np.float64)


def _ratio(sums: Floats, counts: Floats) -> Floats:
    result: Floats = np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=counts > 0)
    return result


def _interval(drawn: Floats) -> tuple[Floats, Floats]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)  # a metric that applies to no question
        low, high = np.nanpercentile(drawn, (2.5, 97.5), axis=0)
    return low, high


def percentiles(values: Floats) -> dict[str, float]:
    """p50, p95 and p99, linearly interpolated; NaN where there is no value."""
    points = np.percentile(values, (50, 95, 99)) if len(values) else (np.nan,) * 3
    return {name: float(point) for name, point in zip(("p50", "p95", "p99"), points, strict=True)}


# --- confidence --------------------------------------------------------------------------------------------------


def brier(confidence: Floats, right: Floats) -> float:
    """Mean squared distance of confidence and outcome (Brier 1950). Lower is better."""
    return float(np.mean((confidence - right) ** 2)) if len(right) else np.nan


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The answers with a confidence in (low, high]: how many, their mean confidence and their share of right ones."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def reliability(confidence: Floats, right: Floats, bins: int = 10) -> list[ReliabilityBin]:
    """Equal-width bins over [0, 1] that hold an answer; the first takes 0 as well.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", ICML.
    """
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        ReliabilityBin(b / bins, (b + 1) / bins, int(of.sum()), float(confidence[of].mean()), float(right[of].mean()))
        for b in range(bins)
        if (of := index == b).any()
    ]


def calibration_error(confidence: Floats, right: Floats, bins: int = 10) -> float:
    """Expected calibration error: distance of confidence and accuracy, weighted over the bins (Guo et al. 2017)."""
    if not len(right):
        return np.nan
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(index, confidence - right, bins)
    return float(np.abs(gaps).sum() / len(right))


def risk_coverage(confidence: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Coverage and risk, [answers] each, when only the i most confident answers are given: the share that is given, and
    the share of wrong ones among them.

    Source: El-Yaniv & Wiener 2010, "On the Foundations of Noise-free Selective Classification", JMLR. Equal confidences
    stand in no order; each of them counts as wrong by their mean, which is the risk to expect.
    """
    if not len(right):
        return np.empty(0), np.empty(0)
    values, tied = np.unique(-confidence, return_inverse=True)
    mean_error = np.bincount(tied, 1.0 - right, len(values)) / np.bincount(tied, minlength=len(values))
    errors = np.sort(tied)
    taken = np.arange(1, len(right) + 1)
    return taken / len(right), np.cumsum(mean_error[errors]) / taken


def area_under_risk_coverage(confidence: Floats, right: Floats) -> float:
    """Mean risk over all coverages; lower is better.

    Source: Geifman & El-Yaniv 2017, "Selective Classification for Deep Neural Networks", NeurIPS (AURC).
    """
    return float(risk_coverage(confidence, right)[1].mean()) if len(right) else np.nan


# --- two runs ----------------------------------------------------------------------------------------------------


def mcnemar(better: int, worse: int) -> float:
    """Exact two-sided p-value that so many `better` and `worse` questions come of chance (McNemar 1947): twice the
    chance that of so many fair coins no more fall on the rarer side."""
    n = better + worse
    rarer = sum(math.comb(n, k) for k in range(min(better, worse) + 1))
    return min(1.0, float(2 * rarer / 2**n))


def paired_bootstrap(
    before: Floats, after: Floats, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Estimate, float]:
    """The mean of after - before with its interval, and the two-sided p-value that there is no difference.

    p is how often the resampled mean lies as far from the observed one as that lies from 0 (Berg-Kirkpatrick et al.
    2012, "An Empirical Investigation of Statistical Significance in NLP", EMNLP).
    """
    difference = after - before
    if not len(difference):
        return Estimate(np.nan, np.nan, np.nan, 0), 1.0
    means = np.concatenate([weights @ difference for weights in _weights(len(difference), resamples, seed)]) / len(
        difference
    )
    observed = float(difference.mean())
    low, high = _interval(means)
    exceed = int((np.abs(means - observed) >= abs(observed) - 1e-12).sum())  # 1e-12: equal up to rounding is equal
    return Estimate(observed, float(low), float(high), len(difference)), (exceed + 1) / (resamples + 1)
