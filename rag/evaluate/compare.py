"""Two runs of one Q&A set, question by question: what got better, what got worse, and whether that is noise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import PathMissingError
from rag.evaluate.result import LOWER_IS_BETTER, MEANS, QUESTIONS_FILE
from rag.evaluate.statistics import RESAMPLES, Estimate, mcnemar, paired_bootstrap

NOISE = 0.05
"""A p-value from here on may well be noise."""


@dataclass(frozen=True, slots=True)
class RunQuestion:
    """What a comparison needs of one question of a run."""

    question: str
    right: bool
    status: str
    given: str  # the first sentence given; "" where it abstained
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Run:
    name: str
    questions: Mapping[str, RunQuestion]  # by id, in the order of the set


@dataclass(frozen=True, slots=True)
class Change:
    """One metric over the questions that both runs have it for. `p` is exact (McNemar) for metrics that are 0 or 1 on
    each question, otherwise from the paired bootstrap; many metrics are tested, none of them is corrected for that."""

    metric: str
    before: float
    after: float
    difference: Estimate  # after - before
    better: int
    worse: int
    p: float
    test: str  # "McNemar" or "paired bootstrap"

    @property
    def changed(self) -> bool:
        return self.better + self.worse > 0

    @property
    def noise(self) -> bool:
        return self.p >= NOISE


@dataclass(frozen=True, slots=True)
class Changed:
    """A question that one run has right and the other wrong."""

    id: str
    question: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    before: str
    after: str
    questions: int  # that both runs asked
    only_before: int
    only_after: int
    changes: tuple[Change, ...]
    better: tuple[Changed, ...]
    worse: tuple[Changed, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def load_run(folder: Path) -> Run:
    """A run from the folder it was written to. Raises PathMissingError where there is none."""
    path = folder / QUESTIONS_FILE
    if not path.is_file():
        raise PathMissingError(path=path)
    with path.open(encoding="utf-8") as file:
        return Run(folder.name, {record["id"]: _question(record) for record in map(json.loads, file)})


def _question(record: Mapping[str, Any]) -> RunQuestion:
    answered = record["status"] == "answered" and record["given"]
    return RunQuestion(
        question=record["question"],
        right=record["right"],
        status=record["status"],
        given=record["given"][0]["text"] if answered else "",
        values=record["values"],
    )


def compare(before: Run, after: Run, resamples: int = RESAMPLES) -> Comparison:
    """Compare the questions that both runs asked."""
    common = [identifier for identifier in before.questions if identifier in after.questions]
    changes = [_change(metric, before, after, common, resamples) for metric in MEANS]
    turned = [i for i in common if before.questions[i].right != after.questions[i].right]
    pairs = [(after.questions[i].right, _changed(i, before, after)) for i in turned]
    return Comparison(
        before=before.name,
        after=after.name,
        questions=len(common),
        only_before=len(before.questions) - len(common),
        only_after=len(after.questions) - len(common),
        changes=tuple(change for change in changes if change),
        better=tuple(pair for right, pair in pairs if right),
        worse=tuple(pair for right, pair in pairs if not right),
    )


def _change(metric: str, before: Run, after: Run, common: Sequence[str], resamples: int) -> Change | None:
    pairs = [
        (old, new)
        for i in common
        if (old := before.questions[i].values.get(metric)) is not None
        and (new := after.questions[i].values.get(metric)) is not None
    ]
    if not pairs:
        return None
    olds, news = np.array(pairs, dtype=np.float64).T
    gain = olds - news if metric in LOWER_IS_BETTER else news - olds
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    difference, p = paired_bootstrap(olds, news, resamples)
    binary = np.isin(pairs, (0.0, 1.0)).all()
    return Change(
        metric=metric,
        before=float(olds.mean()),
        after=float(news.mean()),
        difference=difference,
        better=better,
        worse=worse,
        p=mcnemar(better, worse) if binary else p,
        test="McNemar" if binary else "paired bootstrap",
    )


def _changed(identifier: str, before: Run, after: Run) -> Changed:
    old, new = before.questions[identifier], after.questions[identifier]
    return Changed(identifier, new.question, old.given, new.given)
