"""Wires the way out: question -> standalone question -> passages -> sentences -> Answer. `ask` is the main entry."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from rag.answer import Selection, answer, cite
from rag.cache import TextCache
from rag.conversation import readings
from rag.errors import QuestionError
from rag.models import load_embedder, load_reader
from rag.rank import Candidate, rank_sentences
from rag.read import STEPS, SURE, Readings, read_passages
from rag.retrieve import prepare, retrieve, support, weighed_words
from rag.settings import Settings
from rag.store import open_store
from rag.text import SPLITTER_VERSION, use_dictionary
from rag.types import Answer, Citation, Embedder, Fingerprint, Hit, IndexInfo, Mode, Query, Reader, Store, Turn
from rag.weights import Weights, load_weights, own_weights

_REWRITTEN = 2.0
"""Support that a rewritten question must have over the question as it was asked, and 1 more for each likelier one. Set
on the development half by `scripts/conversations.py --pairs`, as what the follow-up's own words weigh was."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was looked at for a question: the query's words, the passages and the sentences, each with its scores."""

    query: Query
    hits: tuple[Hit, ...]
    candidates: tuple[Candidate, ...]


class LocalAssistant:
    """Answers questions from one store with one embedder. Meets `rag.types.Assistant`."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        settings: Settings,
        weights: Weights | None = None,
        reader: Reader | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._settings = settings
        self._weights = weights or load_weights()
        self._texts = TextCache(store)
        self._reader = reader
        self._pool = ThreadPoolExecutor(settings.threads or os.cpu_count() or 1)  # passages are read side by side

    def ask(self, question: str, history: Sequence[Turn] = (), mode: Mode | None = None) -> Answer:
        """Answer `question`, or abstain. Deterministic for one generation of the store, timings aside.

        `mode` "fast" leaves the reader out; None and "accurate" use it where there is one.

        Raises QuestionError for an empty or overlong question, StoreError.
        """
        question = self._checked(question)
        timings: dict[str, float] = {}
        with self._store.pinned(), _timed(timings, "total"):
            query, hits = self._understand(" ".join(question.split()), history, timings)
            chosen = self._select(query, hits, None if mode == "fast" else self._reader, timings)
            documents = self._index()
        return Answer(
            question=question,
            standalone_question=query.text,
            status=chosen.status,
            reason=chosen.reason,
            confidence=round(chosen.confidence, 4),
            text="\n".join(sentence.text for sentence in chosen.sentences),
            sentences=chosen.sentences,
            citations=chosen.citations,
            nearest=chosen.nearest,
            index=documents,
            timings_ms={stage: round(spent, 2) for stage, spent in timings.items()},
        )

    def search(self, question: str, k: int) -> list[Hit]:
        """The `k` best passages for `question`, best first. Raises as `ask` does."""
        with self._store.pinned():
            query = prepare(self._checked(question), self._store, self._embedder)
            return retrieve(query, self._store, self._texts, self._weights, k)

    def find(self, question: str, k: int) -> list[tuple[Hit, Citation]]:
        """What `search` finds, each passage with the citation of its whole text. Raises as `ask` does."""
        with self._store.pinned():
            found = [(hit, self._texts.document(hit.passage.document_id)) for hit in self.search(question, k)]
            return [
                (hit, cite(number, document, hit.passage.start, hit.passage.end))
                for number, (hit, document) in enumerate(found, 1)
            ]

    def explain(self, question: str) -> Explanation:
        """What `ask` looks at for a question without history."""
        with self._store.pinned():
            query = prepare(self._checked(question), self._store, self._embedder)
            hits = retrieve(query, self._store, self._texts, self._weights, self._settings.top_k)
            read = None
            if self._reader:
                hits = hits[: STEPS[-1]]
                read = read_passages(query.text, hits, self._reader, self._store, self._texts, self._pool)
            weights = self._weights.accurate if self._reader else self._weights.fast
            candidates = rank_sentences(query, hits, self._store, self._texts, weights, read)
        return Explanation(query, tuple(hits), tuple(candidates))

    def _understand(
        self, question: str, history: Sequence[Turn], timings: dict[str, float]
    ) -> tuple[Query, Sequence[Hit]]:
        """The reading that the documents support best, with what was found for it; only that one is answered."""
        found: list[tuple[Query, Sequence[Hit]]] = []
        for reading in readings(question, history, self._settings.max_question_chars):
            with _timed(timings, "encode"):
                query = prepare(reading, self._store, self._embedder)
            with _timed(timings, "retrieve"):
                found.append((query, retrieve(query, self._store, self._texts, self._weights, self._settings.top_k)))
        if len(found) == 1:
            return found[0]
        asked = weighed_words(question, self._store)
        supports = [
            support(hits, asked, self._texts) - (0 if query.text == question else _REWRITTEN + place)
            for place, (query, hits) in enumerate(found)
        ]
        return found[supports.index(max(supports))]

    def _select(self, query: Query, hits: Sequence[Hit], reader: Reader | None, timings: dict[str, float]) -> Selection:
        """The answer from few passages, and from more of them while it is unsure."""
        if reader is None:
            with _timed(timings, "answer"):
                return self._answer(query, hits, None)
        read: Readings = {}
        for step in STEPS:
            with _timed(timings, "read"):
                new = hits[len(read) : step]
                read |= read_passages(query.text, new, reader, self._store, self._texts, self._pool)
            with _timed(timings, "answer"):
                chosen = self._answer(query, hits[:step], read)
            if chosen.confidence >= SURE or len(hits) <= step:
                break
        return chosen

    def _answer(self, query: Query, hits: Sequence[Hit], read: Readings | None) -> Selection:
        weights = self._weights.fast if read is None else self._weights.accurate
        least = self._settings.min_confidence
        return answer(
            query,
            hits,
            self._store,
            self._texts,
            weights,
            read,
            max_sentences=self._settings.max_sentences,
            min_confidence=weights.min_confidence(self._settings.max_risk) if least is None else least,
        )

    def _checked(self, question: str) -> str:
        limit = self._settings.max_question_chars
        question = question.strip()
        if not question:
            raise QuestionError(problem_en="empty", problem_zh="是空的", limit=limit)
        if len(question) > limit:
            raise QuestionError(
                problem_en=f"too long ({len(question)} characters)",
                problem_zh=f"太长（{len(question)} 个字符）",
                limit=limit,
            )
        return question

    def _index(self) -> IndexInfo:
        return IndexInfo(
            generation=self._store.generation,
            documents=self._store.document_count(),
            passages=self._store.passage_count(),
            embedder=self._embedder.name,
        )


def open_assistant(settings: Settings, *, calibrated: bool = True) -> LocalAssistant:
    """An assistant over the store and with the models that `settings` name. Raises StoreError, ModelError.

    `calibrated`: with the confidence that `rag calibrate` fitted for this store, where it has.
    """
    use_dictionary(settings.cache)
    embedder = load_embedder(settings)
    store = open_store(settings.store, fingerprint_of(embedder))
    weights = own_weights(settings.store) if calibrated else load_weights()
    return LocalAssistant(store, embedder, settings, weights, load_reader(settings))


def fingerprint_of(embedder: Embedder) -> Fingerprint:
    """What a store built with `embedder` by this version depends on."""
    return Fingerprint(embedder.name, embedder.dim, SPLITTER_VERSION)


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    started = perf_counter()
    try:
        yield
    finally:
        timings[stage] = timings.get(stage, 0.0) + (perf_counter() - started) * 1000
