"""Passages -> the one to three sentences that answer, each verbatim with its citation; or an abstention.

This is where a trained reader will come in: as one more feature of a sentence, beside those of `SentenceFeatures`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rag.cache import TextCache
from rag.confidence import Evidence, confidence, reason
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
    is_name,
    scripts_differ,
    word_share,
    word_spans,
)
from rag.types import AnswerSentence, Citation, Document, Hit, Query, Reason, Sentence, Status, Store
from rag.weights import Weights, softmax

_BARE = 10.0  # characters of distance that a figure without a unit counts as
_NEAREST = 3  # passages shown beside an abstention


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


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of a retrieved passage; `share` is its part of all candidates' odds."""

    sentence: Sentence
    hit: Hit
    text: str
    features: SentenceFeatures
    score: float
    share: float


@dataclass(frozen=True, slots=True)
class Selection:
    """What `answer` decided; the assistant adds question, index and timings to make an `Answer`."""

    status: Status
    reason: Reason | None
    confidence: float
    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    nearest: tuple[Citation, ...]


def answer(
    query: Query,
    hits: Sequence[Hit],
    store: Store,
    texts: TextCache,
    weights: Weights,
    *,
    max_sentences: int,
    min_confidence: float | None = None,
) -> Selection:
    """Pick the supporting sentences of `hits`, or abstain where the best is probably not right.

    `min_confidence` None takes the fitted threshold.
    """
    candidates = rank_sentences(query, hits, store, texts, weights)
    if not candidates:
        return Selection("abstained", "no_passage", 0.0, (), (), ())
    evidence = gather_evidence(query, candidates, store, texts)
    probability = confidence(evidence, weights)
    if probability < (weights.min_confidence if min_confidence is None else min_confidence):
        nearest = tuple(
            cite(n, texts.document(hit.passage.document_id), hit.passage.start, hit.passage.end)
            for n, hit in enumerate(hits[:_NEAREST], 1)
        )
        return Selection("abstained", reason(evidence), probability, (), (), nearest)
    chosen = _in_reading_order(choose(candidates, weights.second_sentence, max_sentences))
    citations = tuple(
        cite(n, texts.document(c.sentence.document_id), c.sentence.start, c.sentence.end)
        for n, c in enumerate(chosen, 1)
    )
    sentences = tuple(AnswerSentence(c.quote, c.number, highlights(query, c.quote)) for c in citations)
    return Selection("answered", None, probability, sentences, citations, ())


# --- ranking -----------------------------------------------------------------------------------------------------


def rank_sentences(
    query: Query, hits: Sequence[Hit], store: Store, texts: TextCache, weights: Weights
) -> list[Candidate]:
    """All sentences of the retrieved passages, best first; ties by place in the retrieval and the document."""
    focus = focus_words(query.text)
    wants_figure, wants_date, asked = asks_figure(query.text), asks_date(query.text), fold(query.text)
    rows: list[SentenceFeatures] = []
    found: list[tuple[Sentence, Hit, str]] = []
    groups = store.sentences([hit.passage.id for hit in hits])
    for hit, (sentences, vectors) in zip(hits, groups, strict=True):
        document = texts.document(hit.passage.document_id)
        for sentence, cosine in zip(sentences, vectors @ query.vector, strict=True):
            text = document.text[sentence.start : sentence.end]
            folded = fold(text)
            rows.append(
                SentenceFeatures(
                    cosine=float(cosine),
                    passage_cosine=hit.cosine,
                    best_cosine=hit.sentence_cosine,
                    passage_word_share=hit.word_share,
                    years_missing=hit.years_missing,
                    word_share=word_share(query.words, folded),
                    focus_missing=_missing(focus, folded),
                    figure=float(wants_figure and _new_figure(folded, asked) and holds_asked_unit(asked, folded)),
                    date=float(wants_date and bool(date_spans(folded))),
                    log_length=math.log(len(text) + 1),
                    heading=float(not is_finished(text)),
                )
            )
            found.append((sentence, hit, text))
    if not rows:
        return []
    scores = weights.sentence(np.array(rows))
    shares = softmax(scores)
    order = sorted(range(len(rows)), key=lambda i: -scores[i])
    return [Candidate(*found[i], rows[i], float(scores[i]), float(shares[i])) for i in order]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _missing(words: Sequence[str], folded: str) -> float:
    """Share (0..1) of `words` that do not stand in a text; 0 where there are none."""
    return sum(not contains_word(folded, word) for word in words) / len(words) if words else 0.0


def _new_figure(folded: str, asked: str) -> bool:
    """Whether a text holds a figure that the question does not already name; both in matching form."""
    return any(not contains_word(asked, folded[a:b]) for a, b in figure_spans(folded))


def gather_evidence(query: Query, candidates: Sequence[Candidate], store: Store, texts: TextCache) -> Evidence:
    """What speaks for and against the best of `candidates`."""
    best = candidates[0]
    f = best.features
    document = texts.document(best.sentence.document_id)
    whole = texts.folded_document(document)
    frequencies = store.word_frequencies(list(query.words))
    foreign = scripts_differ(query.text, best.text)
    absent = {word: s for word, s in query.words.items() if not contains_word(whole, word)}
    hits = {c.hit.passage.id: c.hit for c in candidates}
    heard = 0.0 if foreign else 1.0  # words that cannot match say nothing by their absence
    return Evidence(
        cosine=f.cosine * heard,
        stands_out=f.cosine - _mean([c.features.cosine for c in candidates]),
        passage_stands_out=f.passage_cosine - _mean([hit.cosine for hit in hits.values()]),
        lead=best.share,
        word_share=f.word_share * heard,
        passage_word_share=f.passage_word_share * heard,
        missing=max(absent.values(), default=0.0) * heard,
        name_missing=max((s for word, s in absent.items() if is_name(word)), default=0.0) * heard,
        unknown=sum(s for word, s in query.words.items() if not frequencies[word]) * heard,
        focus_missing=f.focus_missing * heard,
        years_missing=f.years_missing,
        kind_missing=float((asks_figure(query.text) and not f.figure) or (asks_date(query.text) and not f.date)),
        foreign=float(foreign),
    )


# --- choosing and citing -----------------------------------------------------------------------------------------


def choose(candidates: Sequence[Candidate], least: float, limit: int) -> list[Candidate]:
    """The best sentence, and those whose share comes near it; the same words are not shown twice."""
    chosen: list[Candidate] = []
    for candidate in candidates:
        if len(chosen) == limit or (chosen and candidate.share < least * chosen[0].share):
            break
        if all(fold(candidate.text) != fold(other.text) for other in chosen):
            chosen.append(candidate)
    return chosen


def _in_reading_order(chosen: Sequence[Candidate]) -> list[Candidate]:
    """Best first, but sentences of one passage stay together, in the order they are written."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in chosen:
        groups.setdefault(candidate.hit.passage.id, []).append(candidate)
    return [c for group in groups.values() for c in sorted(group, key=lambda c: c.sentence.start)]


def cite(number: int, document: Document, start: int, end: int) -> Citation:
    """The citation of `document.text[start:end]`."""
    return Citation(
        number=number,
        document_id=document.id,
        path=document.path,
        title=document.title,
        date=document.date,
        locator=locator(document, start, end),
        start=start,
        end=end,
        quote=document.text[start:end],
    )


def locator(document: Document, start: int, end: int) -> str:
    """The source lines of [start, end): "L12" or "L12-L14"."""
    first = last = 1
    for offset, line in document.lines:
        if offset <= start:
            first = line
        if offset < end:
            last = line
    return f"L{first}" if first == last else f"L{min(first, last)}-L{max(first, last)}"


def highlights(query: Query, text: str) -> tuple[tuple[int, int], ...]:
    """The words of a sentence that answer, where they can be told: the figure or date asked for, nearest to what was
    asked.

    Empty where the question asks for something else than a figure or a date.
    """
    if asks_date(query.text):
        spans = date_spans(text)
    elif asks_figure(query.text):
        spans = figure_spans(text)
    else:
        return ()
    asked = fold(query.text)
    spans = [(a, b) for a, b in spans if not contains_word(asked, fold(text[a:b]))]
    named = word_spans(text, query.words)
    if not spans:
        return ()
    if not named:
        return tuple(spans) if len(spans) == 1 else ()
    return (min(spans, key=lambda span: _distance(span, named, query, text)),)


def _distance(span: tuple[int, int], named: Sequence[tuple[int, int]], query: Query, text: str) -> tuple[float, int]:
    """How far a figure stands from the question's words, each weighing what it says; behind them is nearer than
    before."""
    far = 0.0
    for start, end in named:
        gap = span[0] - end if span[0] >= end else 2 * (start - span[1]) if start >= span[1] else 0
        far += query.words.get(fold(text[start:end]), 0.0) * min(gap, 40)
    bare = (
        text[span[1] - 1].isdigit() or text[span[1] - 1] in "十百千万亿"
    )  # a number without a unit is rarely what was asked
    return far + (_BARE if bare else 0.0), span[0]
