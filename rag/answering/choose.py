"""Candidates -> those that are shown, in the order shown.

One sentence answers most questions. More are shown where the question asks for more: for each of several years, for
each of several things asked in turn, for the items of a list; and where another sentence comes near the best, which is
then a second place that says it, or another figure for another period.
"""

from collections.abc import Callable, Iterator, Sequence

from rag.answering.rank import Candidate
from rag.cache import TextCache
from rag.text import (
    asked_parts,
    asks_figure,
    asks_list,
    contains_word,
    content_words,
    fold,
    years,
)
from rag.types import Query

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
