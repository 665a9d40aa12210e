"""Wires the way out, down the stair of rag.answering: question -> Answer. `ask` is the main entry."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter

from rag.answering.also import add_places, add_places_near
from rag.answering.choose import choose
from rag.answering.cite import citation, cite, cite_nearest
from rag.answering.judge import Judgement, judge, judge_nearest
from rag.answering.rank import Candidate, rank_sentences
from rag.answering.read import Readings, read_passages, settled, steps
from rag.answering.retrieve import Found, retrieve, retrieve_supported
from rag.answering.understand import prepare, understand
from rag.cache import AnswerCache, Asked, TextCache
from rag.errors import QuestionError
from rag.models import load_embedder, load_reader
from rag.settings import Settings
from rag.store import open_store
from rag.text import SPLITTER_VERSION, use_dictionary
from rag.types import Answer, Citation, Embedder, Filter, Fingerprint, Hit, IndexInfo, Mode, Query, Reader, Store, Turn
from rag.weights import ModeWeights, Weights, load_weights, own_weights


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was looked at for a question: the query's words, the passages and the sentences, each with its scores."""

    query: Query
    hits: tuple[Hit, ...]
    candidates: tuple[Candidate, ...]


class LocalAssistant:
    """Answers questions from one store with one embedder. Meets `rag.types.Asks`.

    `answers_cached`: so many of its last answers are given again where the same is asked of the same generation.
    """

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        settings: Settings,
        weights: Weights | None = None,
        reader: Reader | None = None,
        answers_cached: int = 0,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._settings = settings
        self._weights = weights or load_weights()
        self._texts = TextCache(store)
        self._answers = AnswerCache(answers_cached)
        self._reader = reader
        self._pool = ThreadPoolExecutor(settings.threads or os.cpu_count() or 1)  # passages are read side by side

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        mode: Mode | None = None,
        filters: Filter | None = None,
    ) -> Answer:
        """Answer `question`, or abstain. Deterministic for one generation of the store, timings aside.

        `mode` "fast" leaves the reader out; None and "accurate" use it where there is one. Nothing but documents that
        meet `filters` is quoted, beside an abstention neither. `timings_ms` of an answer that was given before are
        "cached" and "total".

        Raises QuestionError for an empty or overlong question, StoreError.
        """
        question = self._checked(question)
        timings: dict[str, float] = {}
        reader = None if mode == "fast" else self._reader
        with self._store.pinned():
            with _timed(timings, "total"), _timed(timings, "cached"):
                store, generation = self._store.identity, self._store.generation
                asked = Asked(store, generation, question, tuple(history), reader is not None, filters)
                known = self._answers.get(asked)
            if known is not None:
                return replace(known, timings_ms=_rounded(timings))
            answer = self._answer(question, history, reader, filters)
            self._answers.put(asked, answer)
            return answer

    def _answer(self, question: str, history: Sequence[Turn], reader: Reader | None, filters: Filter | None) -> Answer:
        """The answer, worked out in the pinned store."""
        timings: dict[str, float] = {}
        weights = self._weights_with(reader)
        with _timed(timings, "total"):
            found = self._find(" ".join(question.split()), history, filters, timings)
            candidates, judged = self._judge(found, reader, weights, timings)
            if filters and not found.hits and self._store.passage_count():
                judged = Judgement(0.0, "no_match")
            answered = judged.confidence >= self._least(weights) and bool(candidates)
            with _timed(timings, "answer"):
                limit = self._settings.max_sentences
                chosen = (
                    choose(found.query, candidates, self._texts, weights.second_sentence, limit) if answered else ()
                )
                sentences, citations = cite(found.query, chosen, self._texts)
                near = () if answered else judge_nearest(found.query, candidates, self._store, self._texts, weights)
                nearest = cite_nearest(found.query, near, self._texts)
                citations = add_places(citations, self._store, self._texts, filters)
                nearest = add_places_near(nearest, self._store, self._texts, filters)
            documents = self._index()
        return Answer(
            question=question,
            standalone_question=found.query.text,
            status="answered" if answered else "abstained",
            reason=None if answered else judged.reason,
            confidence=round(judged.confidence, 4),
            text="\n".join(sentence.text for sentence in sentences),
            sentences=sentences,
            citations=citations,
            nearest=nearest,
            index=documents,
            timings_ms=_rounded(timings),
        )

    def search(self, question: str, k: int, filters: Filter | None = None) -> list[Hit]:
        """The `k` best passages for `question`, best first, of documents that meet `filters`. Raises as `ask` does."""
        with self._store.pinned():
            query = prepare(self._checked(question), self._store, self._embedder)
            return retrieve(query, self._store, self._texts, self._weights, k, filters)

    def find(self, question: str, k: int, filters: Filter | None = None) -> list[tuple[Hit, Citation]]:
        """What `search` finds, each passage with the citation of its whole text. Raises as `ask` does."""
        with self._store.pinned():
            found = [(hit, self._texts.document(hit.passage.document_id)) for hit in self.search(question, k, filters)]
            return [
                (hit, citation(number, document, hit.passage.start, hit.passage.end))
                for number, (hit, document) in enumerate(found, 1)
            ]

    def explain(self, question: str, filters: Filter | None = None) -> Explanation:
        """What `ask` looks at for a question without history."""
        with self._store.pinned():
            query = prepare(self._checked(question), self._store, self._embedder)
            hits = retrieve(query, self._store, self._texts, self._weights, self._settings.top_k, filters)
            read = None
            if self._reader:
                hits = hits[: steps(query.text)[-1]]
                read = read_passages(query.text, hits, self._reader, self._store, self._texts, self._pool)
            weights = self._weights_with(self._reader)
            candidates = rank_sentences(query, hits, self._store, self._texts, weights, read)
        return Explanation(query, tuple(hits), tuple(candidates))

    def close(self) -> None:
        """Close the store, and end the threads that read."""
        self._pool.shutdown()
        self._store.close()

    def _find(self, question: str, history: Sequence[Turn], filters: Filter | None, timings: dict[str, float]) -> Found:
        with _timed(timings, "encode"):
            limit = self._settings.max_question_chars
            queries = understand(question, history, self._store, self._embedder, limit)
        with _timed(timings, "retrieve"):
            k = self._settings.top_k
            return retrieve_supported(question, queries, self._store, self._texts, self._weights, k, filters)

    def _judge(
        self, found: Found, reader: Reader | None, weights: ModeWeights, timings: dict[str, float]
    ) -> tuple[list[Candidate], Judgement]:
        """The sentences of few passages, best first, and how sure the best is; of more while that is not settled."""
        query = found.query
        readings: Readings = {}
        for step in steps(query.text) if reader else (len(found.hits),):
            hits = found.hits[:step]
            if reader:
                with _timed(timings, "read"):
                    new = hits[len(readings) :]
                    readings |= read_passages(query.text, new, reader, self._store, self._texts, self._pool)
            with _timed(timings, "answer"):
                candidates = rank_sentences(query, hits, self._store, self._texts, weights, readings or None)
                judged = judge(query, candidates, self._store, self._texts, weights)
            if settled(judged.confidence, found.hits, step):
                break
        return candidates, judged

    def _weights_with(self, reader: Reader | None) -> ModeWeights:
        return self._weights.accurate if reader else self._weights.fast

    def _least(self, weights: ModeWeights) -> float:
        """The confidence from which an answer is shown."""
        least = self._settings.min_confidence
        return weights.min_confidence(self._settings.max_risk) if least is None else least

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
    store = open_store(settings.where, fingerprint_of(embedder))
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


def _rounded(timings: dict[str, float]) -> dict[str, float]:
    return {stage: round(spent, 2) for stage, spent in timings.items()}
