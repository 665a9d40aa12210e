"""Platt scaling against scikit-learn, and what the risk-coverage curve promises."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from rag.errors import CalibrationError, TooFewError
from rag.evaluate.calibrate import Calibration, calibrate, log_odds, platt, risk_curve, write_calibration
from rag.weights import CALIBRATION, load_weights, own_weights

DRAW = np.random.default_rng(3)
ODDS = DRAW.normal(size=400) * 2
RIGHT = (DRAW.random(400) < 1 / (1 + np.exp(-(0.6 * ODDS - 0.8)))).astype(float)


def test_platt_is_logistic_regression() -> None:
    slope, shift = platt(ODDS, RIGHT)
    other = LogisticRegression(C=1e6).fit(ODDS[:, None], RIGHT)
    # Platt's targets pull in a little: 400 answers, so about a hundredth
    assert slope == pytest.approx(other.coef_[0, 0], abs=0.03)
    assert shift == pytest.approx(other.intercept_[0], abs=0.03)


def test_the_order_of_answers_is_never_turned_round() -> None:
    assert platt(ODDS, 1 - RIGHT)[0] > 0


def test_the_curve_counts_what_is_shown_and_wrong() -> None:
    confidence, right = np.array([0.1, 0.4, 0.6, 0.9]), np.array([0.0, 1.0, 0.0, 1.0])
    curve = {threshold: (risk, coverage) for threshold, risk, coverage in risk_curve(confidence, right)}
    assert curve[0.1] == (0.5, 1.0)
    below = [point for threshold, point in curve.items() if 0.6 < threshold <= 0.9]
    assert below
    assert set(below) == {(0.0, 0.25)}


def test_a_calibration_is_kept_with_the_store_and_used(tmp_path: Path) -> None:
    fitted = calibrate(1 / (1 + np.exp(-ODDS)), RIGHT, tmp_path / "qa.jsonl")
    write_calibration(tmp_path / CALIBRATION, [("accurate", fitted)])
    own, before = own_weights(tmp_path), load_weights()
    assert own.fast == before.fast
    assert own.accurate.sentence == before.accurate.sentence
    features = DRAW.normal(size=(5, len(before.accurate.confidence.same.names)))
    for scores, uncalibrated in (
        (own.accurate.confidence.same, before.accurate.confidence.same),
        (own.accurate.confidence.other, before.accurate.confidence.other),
    ):
        assert np.allclose(scores(features), fitted.slope * uncalibrated(features) + fitted.shift)
    assert own.accurate.risks[0] == tuple(fitted.risks[0])


def test_without_one_the_package_speaks(tmp_path: Path) -> None:
    assert own_weights(tmp_path) is load_weights()


@pytest.mark.parametrize("content", ["{", "[]", '{"accurate": {}}', '{"other": {"slope": 1, "shift": 0, "risks": []}}'])
def test_a_damaged_one_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / CALIBRATION).write_text(content)
    with pytest.raises(CalibrationError, match="rag calibrate"):
        own_weights(tmp_path)


@pytest.mark.parametrize("right", [RIGHT[:30], np.ones(100), np.zeros(100)])
def test_too_little_to_fit_on_is_refused(right: np.ndarray) -> None:
    with pytest.raises(TooFewError, match="too few"):
        calibrate(np.full(len(right), 0.5), right, Path("qa.jsonl"))


def test_certainty_has_finite_log_odds() -> None:
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
    assert json.dumps(Calibration(1.0, 0.0, [[0.5, 0.0, 1.0]], 40).risks) == "[[0.5, 0.0, 1.0]]"
