"""The fitted numbers: how features weigh. Kept as text in weights.json, written by scripts/train/fit.py and by nothing
else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import CalibrationError

CALIBRATION = "calibration.json"
"""In a store's folder: the confidence fitted for its documents."""

Features = NDArray[np.float64]
Risks = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Linear:
    """score = intercept + features @ coefficients."""

    names: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float = 0.0

    def __call__(self, features: Features) -> Features:
        """features [n, len(names)] -> scores [n]."""
        return np.asarray(self.intercept + features @ np.array(self.coefficients))

    def scaled(self, slope: float, shift: float) -> "Linear":
        """slope * score + shift."""
        return Linear(self.names, tuple(slope * one for one in self.coefficients), slope * self.intercept + shift)


@dataclass(frozen=True, slots=True)
class ByScript:
    """Two sets of weights for the same features: in another script than the question's no word can match."""

    same: Linear
    other: Linear

    def of(self, foreign: bool) -> Linear:
        return self.other if foreign else self.same

    def scaled(self, slope: float, shift: float) -> "ByScript":
        return ByScript(self.same.scaled(slope, shift), self.other.scaled(slope, shift))


@dataclass(frozen=True, slots=True)
class ModeWeights:
    """How answers are picked in one mode."""

    sentence: ByScript  # ranks sentences; see rag.answering.rank
    confidence: ByScript  # log-odds that the answer is right; see rag.answering.judge
    second_sentence: float  # a further sentence is shown where its share of the best one's odds is at least this
    risks: Risks  # (confidence, risk, coverage) on held-out data, rising confidence

    def calibrated(self, slope: float, shift: float, risks: Risks) -> "ModeWeights":
        """The same order of answers, with log-odds of slope * log-odds + shift."""
        return replace(self, confidence=self.confidence.scaled(slope, shift), risks=risks)

    def min_confidence(self, max_risk: float) -> float:
        """The lowest confidence from which at most `max_risk` of what is shown is wrong; 1.0 where none is known."""
        for confidence, risk, _ in self.risks:
            if risk <= max_risk:
                return confidence
        return 1.0


@dataclass(frozen=True, slots=True)
class Weights:
    passage: ByScript  # ranks passages; see rag.answering.retrieve
    fast: ModeWeights
    accurate: ModeWeights  # with the reader


@lru_cache(maxsize=1)
def load_weights() -> Weights:
    """The weights that come with the package."""
    return weights_from(json.loads(files("rag").joinpath("weights.json").read_text("utf-8")))


def own_weights(store: Path) -> Weights:
    """The package's weights, with the confidence that `rag calibrate` fitted for the store in the folder `store`.

    Raises CalibrationError where its file cannot be read.
    """
    weights, path = load_weights(), store / CALIBRATION
    if not path.exists():
        return weights
    try:
        fitted = json.loads(path.read_text("utf-8"))
        modes = {
            mode: getattr(weights, mode).calibrated(part["slope"], part["shift"], _risks(part["risks"]))
            for mode, part in fitted.items()
        }
        return replace(weights, **modes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CalibrationError(path=path, reason=str(error)) from error


def weights_from(data: dict[str, Any]) -> Weights:
    return Weights(_by_script(data["passage"]), *(mode_from(data[mode]) for mode in ("fast", "accurate")))


def mode_from(data: dict[str, Any]) -> ModeWeights:
    return ModeWeights(
        sentence=_by_script(data["sentence"]),
        confidence=_by_script(data["confidence"]),
        second_sentence=data["second_sentence"],
        risks=_risks(data["risks"]),
    )


def _risks(rows: Sequence[Sequence[float]]) -> Risks:
    return tuple((confidence, risk, coverage) for confidence, risk, coverage in rows)


def _by_script(part: dict[str, Any]) -> ByScript:
    return ByScript(_linear(part["same"]), _linear(part["other"]))


def _linear(part: dict[str, Any]) -> Linear:
    return Linear(tuple(part["features"]), tuple(part["features"].values()), part.get("intercept", 0.0))


def softmax(scores: Sequence[float] | Features) -> Features:
    """[n] scores -> [n] shares that sum to 1."""
    exponents = np.exp(np.asarray(scores) - np.max(scores))
    return np.asarray(exponents / exponents.sum())
