"""A store in Milvus: documents, passages, sentences and vectors there, the index of words derived from it here."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from rag.errors import StoreError, StoreGoneError
from rag.store.check import check_indexed
from rag.store.milvus import log, rows, runs
from rag.store.milvus.connection import Connection, Level, Row
from rag.store.milvus.log import State, Stored
from rag.store.milvus.passages import Passages
from rag.store.milvus.schema import SENTENCES
from rag.store.milvus.search import DenseSearch
from rag.store.milvus.selection import Selection, select
from rag.store.milvus.signatures import Signatures
from rag.store.rows import digest, unit
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

if TYPE_CHECKING:
    from rag.store.milvus.writer import Writer
    from rag.store.words import WordIndex

_POLLED_EVERY = 1.0  # seconds between two looks for a refresh
_SETTLED_AFTER = 10.0  # seconds; a search that may be 5 s behind then surely sees the generation it answers from
_OLD = 60.0  # seconds since a change, by the clocks of two machines: surely settled


class MilvusStore:
    """See `rag.types.Store` for what each method promises. Safe to share between threads. Made by `open_milvus`.

    A reader holds the generation that it was opened at, and moves on when a writer has refreshed: within about five
    seconds. A writer sees its own changes at once.
    """

    def __init__(self, connection: Connection, state: State, writer: "Writer | None") -> None:
        self._connection = connection
        self._state = state
        self._writer = writer
        self._lock = RLock()
        self._pins = 0
        self._polled = self._moved = time.monotonic()
        self._passages = Passages(connection)
        self._words: WordIndex | None = None  # made at the first search
        self._in_words: frozenset[int] = frozenset()  # the documents that it holds
        self._signatures = Signatures(self._rows)
        self._selected: tuple[State, Filter, Selection] | None = None

    @property
    def path(self) -> str:
        return str(self._connection.address)

    @property
    def fingerprint(self) -> Fingerprint:
        return self._state.fingerprint

    @property
    def identity(self) -> str:
        return self._state.identity

    @property
    def generation(self) -> int:
        return self._state.generation

    def add(self, path: str, documents: Sequence[IndexedDocument]) -> None:
        check_indexed(path, documents, self.fingerprint.dim)
        with self._lock:
            self._state = self._require_writer().replace(self._state, path, documents)

    def remove(self, path: str) -> int:
        with self._lock:
            before = len(self._state.documents)
            self._state = self._require_writer().replace(self._state, path, ())
            return before - len(self._state.documents)

    def keep(self, texts: Sequence[str], vectors: Vectors) -> None:
        self._require_writer().keep(texts, vectors)

    def kept(self, texts: Sequence[str], *, exact: bool) -> dict[str, Vectors]:
        """As `rag.types.Store` says."""
        found: dict[str, Vectors] = {}
        with self._lock:
            by_digest = {digest(text): text for text in texts}
            wanted = {rows.short(one): one.hex() for one in by_digest}
            fields = ["key", "digest", "vector"]
            kept = self._connection.by_keys(self._name("kept"), list(wanted), fields, self._level, perhaps=True)
            for key, row in kept.items():
                if row["digest"] == wanted[key]:
                    found[row["digest"]] = rows.kept_vector(row)
            for collection in ("passages",) if exact else ("passages", "sentences"):
                missing = [short for short, full in wanted.items() if full not in found]
                found.update(self._stored_vectors(collection, missing, wanted) if self._state.documents else {})
        return {text: found[one.hex()] for one, text in by_digest.items() if one.hex() in found}

    def _stored_vectors(self, collection: str, shorts: Sequence[int], wanted: dict[int, str]) -> dict[str, Vectors]:
        name = self._passages.name(self._state) if collection == "passages" else self._name(collection)
        fields = ["key", "document", "embedded", "digest", "vector"]
        found: dict[str, Vectors] = {}
        for start in range(0, len(shorts), 1000):
            condition = f"embedded in {list(shorts[start : start + 1000])}"
            for row in self._connection.query(name, condition, fields, self._level):
                if row["document"] in self._state.documents and row["digest"] == wanted[row["embedded"]]:
                    found[row["digest"]] = (
                        np.array(row["vector"], dtype=np.float32)
                        if collection == "passages"
                        else rows.half_vectors([row], self.fingerprint.dim)[0]
                    )
        return found

    def forget(self) -> None:
        self._require_writer().forget()

    def refresh(self) -> None:
        with self._lock:
            self._state = self._require_writer().refresh(self._state)

    def begin_run(self, asked: Sequence[str]) -> int:
        with self._lock:
            return self._require_writer().begin_run(asked)

    def end_run(
        self, number: int, ending: Ending, counts: Mapping[str, int], passages: int, failed: Sequence[Failure]
    ) -> None:
        with self._lock:
            self._require_writer().end_run(number, ending, counts, passages, failed)

    def runs(self) -> list[Run]:
        return runs.runs(runs.read_rows(self._connection))

    def sources(self) -> dict[str, str]:
        with self._access() as state:
            return {path: state.documents[keys[0]].row["sha256"] for path, keys in sorted(state.by_path.items())}

    def documents(self) -> list[DocumentSummary]:
        with self._access() as state:
            return [state.documents[key].summary() for _, keys in sorted(state.by_path.items()) for key in keys]

    def document(self, document_id: str) -> Document | None:
        with self._access() as state:
            key = state.by_id.get(document_id)
            return None if key is None else self._document(state.documents[key])

    def stored(self, path: str) -> list[IndexedDocument]:
        with self._access() as state:
            return [self.indexed(state.documents[key]) for key in state.by_path.get(path, ())]

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        with self._access() as state:
            found = self._passages.by_id(state, passage_ids, self._level)
            return [found[one].passage for one in passage_ids if one in found]

    def sentences(self, passage_ids: Sequence[str]) -> list[tuple[list[Sentence], Vectors]]:
        with self._access() as state:
            found = self._passages.by_id(state, passage_ids, self._level)
            wanted = [key for one in found.values() for key in one.sentences]
            by_key = self._rows("sentences", wanted, ["key", "start", "end", "vector"])
            answer: list[tuple[list[Sentence], Vectors]] = []
            for one in passage_ids:
                own = [by_key[key] for key in found[one].sentences] if one in found else []
                document = found[one].passage.document_id if one in found else ""
                spans = [Sentence(document, row["start"], row["end"]) for row in own]
                answer.append((spans, unit(rows.half_vectors(own, state.fingerprint.dim))))
            return answer

    def passage_vectors(self, passage_ids: Sequence[str]) -> Vectors:
        with self._access() as state:
            found = self._passages.by_id(state, passage_ids, self._level)
            vectors = [found[one].vector for one in passage_ids]
            return np.stack(vectors) if vectors else np.zeros((0, state.fingerprint.dim), np.float32)

    def alike(self, text: str) -> list[Sentence]:
        with self._access() as state:
            return self._signatures.alike(state, text)

    def copies(self) -> dict[tuple[str, str], int]:
        with self._access() as state:
            return self._signatures.copies(state)

    def passage_count(self) -> int:
        with self._access() as state:
            return state.passages

    def document_count(self) -> int:
        with self._access() as state:
            return len(state.documents)

    def search_dense(self, vector: Vectors, k: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        question = np.ascontiguousarray(vector, dtype=np.float32)
        if question.shape != (self.fingerprint.dim,) or not np.isfinite(question).all():
            raise ValueError(f"a question's vector is {self.fingerprint.dim} finite numbers, not {question.shape}")
        with self._access() as state:
            search = DenseSearch(self._connection, self._passages, state, question, self._search_level, self._level)
            return search.nearest(k, self._selection(state, filters))

    def search_words(self, words: Sequence[str], k: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        with self._access() as state:
            index, among = self._current_words(state), self._selection(state, filters)
            k = min(k, among.passages)
            if k <= 0 or not words:
                return []
            best = index.best(words, k, None if filters is None else among.passage_keys())
            found = self._passages.by_key(state, [key for key, _ in best], self._level)
            scores = dict(best)
            return sorted(((one.passage.id, scores[one.key]) for one in found), key=lambda hit: (-hit[1], hit[0]))[:k]

    def word_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        with self._access() as state:
            index = self._current_words(state)
            return {word: index.frequency(word) for word in words}

    def verify(self) -> Iterator[str]:
        from rag.store.milvus.verify import faults

        with self._access() as state:
            yield from faults(self, state, self._current_words(state))

    @contextmanager
    def pinned(self) -> Iterator[None]:
        with self._access():
            self._pins += 1
        try:
            yield
        finally:
            with self._lock:
                self._pins -= 1

    def close(self) -> None:
        """Let go of the connection and of the writer's claim. Closing twice does no harm."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _level(self) -> Level:
        """Of reads by key: what they do not see yet is noticed, and looked for again."""
        return "Session" if self._writer is not None else "Bounded"

    @property
    def _search_level(self) -> Level:
        """Of searches, which cannot notice. "Bounded" sees what is older than 5 s, without waiting."""
        settled = time.monotonic() - self._moved > _SETTLED_AFTER or time.time() - self._state.time / 1000 > _OLD
        return "Session" if self._writer is not None else "Bounded" if settled else "Strong"

    def _name(self, collection: str) -> str:
        return f"{self._connection.address.name}_{collection}"

    def _require_writer(self) -> "Writer":
        if self._writer is None:
            raise StoreError(detail=f"{self.path}: the store was opened for reading; open it with write=True.")
        return self._writer

    @contextmanager
    def _access(self) -> Iterator[State]:
        with self._lock:
            if self._writer is None and not self._pins and time.monotonic() - self._polled > _POLLED_EVERY:
                moved = log.follow(self._connection, self._state)
                self._polled = time.monotonic()
                if moved is not None:
                    self._state, self._moved = moved, self._polled
            yield self._state

    def _rows(self, collection: str, keys: Sequence[int], fields: Sequence[str]) -> dict[int, Row]:
        """key -> row. Raises StoreGoneError where one is gone: removed longer ago than readers are waited for."""
        found = self._connection.by_keys(self._name(collection), keys, fields, self._level)
        if len(found) < len(set(keys)):
            raise StoreGoneError(path=self.path, what_en="a document", what_zh="有文档")
        return found

    def _document(self, stored: Stored) -> Document:
        texts = self._rows("texts", stored.keys("text"), ["key", "field", "text"])
        return rows.document_of(stored, [texts[key] for key in stored.keys("text")])

    def indexed(self, stored: Stored) -> IndexedDocument:
        document, dim = self._document(stored), self.fingerprint.dim
        found = self._passages.by_key(self._state, stored.keys("passage"), self._level, words=True)
        sentences = self._rows("sentences", stored.keys("sentence"), list(SENTENCES))
        in_order = [sentences[key] for key in stored.keys("sentence")]
        digests = [*(one.digest for one in found), *(str(row["digest"]) for row in in_order)]
        nothing = np.zeros((0, dim), np.float32)
        return IndexedDocument(
            document=document,
            passages=tuple(one.passage for one in found),
            sentences=tuple(Sentence(document.id, row["start"], row["end"]) for row in in_order),
            vectors=np.stack([one.vector for one in found]) if found else nothing,
            sentence_vectors=rows.half_vectors(in_order, dim),
            words=tuple(tuple(one.words.split(" ")) if one.words else () for one in found),
            embedded=tuple(bytes.fromhex(one) for one in digests) if all(digests) else (),
        )

    def _selection(self, state: State, filters: Filter | None) -> Selection:
        """The documents that `filters` leave, kept from one search of a question to the next."""
        if filters is None:
            return select(state, None)
        if self._selected is None or self._selected[:2] != (state, filters):
            self._selected = state, filters, select(state, filters)
        return self._selected[2]

    def _current_words(self, state: State) -> "WordIndex":
        """Passages only come to an index; where one is to go, it is made anew (`rag.store.words` says why)."""
        from rag.store.words import WordIndex

        now = frozenset(state.documents)
        if self._words is None or not self._in_words <= now:
            self._words, self._in_words = WordIndex.create(None), frozenset()
        if new := sorted(now - self._in_words):
            keys = [key for one in new for key in state.documents[one].keys("passage")]
            self._words.add(self._passages.words(state, keys))
            self._in_words = now
        return self._words
