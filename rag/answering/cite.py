"""Chosen sentences -> each verbatim with its citation and the words in it that answer marked; or what comes nearest."""

from collections.abc import Sequence

import regex

from rag.answering.rank import Candidate
from rag.cache import TextCache
from rag.text import (
    asks_date,
    asks_figure,
    asks_list,
    contains_word,
    date_spans,
    enumeration_spans,
    figure_spans,
    fold,
    word_spans,
)
from rag.types import AnswerSentence, Citation, Document, NearSentence, Query

_WORD_BEHIND = regex.compile(r"\s*\p{Latin}")
_BARE = 10.0  # characters of distance that a figure without a unit counts as


def cite(
    query: Query, chosen: Sequence[Candidate], texts: TextCache
) -> tuple[tuple[AnswerSentence, ...], tuple[Citation, ...]]:
    """The sentences shown, in the order given, and the citation of each."""
    sentences = tuple(
        AnswerSentence(one.text, number, highlights(query, one.text, one.span)) for number, one in enumerate(chosen, 1)
    )
    return sentences, _citations(chosen, texts)


def cite_nearest(
    query: Query, nearest: Sequence[tuple[Candidate, float]], texts: TextCache
) -> tuple[NearSentence, ...]:
    """Sentences that may answer, each with the probability that it does, cited like an answer."""
    citations = _citations([candidate for candidate, _ in nearest], texts)
    return tuple(
        NearSentence(one.text, highlights(query, one.text, one.span), cited, round(probability, 4))
        for (one, probability), cited in zip(nearest, citations, strict=True)
    )


def _citations(candidates: Sequence[Candidate], texts: TextCache) -> tuple[Citation, ...]:
    places = [one.sentence for one in candidates]
    return tuple(citation(n, texts.document(at.document_id), at.start, at.end) for n, at in enumerate(places, 1))


def citation(number: int, document: Document, start: int, end: int) -> Citation:
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
    """Where in its file [start, end) stands: "L12", "L12-L14", "p3", "Sales!R7-R9"; see `rag.types.UNITS`."""
    first = last = 1
    for offset, number in document.places:
        if offset <= start:
            first = number
        if offset < end:
            last = number
    first, last = sorted((first, last))
    return f"{document.unit}{first}" if first == last else f"{document.unit}{first}-{_bare(document.unit)}{last}"


def _bare(unit: str) -> str:
    """A unit without its sheet, which the first half of a range names already."""
    return unit.rsplit("!", 1)[-1]


def highlights(query: Query, text: str, span: tuple[int, int] | None = None) -> tuple[tuple[int, int], ...]:
    """The words of a sentence that answer: what the reader found, with the whole of a figure or date it cuts into.

    Where a list is asked for, the row of items nearest to that. Without a reader, the figure or date asked for that is
    nearest to what was asked; empty where something else is.
    """
    rows = enumeration_spans(text) if asks_list(query.text) else []
    if rows:
        start, end = span or (0, 0)
        return (min(rows, key=lambda row: (max(row[0] - end, start - row[1], 0), row[0] - row[1])),)
    if span is not None and asks_figure(query.text):
        span = _with_unit(text, span)
    if span is not None:
        cut = [one for one in (*figure_spans(text), *date_spans(text)) if one[0] < span[1] and span[0] < one[1]]
        return ((min([span[0], *(a for a, _ in cut)]), max([span[1], *(b for _, b in cut)])),)
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


def _is_bare(text: str, span: tuple[int, int]) -> bool:
    """Whether a figure has no unit: rarely what was asked. In English any word behind it may be one."""
    last = text[span[1] - 1]
    return (last.isdigit() or last in "十百千万亿") and not _WORD_BEHIND.match(text, span[1])


def _with_unit(text: str, span: tuple[int, int]) -> tuple[int, int]:
    """The figure nearest to the reader's words that has a unit, where those hold bare figures alone."""
    figures = figure_spans(text)
    inside = [(a, b) for a, b in figures if a < span[1] and span[0] < b]
    full = [one for one in figures if not _is_bare(text, one)]
    if not inside or not full or any(one in full for one in inside):
        return span
    return min(full, key=lambda one: max(one[0] - span[1], span[0] - one[1]))


def _distance(span: tuple[int, int], named: Sequence[tuple[int, int]], query: Query, text: str) -> tuple[float, int]:
    """How far a figure stands from the question's words, each weighing what it says; behind them is nearer than
    before."""
    far = 0.0
    for start, end in named:
        gap = span[0] - end if span[0] >= end else 2 * (start - span[1]) if start >= span[1] else 0
        far += query.words.get(fold(text[start:end]), 0.0) * min(gap, 40)
    return far + (_BARE if _is_bare(text, span) else 0.0), span[0]
