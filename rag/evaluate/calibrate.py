"""Confidence fitted anew for a user's own documents: Platt scaling, and the risk that each threshold then carries."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.assistant import open_assistant
from rag.errors import TooFewError
from rag.evaluate.metrics import is_right
from rag.evaluate.questions import Question
from rag.evaluate.sets import checked, open_set
from rag.progress import Report
from rag.settings import Settings
from rag.types import Asks, Mode
from rag.weights import CALIBRATION

MIN_QUESTIONS = 40
"""Fewer say too little about a threshold; and at least `MIN_EACH` must be answered right and as many wrong."""

MIN_EACH = 8
_POINTS = 40  # of a risk-coverage curve
_EDGE = 1e-6

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """log-odds' = slope * log-odds + shift; and the curve of risk and coverage after that."""

    slope: float
    shift: float
    risks: list[list[float]]
    questions: int

    def reached(self, max_risk: float) -> list[float]:
        """(confidence, risk, coverage) from where on at most `max_risk` of what is shown is wrong."""
        return next((point for point in self.risks if point[1] <= max_risk), [1.0, 0.0, 0.0])


def calibrate_store(
    settings: Settings, path: Path, split: str | None, report: Report
) -> list[tuple[Mode, Calibration]]:
    """Fit both modes to the questions of `path` over the store that `settings` name, and keep that in its folder.

    Raises QASetError, TooFewError, StoreError, ModelError.
    """
    longest = settings.max_question_chars
    questions = [one for one in checked(open_set(path), longest) if split is None or one.split == split]
    assistant = open_assistant(settings.model_copy(update={"min_confidence": 0.0}), calibrated=False)
    modes: tuple[Mode, ...] = ("fast", "accurate") if settings.mode == "accurate" else ("fast",)
    fitted = [(mode, calibrate(*asked(assistant, questions, mode, report), path)) for mode in modes]
    write_calibration(settings.store / CALIBRATION, fitted)
    return fitted


def asked(assistant: Asks, questions: Sequence[Question], mode: Mode, report: Report) -> tuple[Array, Array]:
    """(confidence, right) of each question; the assistant must not abstain (RAG_MIN_CONFIDENCE=0)."""
    confidence, right = [], []
    for done, question in enumerate(questions, 1):
        answer = assistant.ask(question.question, question.history, mode)
        confidence.append(answer.confidence)
        right.append(question.answerable and is_right(question, answer))
        report(mode, done, len(questions))
    return np.array(confidence), np.array(right, dtype=float)


def calibrate(confidence: Array, right: Array, path: Path) -> Calibration:
    """Fit on (confidence, right), both [n]. Raises TooFewError where there is too little to fit on."""
    n, good = len(right), int(right.sum())
    if n < MIN_QUESTIONS or min(good, n - good) < MIN_EACH:
        raise TooFewError(path=path, n=n, right=good, least=MIN_QUESTIONS, each=MIN_EACH)
    odds = log_odds(confidence)
    slope, shift = platt(odds, right)
    fitted = 1 / (1 + np.exp(-(slope * odds + shift)))
    return Calibration(round(slope, 4), round(shift, 4), risk_curve(fitted, right), n)


def log_odds(confidence: Array) -> Array:
    clipped = np.clip(confidence, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped / (1 - clipped)))


def platt(odds: Array, right: Array, steps: int = 100) -> tuple[float, float]:
    """(slope, shift) that make sigmoid(slope * odds + shift) the likeliest, by Newton's method (Platt 1999, with his
    targets, which keep a perfect separation from running away)."""
    good = right.sum()
    targets = np.where(right > 0, (good + 1) / (good + 2), 1 / (len(right) - good + 2))
    x = np.stack([odds, np.ones_like(odds)], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (p - targets)
        step = np.linalg.solve((x.T * (p * (1 - p))) @ x + 1e-6 * np.eye(2), gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return max(float(weights[0]), 0.05), float(weights[1])  # the order of answers is never turned round


def risk_curve(confidence: Array, right: Array, weight: Array | None = None) -> list[list[float]]:
    """[confidence, risk, coverage] at rising confidence (El-Yaniv & Wiener 2010); all arguments are [n].

    Where few answers are left the risk seen jumps about: it is made to fall all along, as a threshold that was worse
    than a lower one would be of no use.
    """
    weight = np.ones(len(right)) if weight is None else weight
    curve, lowest = [], math.inf
    for threshold in np.unique(np.quantile(confidence, np.linspace(0, 0.98, _POINTS))):
        kept = confidence >= threshold
        covered = float(weight[kept].sum())
        lowest = min(lowest, float((weight * (1 - right))[kept].sum()) / covered)
        curve.append([round(float(threshold), 4), round(lowest, 4), round(covered / float(weight.sum()), 4)])
    return curve


def write_calibration(path: Path, fitted: Iterable[tuple[Mode, Calibration]]) -> None:
    """Put what was fitted into `path`, whole or not at all."""
    parts = {
        mode: {"slope": one.slope, "shift": one.shift, "questions": one.questions, "risks": one.risks}
        for mode, one in fitted
    }
    path.parent.mkdir(parents=True, exist_ok=True)  # of a store in Milvus, this may be the first to lie here
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(parts, indent=1) + "\n", "utf-8")
    temporary.replace(path)
