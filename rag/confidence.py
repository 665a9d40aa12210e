"""What speaks for and against an answer -> the probability that it is right, and why not where it is not.

A cosine says nothing by itself: with E5 models unrelated texts score over 0.7. What counts is how far the best sentence
stands out, how much of what the question says is said by it and around it, and what is not said anywhere near it.
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from rag.types import Reason
from rag.weights import ModeWeights

_TELLING = 0.25  # share of a question that one word must carry for its absence to be the reason


@dataclass(frozen=True, slots=True)
class Evidence:
    """Features of the best sentence found; shares are of the question's information, 0..1."""

    cosine: float  # question and sentence
    stands_out: float  # how far that cosine is above the mean of all candidates
    passage_stands_out: float  # how far its passage's cosine is above the mean of all hits
    lead: float  # share of the odds that the best sentence takes among all candidates
    word_share: float  # said by the sentence itself
    passage_word_share: float  # said by its passage with its context
    missing: float  # the weightiest single word that its document never says
    name_missing: float  # the weightiest place or number that its document never names
    unknown: float  # said by no passage of the store
    focus_missing: float  # share of the words next to the interrogative that the sentence does not say
    years_missing: float  # share of the years asked for that neither passage nor context names
    years_differ: float  # 1.0 where the sentence names years, and none that is asked for
    kind_missing: float  # 1.0 where a figure (in a certain unit) or a date is asked for and the sentence holds none
    relevance: float = 0.0  # what the reader makes of the sentence, as `SentenceReading`; these five are 0 without it
    span_score: float = 0.0
    no_answer: float = 0.0
    span_stands_out: float = 0.0  # how far its span score is above the mean of all candidates
    relevance_lead: float = 0.0  # above the reader's next best
    contested: float = 0.0  # share of the odds of the best sentence in another passage
    foreign: bool = False  # question and sentence differ in script: no word can match, and the shares of words are 0

    def vector(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """All but `foreign`, which tells whose weights they meet."""
        return np.array([getattr(self, name) for name in EVIDENCE])


EVIDENCE = tuple(field.name for field in fields(Evidence) if field.name != "foreign")


def confidence(evidence: Evidence, weights: ModeWeights) -> float:
    """Probability (0..1) that the sentences shown hold the answer, by logistic regression (Platt 1999)."""
    weigh = weights.confidence_foreign if evidence.foreign else weights.confidence
    log_odds = float(weigh(evidence.vector()[None, :])[0])
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, log_odds))))


def reason(evidence: Evidence) -> Reason:
    """Why an answer with this evidence was held back, the most telling first."""
    if evidence.years_missing or evidence.years_differ:
        return "other_period"
    if evidence.foreign:
        return "too_unsure"
    if evidence.name_missing:
        return "other_entity"
    if evidence.missing >= _TELLING:
        return "not_covered"
    if evidence.kind_missing or evidence.relevance < 0:
        return "no_answer"
    return "too_unsure"
