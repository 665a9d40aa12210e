"""Candidates -> the sentences shown, in the order shown, and the words in them that answer.

One sentence answers most questions. More are shown where the question asks for more: for each of several years, for
each of several things asked in turn, for the items of a list; and where another sentence comes near the best, which is
then a second place that says it, or another figure for another period.
"""

from collections.abc import Callable, Iterator, Sequence

from rag.cache import TextCache
from rag.rank import Candidate
from rag.text import (
    asked_parts,
    asks_date,
    asks_figure,
    asks_list,
    contains_word,
    content_words,
    date_spans,
    enumeration_spans,
    figure_spans,
    fold,
    word_spans,
    years,
)
from rag.types import Query

_BARE = 10.0  # characters of distance that a figure without a unit counts as
_LIST_LIMIT = 6  # sentences of a list
_ITEM = 0.0  # relevance from which a sentence is an item of the list asked for
_PART_WEIGHT = 4.0  # score that a sentence gains by saying all that one part of a question says
_YEAR_WEIGHT = 2.0  # score that it gains by naming the year itself, where its passage does


def choose(
    query: Query, candidates: Sequence[Candidate], texts: TextCache, least: float, limit: int
) -> list[Candidate]:
    """What is shown of `candidates`, the best sentence first; the same words are not shown twice.

    `least`: a further sentence is shown where its share of the best one's odds is at least this.
    """
    chosen = list(candidates[:1])

    def take(candidate: Candidate | None) -> None:
        if candidate is not None and all(fold(candidate.text) != fold(other.text) for other in chosen):
            chosen.append(candidate)

    for gain in _facets(query, texts):
        gains = [(candidate, gain(candidate)) for candidate in candidates]
        best = max(
            ((candidate, candidate.score + more) for candidate, more in gains if more > 0),
            key=lambda pair: pair[1],
            default=(None, 0.0),
        )[0]
        if len(chosen) < limit:
            take(best)
    if len(chosen) > 1:
        return _in_reading_order(chosen)
    if asks_list(query.text):
        items = [c for c in candidates[1:] if c.features.relevance > _ITEM and _near(c, chosen[0])]
        for candidate in items[: _LIST_LIMIT - 1]:
            take(candidate)
        if len(chosen) > 1:
            return _in_reading_order(chosen)
    for candidate in candidates[1:]:
        if len(chosen) >= limit or candidate.share < least * chosen[0].share:
            break
        take(candidate)
    return _newest_first(query, chosen, texts)


def _facets(query: Query, texts: TextCache) -> Iterator[Callable[[Candidate], float]]:
    """What several sentences are needed for: each gives what a candidate gains by serving it, 0 where it does not."""
    asked = sorted(set(years(query.text)))
    for year in asked if len(asked) > 1 else ():

        def names(candidate: Candidate, year: str = year) -> float:
            if contains_word(fold(candidate.text), year):
                return _YEAR_WEIGHT
            others = any(contains_word(fold(candidate.text), other) for other in asked)
            return 0.1 if not others and contains_word(texts.folded(candidate.hit.passage), year) else 0.0

        yield names
    parts = asked_parts(query.text)
    for part in parts if len(parts) > 1 else ():
        words = [word for word in content_words(part) if word in query.words]
        mass = sum(query.words[word] for word in words)

        def says(candidate: Candidate, words: Sequence[str] = tuple(words), mass: float = mass) -> float:
            folded = fold(candidate.text)
            said = sum(query.words[word] for word in words if contains_word(folded, word))
            return _PART_WEIGHT * said / mass if mass else 0.0

        yield says


def _near(candidate: Candidate, best: Candidate) -> bool:
    """Whether it stands in the same passage or the next."""
    one, other = candidate.hit.passage, best.hit.passage
    return one.document_id == other.document_id and abs(one.ordinal - other.ordinal) <= 1


def _in_reading_order(chosen: Sequence[Candidate]) -> list[Candidate]:
    """Sentences of one document together, in the order they are written; the best one's document first."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in chosen:
        groups.setdefault(candidate.sentence.document_id, []).append(candidate)
    return [c for group in groups.values() for c in sorted(group, key=lambda c: c.sentence.start)]


def _newest_first(query: Query, chosen: list[Candidate], texts: TextCache) -> list[Candidate]:
    """Figures of several periods, where the question names none: the newest first. All else stays as it is."""
    if len(chosen) < 2 or years(query.text) or not asks_figure(query.text):
        return chosen
    if any(not candidate.features.figure for candidate in chosen):
        return chosen
    periods = [_period(candidate, texts) for candidate in chosen]
    if len({candidate.sentence.document_id for candidate in chosen}) < 2 or "" in periods:
        return chosen
    return [chosen[i] for i in sorted(range(len(chosen)), key=lambda i: periods[i], reverse=True)]


def _period(candidate: Candidate, texts: TextCache) -> str:
    """The latest year that the context line names, else the document's date; "" where there is none."""
    document = texts.document(candidate.sentence.document_id)
    return max(years(candidate.hit.passage.context), default=(document.date or "")[:4])


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


def _is_bare(figure: str) -> bool:
    """Whether a figure has no unit: rarely what was asked."""
    return figure[-1].isdigit() or figure[-1] in "十百千万亿"


def _with_unit(text: str, span: tuple[int, int]) -> tuple[int, int]:
    """The figure nearest to the reader's words that has a unit, where those hold bare figures alone."""
    figures = figure_spans(text)
    inside = [(a, b) for a, b in figures if a < span[1] and span[0] < b]
    full = [(a, b) for a, b in figures if not _is_bare(text[a:b])]
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
    return far + (_BARE if _is_bare(text[slice(*span)]) else 0.0), span[0]
