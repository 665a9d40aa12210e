"""The exact store that the fast one is held against: plain lists, numpy brute force, BM25 written from its formula."""

import re
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from math import log

import numpy as np

from rag.text import overlap
from rag.types import (
    Document,
    DocumentSummary,
    Ending,
    Failure,
    Filter,
    Fingerprint,
    IndexedDocument,
    Passage,
    Run,
    Sentence,
    Vectors,
)


class ReferenceStore:
    """In memory; see `rag.types.Store`."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.generation = 0
        self._files: dict[str, list[IndexedDocument]] = {}
        self._put_by: dict[str, Vectors] = {}
        self._runs: list[Run] = []

    def add(self, path: str, documents: Sequence[IndexedDocument]) -> None:
        for indexed in documents:
            if (
                not f"{indexed.document.path}/".startswith(f"{path}/")
                or indexed.vectors.shape[1] != self.fingerprint.dim
            ):
                raise ValueError(path)
            if len(indexed.embedded) not in (0, len(indexed.passages) + len(indexed.sentences)):
                raise ValueError(path)
            others = [i for i in self._all() if i.document.path != path and not i.document.path.startswith(f"{path}/")]
            if any(other.document.id == indexed.document.id for other in others):
                raise ValueError(path)
        removed = self._drop(path)
        self.generation += bool(documents or removed)
        if documents:
            self._files[path] = list(documents)

    def remove(self, path: str) -> int:
        removed = self._drop(path)
        self.generation += bool(removed)
        return removed

    def _drop(self, path: str) -> int:
        before = len(self._all())
        if not path:
            return 0
        for name, documents in list(self._files.items()):
            left = [one for one in documents if not f"{one.document.path}/".startswith(f"{path}/")]
            self._files[name] = left
            if not left:
                del self._files[name]
        return before - len(self._all())

    def keep(self, texts: Sequence[str], vectors: Vectors) -> None:
        self._put_by.update(zip(texts, vectors, strict=True))

    def kept(self, texts: Sequence[str], *, exact: bool) -> dict[str, Vectors]:
        known: dict[str, Vectors] = {}
        for indexed in self._all():
            of_passages = len(indexed.passages)
            if not exact:
                known.update(zip(indexed.embedded[of_passages:], indexed.sentence_vectors, strict=False))
        for indexed in self._all():
            known.update(zip(indexed.embedded, indexed.vectors, strict=False))
        known |= self._put_by
        return {text: known[text] for text in texts if text in known}

    def forget(self) -> None:
        self._put_by.clear()

    def begin_run(self, asked: Sequence[str]) -> int:
        self._runs = [replace(run, ending=run.ending or "killed") for run in self._runs]
        number = len(self._runs) + 1
        self._runs.insert(0, Run(number, "", tuple(asked), None, None, {}, 0, ()))
        return number

    def end_run(
        self, number: int, ending: Ending, counts: Mapping[str, int], passages: int, failed: Sequence[Failure]
    ) -> None:
        ended = {"ending": ending, "seconds": 0.0, "counts": counts, "passages": passages, "failed": tuple(failed)}
        self._runs = [replace(run, **ended) if run.number == number else run for run in self._runs]

    def runs(self) -> list[Run]:
        return self._runs

    def refresh(self) -> None:
        pass

    def close(self) -> None:
        pass

    def pinned(self) -> "nullcontext[None]":
        return nullcontext()

    def verify(self) -> Iterator[str]:
        return iter(())

    def sources(self) -> dict[str, str]:
        return {indexed.document.path: indexed.document.sha256 for indexed in self._all()}

    def documents(self) -> list[DocumentSummary]:
        return [
            DocumentSummary(d.id, d.path, d.title, d.date, len(d.text), len(indexed.passages), d.sha256, d.metadata)
            for indexed in self._all()
            for d in [indexed.document]
        ]

    def document(self, document_id: str) -> Document | None:
        return next((i.document for i in self._all() if i.document.id == document_id), None)

    def stored(self, path: str) -> list[IndexedDocument]:
        return [indexed for indexed in self._all() if indexed.document.path == path]

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        known = {passage.id: passage for indexed in self._all() for passage in indexed.passages}
        return [known[i] for i in passage_ids if i in known]

    def sentences(self, passage_ids: Sequence[str]) -> list[tuple[list[Sentence], Vectors]]:
        found: dict[str, tuple[list[Sentence], Vectors]] = {}
        for indexed in self._all():
            for passage in indexed.passages:
                inside = [passage.start <= s.start and s.end <= passage.end for s in indexed.sentences]
                sentences = [s for s, within in zip(indexed.sentences, inside, strict=True) if within]
                found[passage.id] = sentences, indexed.sentence_vectors[np.array(inside)]
        nothing: tuple[list[Sentence], Vectors] = [], np.zeros((0, self.fingerprint.dim), np.float32)
        return [found.get(i, nothing) for i in passage_ids]

    def alike(self, text: str) -> list[Sentence]:
        return [s for i in self._all() for s in i.sentences if overlap(text, i.document.text[s.start : s.end]) > 0.5]

    def copies(self) -> dict[tuple[str, str], int]:
        found: Counter[tuple[str, str]] = Counter()
        for indexed in self._all():
            for at in indexed.sentences:
                text = indexed.document.text[at.start : at.end]
                others = {other.document_id for other in self.alike(text)}
                found.update((at.document_id, other) for other in others if at.document_id < other)
        return dict(found)

    def passage_vectors(self, passage_ids: Sequence[str]) -> Vectors:
        known = {p.id: v for i in self._all() for p, v in zip(i.passages, i.vectors, strict=True)}
        nothing = np.zeros((0, self.fingerprint.dim), np.float32)
        return np.stack([known[i] for i in passage_ids]) if passage_ids else nothing

    def search_dense(self, vector: Vectors, k: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        if vector.shape != (self.fingerprint.dim,):
            raise ValueError(vector.shape)
        scores = {
            passage.id: round(float(row.astype(np.float64) @ vector.astype(np.float64)), 6)
            for indexed in self._all()
            if filters is None or meets(indexed.document, filters)
            for passage, row in zip(indexed.passages, indexed.vectors, strict=True)
        }
        return self._top(scores, k)

    def search_words(self, words: Sequence[str], k: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        stored = self._words()
        frequency = self.word_frequencies(words)
        mean = sum(map(len, stored.values())) / max(len(stored), 1)
        scores: dict[str, float] = {}
        for passage_id, passage in stored.items():
            for word in words:
                if count := passage.count(word):
                    weight = log(1 + (len(stored) - frequency[word] + 0.5) / (frequency[word] + 0.5))
                    norm = 1.2 * (1 - 0.75 + 0.75 * len(passage) / mean)
                    scores[passage_id] = scores.get(passage_id, 0) + weight * 2.2 * count / (count + norm)
        left = [i for i in self._all() if filters is None or meets(i.document, filters)]
        ids = {passage.id for indexed in left for passage in indexed.passages}
        return self._top({i: round(score, 4) for i, score in scores.items() if i in ids}, k)

    def word_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        return {word: sum(word in passage for passage in self._words().values()) for word in words}

    def document_count(self) -> int:
        return len(self._all())

    def passage_count(self) -> int:
        return len(self._words())

    def _all(self) -> list[IndexedDocument]:
        found = [indexed for path in sorted(self._files) for indexed in self._files[path]]
        return sorted(found, key=lambda indexed: indexed.document.path)

    def _words(self) -> dict[str, tuple[str, ...]]:
        return {p.id: w for indexed in self._all() for p, w in zip(indexed.passages, indexed.words, strict=True)}

    @staticmethod
    def _top(scores: dict[str, float], k: int) -> list[tuple[str, float]]:
        return sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))[: max(k, 0)]


def meets(document: Document, filters: Filter) -> bool:
    """A filter as its description reads, document by document."""

    def matches(pattern: str) -> bool:
        signs = {"*": ".*", "?": "."}
        as_regex = "".join(signs.get(character, re.escape(character)) for character in pattern)
        return bool(re.fullmatch(f"{as_regex}(/.*)?", document.path, flags=re.DOTALL))

    if filters.paths and not any(map(matches, filters.paths)):
        return False
    if filters.since or filters.until:
        if document.date is None:
            return False
        first, last = days(document.date)
        if (filters.since and last < days(filters.since)[0]) or (filters.until and first > days(filters.until)[1]):
            return False
    return all(document.metadata.get(name) in values for name, values in filters.metadata)


def days(period: str) -> tuple[date, date]:
    """The first and the last day of a year, a month or a day."""
    year, month, day = [*map(int, period.split("-")), 0, 0][:3]
    first = date(year, month or 1, day or 1)
    return first, date(year, month or 12, day or monthrange(year, month or 12)[1])
