"""Retrieved passages -> what the reader makes of their sentences; passages are read side by side, one on each core."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from rag.cache import TextCache
from rag.text import is_chinese
from rag.types import Hit, Reader, SentenceReading, Store
from rag.weights import softmax

Readings = dict[str, tuple[SentenceReading, ...]]
"""Passage id -> one reading for each of its sentences, in the order in which the store gives them."""

_STEPS, _STEPS_ACROSS = (2, 6), (4,)

_SURE = 0.75  # confidence from which no further passage is read

_LOST, _UNREAD = 0.4, 0.05
"""Confidence below which none is read either, where the passages not yet read hold a smaller share of the odds than the
second; between the two confidences reading on may turn the answer. Chosen on the parts for fitting."""


def steps(question: str) -> tuple[int, ...]:
    """Passages read at first, and where the answer is still unsure. For a question in another language four at once:
    its passage is less often the first, and beyond the fourth come more tempting sentences than right ones."""
    return _STEPS if is_chinese(question) else _STEPS_ACROSS


def settled(confidence: float, hits: Sequence[Hit], read: int) -> bool:
    """Whether reading more than the first `read` of `hits` would hardly change the answer, now so sure."""
    if confidence >= _SURE or len(hits) <= read:
        return True
    unread = softmax([hit.score for hit in hits])[read:].sum()  # the scores were fitted as log-odds
    return confidence < _LOST and bool(unread < _UNREAD)


def read_passages(
    question: str, hits: Sequence[Hit], reader: Reader, store: Store, texts: TextCache, pool: ThreadPoolExecutor
) -> Readings:
    """Each passage with its context line, read with the question."""

    def read(hit: Hit, spans: list[tuple[int, int]]) -> tuple[SentenceReading, ...]:
        passage = hit.passage
        text = texts.document(passage.document_id).text[passage.start : passage.end]
        return reader.read(question, texts.context(passage), text, spans)

    groups = store.sentences([hit.passage.id for hit in hits])
    spans = [
        [(one.start - hit.passage.start, one.end - hit.passage.start) for one in sentences]
        for hit, (sentences, _) in zip(hits, groups, strict=True)
    ]
    return {hit.passage.id: found for hit, found in zip(hits, pool.map(read, hits, spans), strict=True)}
