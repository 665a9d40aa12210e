"""A store in a folder on this machine: SQLite holds the truth, FAISS and Tantivy are derived from it."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, RLock, local
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from rag.errors import StoreError, StoreMissingError
from rag.store import database, files, rows, runs, signatures
from rag.store.check import check_indexed
from rag.store.opening import lock_for_writing, open_reader, open_writer, settings_of
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
    import filelock

    from rag.store.dense import Keys
    from rag.store.derived import Indexes


_PATIENCE = 2.0
"""Seconds that a question waits for those before it to end, so that the next state is seen where they never pause."""


class _Own(local):
    """Of one thread."""

    pins = 0


def open_local(folder: Path, fingerprint: Fingerprint | None, *, write: bool, rebuild: bool) -> "LocalStore":
    """See `rag.store.open_store`, of which this is the part for a folder."""
    if not write:
        stamp = files.state_stamp(folder)  # before the database: a refresh in between then shows at the first search
        return LocalStore(folder, open_reader(folder, fingerprint), stamp=stamp)
    if fingerprint is None and not (folder / files.DATABASE).exists():
        raise StoreMissingError(path=folder)
    lock = lock_for_writing(folder)
    try:
        store = LocalStore(folder, open_writer(folder, fingerprint, rebuild), lock=lock)
    except BaseException:
        lock.release()
        raise
    try:
        if not rebuild:
            store.refresh()
    except BaseException:
        store.close()
        raise
    return store


class LocalStore:
    """See `rag.types.Store` for what each method promises. Safe to share between threads. Made by `open_local`.

    A reader holds the state it was opened at, and moves on, before a search, when a writer has refreshed the indexes.
    A writer sees its own changes at once; a search between `add` and `refresh` refreshes first.
    """

    def __init__(
        self,
        folder: Path,
        db: sqlite3.Connection,
        *,
        lock: "filelock.BaseFileLock | None" = None,
        stamp: tuple[int, int] | None = None,
    ) -> None:
        self.path = folder
        self._db = db
        self._writer_lock = lock
        self._lock = RLock()
        self._indexes: Indexes | None = None  # loaded at the first search: listing documents needs none
        self._stamp = stamp
        self._pins, self._own = 0, _Own()
        self._unpinned = Condition(self._lock)
        self._documents: tuple[int, int] | None = None  # generation, how many
        self._selected: tuple[tuple[str, int, Filter], Keys] | None = None
        self._settings = settings_of(folder, db)

    @property
    def fingerprint(self) -> Fingerprint:
        return self._settings.fingerprint

    @property
    def identity(self) -> str:
        return self._settings.identity

    @property
    def generation(self) -> int:
        return self._settings.generation

    def add(self, path: str, documents: Sequence[IndexedDocument]) -> None:
        check_indexed(path, documents, self.fingerprint.dim)
        with self._change():
            removed = rows.delete_path(self._db, path)
            for place, indexed in enumerate(documents):
                try:
                    rows.insert_document(self._db, place, indexed)
                except sqlite3.IntegrityError as error:
                    raise ValueError(f"{path}: document {indexed.document.id}: {error}") from error
            if removed or documents:
                database.advance(self._db, removed=removed > 0)

    def remove(self, path: str) -> int:
        with self._change():
            removed = rows.delete_path(self._db, path)
            if removed:
                database.advance(self._db, removed=True)
            return removed

    def keep(self, texts: Sequence[str], vectors: Vectors) -> None:
        self._require_writer()
        with self._access(), database.transaction(self._db):
            rows.keep(self._db, texts, vectors)

    def kept(self, texts: Sequence[str], *, exact: bool) -> dict[str, Vectors]:
        with self._access():
            return rows.kept(self._db, texts, self.fingerprint.dim, exact=exact)

    def forget(self) -> None:
        self._require_writer()
        with self._access(), database.transaction(self._db):
            rows.forget(self._db)

    def begin_run(self, asked: Sequence[str]) -> int:
        self._require_writer()
        with self._access(), database.transaction(self._db):
            return runs.begin(self._db, asked)

    def end_run(
        self, number: int, ending: Ending, counts: Mapping[str, int], passages: int, failed: Sequence[Failure]
    ) -> None:
        self._require_writer()
        with self._access(), database.transaction(self._db):
            runs.end(self._db, number, ending, counts, passages, failed)

    def runs(self) -> list[Run]:
        with self._access():
            return runs.runs(self._db)

    def refresh(self) -> None:
        self._require_writer()
        with self._access():
            state = files.state_of(self.path, self._settings.identity, self.generation)
            if state is None or (not state.sketched and rows.passage_count(self._db) >= files.LARGE):
                from rag.store import derived

                self._replace_indexes(None)
                self._replace_indexes(derived.write(self.path, self._db))

    def sources(self) -> dict[str, str]:
        with self._access():
            return rows.sources(self._db)

    def documents(self) -> list[DocumentSummary]:
        with self._access():
            return rows.summaries(self._db)

    def document(self, document_id: str) -> Document | None:
        with self._access():
            return rows.document(self._db, document_id)

    def stored(self, path: str) -> list[IndexedDocument]:
        with self._access():
            return rows.indexed_documents(self._db, path, self.fingerprint.dim)

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        with self._access():
            return rows.passages(self._db, passage_ids)

    def sentences(self, passage_ids: Sequence[str]) -> list[tuple[list[Sentence], Vectors]]:
        with self._access():
            return rows.sentences(self._db, passage_ids, self.fingerprint.dim)

    def passage_vectors(self, passage_ids: Sequence[str]) -> Vectors:
        with self._access():
            return rows.passage_vectors(self._db, passage_ids, self.fingerprint.dim)

    def alike(self, text: str) -> list[Sentence]:
        with self._access():
            return signatures.alike(self._db, text)

    def copies(self) -> dict[tuple[str, str], int]:
        with self._access():
            return signatures.copies(self._db)

    def passage_count(self) -> int:
        with self._access():
            if self._indexes is not None and self._indexes.generation == self.generation:
                return len(self._indexes.dense)  # as many, and counted already
            return rows.passage_count(self._db)

    def document_count(self) -> int:
        with self._access():
            if self._documents is None or self._documents[0] != self.generation:
                self._documents = self.generation, rows.document_count(self._db)
            return self._documents[1]

    def search_dense(self, vector: Vectors, k: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        from rag.store import search

        question = np.ascontiguousarray(vector, dtype=np.float32)
        if question.shape != (self.fingerprint.dim,) or not np.isfinite(question).all():
            raise ValueError(f"a question's vector is {self.fingerprint.dim} finite numbers, not {question.shape}")
        with self._access():
            indexes = self._current_indexes()  # first: it may change the database
            return search.nearest(self._db, indexes.dense, question, k, self._matching(filters))

    def search_words(self, words: Sequence[str], k: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        from rag.store import search

        with self._access():
            indexes = self._current_indexes()
            return search.best(self._db, indexes.words, words, k, self._matching(filters))

    def word_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        with self._access():
            index = self._current_indexes().words
            return {word: index.frequency(word) for word in words}

    def verify(self) -> Iterator[str]:
        from rag.store.verify import faults

        with self._access():
            self._follow()
            yield from faults(self.path, self._db)

    def has_indexes(self) -> bool:
        """Whether search indexes lie on the disk, of whatever generation. Beside a restored copy there are none until a
        writer opens it: each reader makes its own."""
        return files.state_stamp(self.path) is not None

    def backup(self, target: Path) -> None:
        """Write the truth, as it is in one generation, to the file `target`, in place of what was there; others may
        read and write the store meanwhile. As `store.sqlite` in a folder of its own it is a store again.

        Raises StoreFullError, StoreError.
        """
        with self._lock:
            self._follow()
            database.backup(self._db, target)

    @contextmanager
    def pinned(self) -> Iterator[None]:
        with self._access():
            if not self._own.pins:
                self._unpinned.wait_for(lambda: not (self._pins and self._is_behind()), _PATIENCE)
            self._follow()
            self._pins += 1
            self._own.pins += 1
        try:
            yield
        finally:
            with self._lock:
                self._pins -= 1
                self._own.pins -= 1
                self._unpinned.notify_all()

    def close(self) -> None:
        """Let go of the files and the writer's lock. Closing twice does no harm."""
        with self._lock:
            self._replace_indexes(None)
            if self._writer_lock is None:
                self._db.close()
            elif self._writer_lock.is_locked:
                database.close_writer(self.path, self._db)
                self._writer_lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _access(self) -> Iterator[None]:
        with self._lock, database.errors_of(self.path):
            yield

    @contextmanager
    def _change(self) -> Iterator[None]:
        self._require_writer()
        with self._access():
            with database.transaction(self._db):
                yield
            self._settings = settings_of(self.path, self._db)

    def _require_writer(self) -> None:
        if self._writer_lock is None:
            raise StoreError(detail=f"{self.path}: the store was opened for reading; open it with write=True.")

    def _current_indexes(self) -> "Indexes":
        from rag.store import derived

        if self._writer_lock is None:
            self._follow()
        elif self._indexes is None or self._indexes.generation != self.generation:
            self.refresh()
        if self._indexes is None or self._indexes.generation != self.generation:
            self._replace_indexes(derived.load(self.path, self._settings) or derived.build(self.path, self._db))
        assert self._indexes is not None
        return self._indexes

    def _matching(self, filters: Filter | None) -> "Keys | None":
        """The keys of the passages that `filters` leave, kept from one search of a question to the next; None for
        all."""
        from rag.store import selection

        if filters is None:
            return None
        wanted = (self.identity, self.generation, filters)
        if self._selected is None or self._selected[0] != wanted:
            self._selected = wanted, selection.matching(self._db, filters)
        return self._selected[1]

    def _replace_indexes(self, indexes: "Indexes | None") -> None:
        if self._indexes is not None:
            self._indexes.close()
        self._indexes = indexes

    def _is_behind(self) -> bool:
        """Whether a writer has refreshed the indexes since this reader moved."""
        return self._writer_lock is None and files.state_stamp(self.path) not in (None, self._stamp)

    def _follow(self) -> None:
        """Move a reader to the state the indexes were last refreshed to, unless it is pinned or there already."""
        stamp = files.state_stamp(self.path)  # taken first: a refresh from here on shows at the next call
        if self._writer_lock is not None or self._pins or stamp is None or stamp == self._stamp:
            return
        from rag.store import derived

        db = open_reader(self.path, self.fingerprint)
        settings = settings_of(self.path, db)
        indexes = derived.load(self.path, settings)
        if indexes is None and self._indexes is not None:  # a writer is past it again: wait for its next refresh
            db.close()
        else:
            self._db.close()
            self._db, self._settings = db, settings
            self._replace_indexes(indexes)
        self._stamp = stamp
