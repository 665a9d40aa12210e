"""All outcomes together: the metrics with their intervals, slices, curves and latencies of one run."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rag.errors import SettingError
from rag.evaluate.metrics import CUTOFFS
from rag.evaluate.outcome import Outcome
from rag.evaluate.statistics import (
    RESAMPLES,
    Estimate,
    Floats,
    ReliabilityBin,
    area_under_risk_coverage,
    bootstrap,
    bootstrap_means,
    calibration_error,
    percentiles,
    reliability,
    risk_coverage,
)
from rag.types import DocumentSummary, IndexInfo

MEANS = (
    *("accuracy", "answer_accuracy", "sentence@1", "sentence@3", "citation@1", "citation", "em", "f1", "verbatim"),
    *("abstention_precision", "abstention_recall", "nearest", "answered"),
    *("document@1", "document@5"),
    *(f"recall@{k}" for k in CUTOFFS),
    *("mrr@10", "ndcg@10", "brier"),
)
"""Metrics that are a mean over questions, in the order they are shown."""

LOWER_IS_BETTER = frozenset({"brier", "ece", "aurc"})

QUESTIONS_FILE = "questions.jsonl"
METRICS_FILE = "metrics.json"
SUMMARY_FILE = "summary.md"
REPORT_FILE = "report.html"

_CURVE_POINTS = 200
_PATHS = 3  # of documents, named in a report


@dataclass(frozen=True, slots=True)
class Slice:
    """The questions of one kind or in one language."""

    by: str  # "kind" or "language"
    value: str
    questions: int
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the questions were asked of. Figures say nothing without it: they are of these documents."""

    store: str  # folder of the store; where stores were built of a set's own documents, the file these came from
    built: bool
    stores: int  # some sets bring each question's own documents: a store for each
    documents: int  # in all the stores together
    paths: tuple[str, ...]  # of the first few
    more: bool  # paths than these
    only: str = ""  # the documents of the store that were asked, as the filter names them; "" for all


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a run measured. `metrics` has every metric; one that applies to no question is NaN with n = 0."""

    asked: Asked
    name: str
    questions: int
    right: int
    metrics: Mapping[str, Estimate]
    slices: tuple[Slice, ...]
    failures: Mapping[str, int]
    latency_ms: Mapping[str, Mapping[str, float]]  # stage -> p50, p95, p99
    risk_coverage: tuple[
        tuple[float, float], ...
    ]  # (share of all questions answered, share of wrong answers among them)
    reliability: tuple[ReliabilityBin, ...]
    index: IndexInfo | None  # of the last question
    facts: Mapping[str, str]  # when, where and how it was run

    def to_json(self) -> dict[str, Any]:
        """Plain values; NaN as None, so that it is valid JSON."""
        plain: dict[str, Any] = _without_nan(asdict(self))
        return plain


def _without_nan(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _without_nan(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_nan(item) for item in value]
    return value


class Scoreboard:
    """Collects outcomes one at a time; holds numbers, not texts."""

    def __init__(self) -> None:
        self._columns = {name: array("d") for name in MEANS}
        self._stages: dict[str, array[float]] = {}
        self._confidence = array("d")
        self._groups: dict[str, list[str]] = {"kind": [], "language": []}
        self._failures: Counter[str] = Counter()
        self._index: IndexInfo | None = None
        self._stores = self._documents = 0
        self._paths: dict[str, None] = {}

    def opened(self, documents: Sequence[DocumentSummary]) -> None:
        """A store that holds `documents` is asked from now on."""
        self._stores += 1
        self._documents += len(documents)
        for document in documents:
            if len(self._paths) > _PATHS:
                break
            self._paths[document.path] = None

    def asked(self, store: str, built: bool, only: str) -> Asked:
        """The stores opened so far, under the name they go by."""
        paths = tuple(self._paths)
        return Asked(store, built, self._stores, self._documents, paths[:_PATHS], len(paths) > _PATHS, only)

    def add(self, outcome: Outcome) -> None:
        for name, column in self._columns.items():
            column.append(outcome.values.get(name, math.nan))
        for stage, milliseconds in outcome.timings_ms.items():
            self._stages.setdefault(stage, array("d")).append(milliseconds)
        self._confidence.append(outcome.confidence)
        self._index = outcome.index
        self._groups["kind"].append(outcome.kind)
        self._groups["language"].append(outcome.language)
        if outcome.failure:
            self._failures[outcome.failure] += 1

    def summarise(self, name: str, asked: Asked, facts: Mapping[str, str], resamples: int = RESAMPLES) -> Evaluation:
        columns = np.array([self._columns[name] for name in MEANS]).T.reshape(-1, len(MEANS))
        right = columns[:, MEANS.index("accuracy")]
        answered = columns[:, MEANS.index("answered")] == 1
        confidence = np.array(self._confidence)[answered]
        metrics = _means(columns, resamples)
        for label, statistic in (("ece", calibration_error), ("aurc", area_under_risk_coverage)):
            metrics[label] = bootstrap(statistic, confidence, right[answered], resamples=resamples)
        coverage, risk = risk_coverage(confidence, right[answered])
        share = answered.mean() if len(answered) else 0.0
        kept = np.unique(np.linspace(0, len(risk) - 1, _CURVE_POINTS).astype(int)) if len(risk) else ()
        return Evaluation(
            asked=asked,
            name=name,
            questions=len(right),
            right=int(right.sum()),
            metrics=metrics,
            slices=tuple(self._slices(columns, resamples)),
            failures=dict(self._failures.most_common()),
            latency_ms={stage: percentiles(np.array(times)) for stage, times in self._stages.items()},
            risk_coverage=tuple((float(coverage[i] * share), float(risk[i])) for i in kept),
            reliability=tuple(reliability(confidence, right[answered])),
            index=self._index,
            facts=facts,
        )

    def _slices(self, columns: Floats, resamples: int) -> Iterable[Slice]:
        for by, labels in self._groups.items():
            values = np.array(labels, dtype=object)
            for value, count in Counter(labels).most_common():
                if count < len(labels):  # a slice that is the whole says nothing new
                    yield Slice(by, value or "–", count, _means(columns[values == value], resamples))


def _means(columns: Floats, resamples: int) -> dict[str, Estimate]:
    return dict(zip(MEANS, bootstrap_means(columns, resamples), strict=True))


# --- floors ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Floor:
    """The worst value of a metric that still passes: the least, or where lower is better the most."""

    metric: str
    value: float


def parse_floor(text: str) -> Floor:
    """`METRIC=VALUE`, as given to --fail-under; a latency is `STAGE.p95=MILLISECONDS`. Raises SettingError."""
    metric, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    known = metric in MEANS or metric in LOWER_IS_BETTER or metric.endswith((".p50", ".p95", ".p99"))
    if not (known and math.isfinite(number)):
        example = "sentence@1=0.7, ece=0.05, total.p95=50"
        names = " ".join(sorted({*MEANS, *LOWER_IS_BETTER}))
        raise SettingError(
            name="--fail-under",
            problem_en=f'"{text}" is not METRIC=VALUE, such as {example}; the metrics are {names}.',
            problem_zh=f"“{text}”不是“指标=数值”，例如 {example}；指标有 {names}。",
        )
    return Floor(metric, number)


def missed(evaluation: Evaluation, floors: Sequence[Floor]) -> list[str]:
    """One line for each floor that was not held; a metric that applies to no question holds none."""
    lines = []
    for floor in floors:
        stage, _, point = floor.metric.rpartition(".")
        lower = floor.metric in LOWER_IS_BETTER or bool(stage)
        if stage:
            value = evaluation.latency_ms.get(stage, {}).get(point, math.nan)
        else:
            value = evaluation.metrics[floor.metric].value
        holds = value <= floor.value if lower else value >= floor.value
        if not holds:
            lines.append(f"{floor.metric} is {value:.4g}, {'over' if lower else 'under'} {floor.value:g}")
    return lines
