"""What speaks for and against an answer -> the probability that it is right, and why not where it is not.

A cosine says nothing by itself: with E5 models unrelated texts score over 0.7. What counts is how far the best sentence
stands out, how much of what the question says is said by it and around it, and what is not said anywhere near it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from rag.answering.rank import Candidate
from rag.cache import TextCache
from rag.text import asks_date, asks_figure, contains_word, fold, is_name, scripts_differ, years
from rag.types import Query, Reason, Store
from rag.weights import ModeWeights

_TELLING = 0.25  # share of a question that one word must carry for its absence to be the reason
_NEAREST = 3  # sentences shown beside an abstention
_LEAST = 0.02  # probability below which a sentence is not worth the reading


@dataclass(frozen=True, slots=True)
class Judgement:
    """How sure the best candidate's sentences hold the answer, and why they may not."""

    confidence: float  # calibrated probability
    reason: Reason  # what to say where that is too little


def judge(
    query: Query, candidates: Sequence[Candidate], store: Store, texts: TextCache, weights: ModeWeights
) -> Judgement:
    if not candidates:
        return Judgement(0.0, "no_passage")
    evidence = gather_evidence(query, candidates, store, texts)
    return Judgement(confidence(evidence, weights), reason(evidence))


def judge_nearest(
    query: Query, candidates: Sequence[Candidate], store: Store, texts: TextCache, weights: ModeWeights
) -> list[tuple[Candidate, float]]:
    """The few best of `candidates`, best first, each with the probability that it answers; those that hardly can are
    left out, and so is a stray bracket; a reprint stands for all of its like."""
    places: dict[str, int] = {}
    for place, candidate in enumerate(candidates):
        if any(map(str.isalnum, candidate.text)):
            places.setdefault(fold(candidate.text), place)
    near = [
        (candidates[place], confidence(gather_evidence(query, candidates, store, texts, place), weights))
        for place in list(places.values())[:_NEAREST]
    ]
    return [(candidate, probability) for candidate, probability in near if probability >= _LEAST]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Features of one sentence, the best unless said otherwise; shares are of the question's information, 0..1."""

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
    foreign: bool = False  # question and sentence differ in script: words match by the dictionary, missing ones are 0

    def vector(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """All but `foreign`, which tells whose weights they meet."""
        return np.array([getattr(self, name) for name in EVIDENCE])


EVIDENCE = tuple(field.name for field in fields(Evidence) if field.name != "foreign")


def confidence(evidence: Evidence, weights: ModeWeights) -> float:
    """Probability (0..1) that the sentences shown hold the answer, by logistic regression (Platt 1999)."""
    log_odds = float(weights.confidence.of(evidence.foreign)(evidence.vector()[None, :])[0])
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


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def gather_evidence(
    query: Query, candidates: Sequence[Candidate], store: Store, texts: TextCache, place: int = 0
) -> Evidence:
    """What speaks for and against the one of `candidates` at `place`."""
    best = candidates[place]
    f = best.features
    document = texts.document(best.sentence.document_id)
    whole = texts.folded_document(document)
    frequencies = store.word_frequencies(list(query.words))
    absent = {word: s for word, s in query.words.items() if not contains_word(whole, word)}
    foreign = scripts_differ(query.text, best.text)
    heard = 0.0 if foreign else 1.0  # words that may be said otherwise say nothing by their absence
    hits = {c.hit.passage.id: c.hit for c in candidates}
    said = fold(best.text)
    others = [c for c in candidates if fold(c.text) != said]  # a reprint speaks for an answer, not against it
    return Evidence(
        cosine=f.cosine,
        stands_out=f.cosine - _mean([c.features.cosine for c in candidates]),
        passage_stands_out=f.passage_cosine - _mean([hit.cosine for hit in hits.values()]),
        lead=1 - sum(c.share for c in others),
        word_share=f.word_share,
        passage_word_share=f.passage_word_share,
        missing=max(absent.values(), default=0.0) * heard,
        name_missing=max((s for word, s in absent.items() if is_name(word)), default=0.0) * heard,
        unknown=sum(s for word, s in query.words.items() if not frequencies[word]) * heard,
        focus_missing=f.focus_missing * heard,
        years_missing=f.years_missing,
        years_differ=_years_differ(query.text, best.text),
        kind_missing=float((asks_figure(query.text) and not f.figure) or (asks_date(query.text) and not f.date)),
        foreign=foreign,
        relevance=f.relevance,
        span_score=f.span_score,
        no_answer=f.no_answer,
        span_stands_out=f.span_score - _mean([c.features.span_score for c in candidates]),
        relevance_lead=f.relevance - max((c.features.relevance for c in others), default=0.0),
        contested=max((c.share for c in others if c.hit.passage != best.hit.passage), default=0.0),
    )


def _years_differ(question: str, sentence: str) -> float:
    asked, said = set(years(question)), set(years(sentence))
    return float(bool(asked and said) and not asked & said)
