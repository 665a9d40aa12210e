"""The fitted numbers: how features weigh. Kept as text in weights.json, written by scripts/fit.py and by nothing
else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linear:
    """score = intercept + features @ coefficients."""

    names: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float = 0.0

    def __call__(self, features: Features) -> Features:
        """features [n, len(names)] -> scores [n]."""
        return np.asarray(self.intercept + features @ np.array(self.coefficients))


@dataclass(frozen=True, slots=True)
class Weights:
    passage: Linear  # ranks passages; see rag.retrieve
    sentence: Linear  # ranks sentences; see rag.answer
    confidence: Linear  # log-odds that the answer is right; see rag.confidence
    min_confidence: float  # below it, abstain; 0.5: shown where more likely right than wrong (Chow 1970)
    second_sentence: float  # a further sentence is shown where its share of the best one's odds is at least this


@lru_cache(maxsize=1)
def load_weights() -> Weights:
    """The weights that come with the package."""
    return weights_from(json.loads(files("rag").joinpath("weights.json").read_text("utf-8")))


def weights_from(data: dict[str, Any]) -> Weights:
    def linear(part: dict[str, Any]) -> Linear:
        return Linear(tuple(part["features"]), tuple(part["features"].values()), part.get("intercept", 0.0))

    return Weights(
        passage=linear(data["passage"]),
        sentence=linear(data["sentence"]),
        confidence=linear(data["confidence"]),
        min_confidence=data["min_confidence"],
        second_sentence=data["second_sentence"],
    )


def softmax(scores: Sequence[float] | Features) -> Features:
    """[n] scores -> [n] shares that sum to 1."""
    exponents = np.exp(np.asarray(scores) - np.max(scores))
    return np.asarray(exponents / exponents.sum())
