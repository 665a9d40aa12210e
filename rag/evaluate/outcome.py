"""One question's outcome: what was asked, what came back, what it is worth. A line of `questions.jsonl`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rag.types import IndexInfo, Reason, Status

Failure = Literal["not_retrieved", "wrong_sentence", "incomplete", "abstained", "answered_unsaid"]
"""What went wrong first.

- `not_retrieved`: answered, and no retrieved passage holds the gold answer
- `wrong_sentence`: the gold passage was retrieved, other sentences were given
- `incomplete`: some of several gold answers are there
- `abstained`: the documents do say
- `answered_unsaid`: the documents do not say, and yet it answered
"""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of a document; `marks` are [start, end) within `text`."""

    path: str
    locator: str
    text: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RetrievedPassage:
    """A hit as the report shows it."""

    rank: int
    excerpt: Excerpt
    score: float
    dense_rank: int | None
    lexical_rank: int | None
    relevant: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """`values` holds each metric that applies to the question. `hits` is empty where the answer is right."""

    id: str
    question: str
    kind: str
    language: str
    answerable: bool
    status: Status
    reason: Reason | None
    confidence: float
    right: bool
    failure: Failure | None
    rank: int | None  # of the first relevant passage, 1-based
    values: Mapping[str, float]
    timings_ms: Mapping[str, float]
    index: IndexInfo
    golds: tuple[str, ...]
    gold: tuple[Excerpt, ...]
    given: tuple[Excerpt, ...]
    hits: tuple[RetrievedPassage, ...]
