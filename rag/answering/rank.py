"""Sentences of retrieved passages -> candidates, best first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from rag.answering.read import Readings
from rag.answering.understand import vector_for
from rag.cache import TextCache
from rag.text import (
    asks_date,
    asks_figure,
    contains_word,
    date_spans,
    figure_spans,
    focus_words,
    fold,
    holds_asked_unit,
    is_finished,
    row_heads,
    scripts_differ,
    word_share,
)
from rag.types import Hit, Query, Sentence, SentenceReading, Store
from rag.weights import ModeWeights, softmax

_LOG_ODDS = 15.0  # the reader's scores are cut there: beyond, they say nothing more


class SentenceFeatures(NamedTuple):
    """What ranks a sentence, in the order of its weights."""

    cosine: float  # question and sentence
    passage_cosine: float
    best_cosine: float  # question and the best sentence of the passage
    passage_word_share: float
    years_missing: float  # share of the years asked for that the passage does not name
    word_share: float
    focus_missing: float  # share of the words next to the interrogative that the sentence does not say
    figure: float  # 1.0 where a figure is asked for and the sentence holds one, in the unit asked for
    date: float  # 1.0 where a date is asked for and the sentence holds one
    log_length: float
    heading: float  # 1.0 where it does not end as sentences do
    relevance: float  # what the reader makes of it, as `SentenceReading`; 0 in the mode without
    span_score: float
    no_answer: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of a retrieved passage; `share` is its part of all candidates' odds."""

    sentence: Sentence
    hit: Hit
    text: str
    features: SentenceFeatures
    score: float
    share: float
    span: tuple[int, int] | None = None  # the words that answer by the reader, in `text`


def rank_sentences(
    query: Query,
    hits: Sequence[Hit],
    store: Store,
    texts: TextCache,
    weights: ModeWeights,
    readings: Readings | None = None,
) -> list[Candidate]:
    """All sentences of the retrieved passages, best first; ties by place in the retrieval and the document."""
    focus = focus_words(query.text)
    wants_figure, wants_date, asked = asks_figure(query.text), asks_date(query.text), fold(query.text)
    rows: list[SentenceFeatures] = []
    found: list[tuple[Sentence, Hit, str, tuple[int, int] | None]] = []
    groups = store.sentences([hit.passage.id for hit in hits])
    for hit, (sentences, vectors) in zip(hits, groups, strict=True):
        document = texts.document(hit.passage.document_id)
        read = readings[hit.passage.id] if readings else (None,) * len(sentences)
        cosines = vectors @ vector_for(query, texts.folded(hit.passage))
        for sentence, cosine, reading in zip(sentences, cosines, read, strict=True):
            text = document.text[sentence.start : sentence.end]
            folded = fold(text)
            rows.append(
                SentenceFeatures(
                    cosine=float(cosine),
                    passage_cosine=hit.cosine,
                    best_cosine=hit.sentence_cosine,
                    passage_word_share=hit.word_share,
                    years_missing=hit.years_missing,
                    word_share=word_share(query.words, folded, query.said_as),
                    focus_missing=_missing(focus, folded),
                    figure=float(wants_figure and _new_figure(folded, asked) and holds_asked_unit(asked, folded)),
                    date=float(wants_date and bool(date_spans(folded))),
                    log_length=math.log(len(text) + 1),
                    heading=float(not is_finished(text)),
                    relevance=_bounded(reading.relevance) if reading else 0.0,
                    span_score=_bounded(reading.span_score) if reading else 0.0,
                    no_answer=_bounded(reading.no_answer) if reading else 0.0,
                )
            )
            found.append((sentence, hit, text, _within(sentence, hit, reading)))
    if not rows:
        return []
    scores = weights.sentence.of(is_foreign(query, hits, texts))(np.array(rows))
    shares = softmax(scores)
    order = sorted(range(len(rows)), key=lambda i: -scores[i])
    ranked = [Candidate(*found[i][:3], rows[i], float(scores[i]), float(shares[i]), found[i][3]) for i in order]
    return _row_asked_first(query, ranked)


def _row_asked_first(query: Query, ranked: list[Candidate]) -> list[Candidate]:
    """Where the best is a row of a table, and another row of it says all that this one says of the question and more,
    that one in its place. Rows are alike but for a name, and the reader may take a neighbour's."""
    best, heads = ranked[0], row_heads(ranked[0].text)
    asked, said = 0, _said(query, best.text)
    for place, other in enumerate(ranked) if heads else ():
        if other.sentence.document_id == best.sentence.document_id and row_heads(other.text) == heads:
            more = _said(query, other.text)
            asked, said = (place, more) if more > said else (asked, said)
    other = ranked[asked]
    ranked[asked] = replace(best, score=other.score, share=other.share)
    ranked[0] = replace(other, score=best.score, share=best.share)
    return ranked


def _said(query: Query, text: str) -> set[str]:
    """The question's words that a text holds."""
    folded = fold(text)
    return {word for word in query.words if contains_word(folded, word)}


def is_foreign(query: Query, hits: Sequence[Hit], texts: TextCache) -> bool:
    """Whether the question is in another script than the passage found first, so that one set of weights orders all."""
    return bool(hits) and scripts_differ(query.text, texts.folded(hits[0].passage))


def _bounded(score: float) -> float:
    return max(-_LOG_ODDS, min(_LOG_ODDS, score))


def _within(sentence: Sentence, hit: Hit, reading: SentenceReading | None) -> tuple[int, int] | None:
    """The reader's words as [start, end) in the sentence instead of the passage; None where there are none."""
    if reading is None or reading.span[0] >= reading.span[1]:
        return None
    shift = sentence.start - hit.passage.start
    return max(0, reading.span[0] - shift), min(sentence.end - sentence.start, reading.span[1] - shift)


def _missing(words: Sequence[str], folded: str) -> float:
    """Share (0..1) of `words` that do not stand in a text; 0 where there are none."""
    return sum(not contains_word(folded, word) for word in words) / len(words) if words else 0.0


def _new_figure(folded: str, asked: str) -> bool:
    """Whether a text holds a figure that the question does not already name; both in matching form."""
    return any(not contains_word(asked, folded[a:b]) for a, b in figure_spans(folded))
