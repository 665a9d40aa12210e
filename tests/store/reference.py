"""The exact store that the fast one is held against: plain lists, numpy brute force, BM25 written from its formula."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from math import log

import numpy as np

from rag.types import Document, DocumentSummary, Fingerprint, IndexedDocument, Passage, Sentence, Vectors


class ReferenceStore:
    """In memory; see `rag.types.Store`."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.generation = 0
        self._files: dict[str, list[IndexedDocument]] = {}
        self._put_by: dict[str, Vectors] = {}

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
            DocumentSummary(d.id, d.path, d.title, d.date, len(d.text), len(indexed.passages), d.sha256)
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

    def passage_vectors(self, passage_ids: Sequence[str]) -> Vectors:
        known = {p.id: v for i in self._all() for p, v in zip(i.passages, i.vectors, strict=True)}
        nothing = np.zeros((0, self.fingerprint.dim), np.float32)
        return np.stack([known[i] for i in passage_ids]) if passage_ids else nothing

    def search_dense(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        if vector.shape != (self.fingerprint.dim,):
            raise ValueError(vector.shape)
        scores = {
            passage.id: round(float(row.astype(np.float64) @ vector.astype(np.float64)), 6)
            for indexed in self._all()
            for passage, row in zip(indexed.passages, indexed.vectors, strict=True)
        }
        return self._top(scores, k)

    def search_words(self, words: Sequence[str], k: int) -> list[tuple[str, float]]:
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
        return self._top({i: round(score, 4) for i, score in scores.items()}, k)

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
