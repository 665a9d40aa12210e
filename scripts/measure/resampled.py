"""Stores of any size, resampled from what there is: no corpus here has a million passages.

A document is drawn from the articles of the reports and taken with its passages, sentences and offsets as reader and
splitter made them. Its vectors are moved, seeded: to each passage's, and to those of its sentences, the difference of
two other passages' vectors is added, times 0.5, and the length made 1 again, so that they spread as real ones do. Of a
passage's index words every fifth is replaced by one drawn from all. Texts stay as they are, signatures of sentences are
drawn (of texts that stand there hundreds of times every sentence would be "also in" hundreds of documents). The 240
paragraphs of XQuAD are in each store once, unchanged.
"""

import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rag.store import LocalStore, open_store, rows, signatures
from rag.store.database import advance, close_writer, transaction
from rag.store.opening import lock_for_writing, open_writer
from rag.types import Document, Embedder, IndexedDocument, Passage, Sentence, Vectors
from scripts.corpora import as_document, built, reports, xquad

MOVED, SWAPPED = 0.5, 0.2
_BANDS = tuple(f"b{band}" for band in range(signatures.BANDS))
_TOGETHER = 500  # documents written in one transaction


class Drawn:
    """Documents like those of `source`, as many as are asked for; the same for the same seed."""

    def __init__(self, source: Sequence[IndexedDocument], seed: int) -> None:
        self._source, self._draw = source, np.random.default_rng(seed)
        vectors = np.concatenate([one.vectors for one in source])
        pairs = self._draw.integers(len(vectors), size=(20_000, 2))
        self._moves = (MOVED * (vectors[pairs[:, 0]] - vectors[pairs[:, 1]])).astype(np.float32)
        self._words = np.array([word for one in source for words in one.words for word in words], dtype=object)
        self._homes = [
            np.array(
                [home[0] for home in rows.home_passages([(p.start, p.end) for p in one.passages], _spans(one))],
                dtype=np.int64,
            )
            for one in source
        ]

    def document(self, number: int) -> IndexedDocument:
        place = int(self._draw.integers(len(self._source)))
        one = self._source[place]
        path = f"made/{number // 1000:04d}/{number:07d}.txt"
        name = f"{number:016x}"
        moves = self._moves[self._draw.integers(len(self._moves), size=len(one.passages))]
        return IndexedDocument(
            document=_renamed(one.document, name, path),
            passages=tuple(
                Passage(f"{name}-{p.ordinal:04d}", name, p.ordinal, p.start, p.end, p.context) for p in one.passages
            ),
            sentences=tuple(Sentence(name, s.start, s.end) for s in one.sentences),
            vectors=_moved(one.vectors, moves),
            sentence_vectors=_moved(one.sentence_vectors, moves[self._homes[place]]),
            words=tuple(self._swapped(words) for words in one.words),
        )

    def _swapped(self, words: Sequence[str]) -> tuple[str, ...]:
        made = np.array(words, dtype=object)
        at = self._draw.random(len(made)) < SWAPPED
        made[at] = self._words[self._draw.integers(len(self._words), size=int(at.sum()))]
        return tuple(made)

    def signatures(self, count: int) -> list[list[int]]:
        found: list[list[int]] = self._draw.integers(2**32, size=(count, signatures.BANDS)).tolist()
        return found


def _spans(one: IndexedDocument) -> list[tuple[int, int]]:
    return [(sentence.start, sentence.end) for sentence in one.sentences]


def _renamed(one: Document, name: str, path: str) -> Document:
    return Document(name, path, one.title, one.date, one.text, one.sections, one.places, name, one.unit)


def _moved(vectors: Vectors, moves: Vectors) -> Vectors:
    made = vectors + moves
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def make(folder: Path, passages: int, source: Sequence[IndexedDocument], asked: LocalStore) -> None:
    """A store of `passages` in `folder`: those of `asked`, the rest drawn; what is there already stays. By the
    statements that every ingest writes with, but many documents in one transaction, nothing synced, and signatures and
    their indexes made at the end."""
    started = time.perf_counter()
    if not folder.exists():
        open_store(folder, asked.fingerprint, write=True).close()
    with unsigned():
        lock, db = lock_for_writing(folder), open_writer(folder, asked.fingerprint, rebuild=False)
        try:
            db.execute("PRAGMA synchronous=OFF")
            db.execute("PRAGMA journal_mode=MEMORY")
            for name in _BANDS:
                db.execute(f"DROP INDEX IF EXISTS signatures_{name}")
            done, number = rows.passage_count(db), rows.document_count(db)
            drawn = Drawn(source, seed=passages + number)
            real = [] if number else [one for path in asked.sources() for one in asked.stored(path)]
            while done < passages:
                with transaction(db):
                    for _ in range(_TOGETHER):
                        one = real.pop() if real else drawn.document(number)
                        rows.insert_document(db, 0, one)
                        number, done = number + 1, done + len(one.passages)
                    advance(db, removed=False)
                print(f"{done:,} passages", end="\r", file=sys.stderr, flush=True)
            signed(db, drawn)
            db.execute("PRAGMA journal_mode=WAL")
        finally:
            close_writer(folder, db)
            lock.release()
    print(f"{done:,} passages written in {time.perf_counter() - started:.0f} s", flush=True)
    (folder / "made").touch()


@contextmanager
def unsigned() -> Iterator[None]:
    """No signatures are made meanwhile."""
    usual = signatures.sign, signatures.complete
    signatures.sign = lambda db, document_id: None
    signatures.complete = lambda db: None
    try:
        yield
    finally:
        signatures.sign, signatures.complete = usual


def signed(db: sqlite3.Connection, drawn: Drawn) -> None:
    """Signatures of chance for the sentences that have none, and the indexes of all."""
    slots = ", ".join("?" * (1 + signatures.BANDS))
    first, last = (
        int(db.execute(f"SELECT coalesce(max({key}), 0) FROM {table}").fetchone()[0])
        for key, table in (("sentence", "signatures"), ("key", "sentences"))
    )
    for start in range(first + 1, last + 1, 50_000):
        keys = range(start, min(start + 50_000, last + 1))
        made = zip(keys, drawn.signatures(len(keys)), strict=True)
        with transaction(db):
            db.executemany(f"INSERT INTO signatures VALUES ({slots})", ((key, *bands) for key, bands in made))
    for name in _BANDS:
        db.execute(f"CREATE INDEX signatures_{name} ON signatures ({name})")


class Sources:
    """What the stores are made from, in stores of its own beside them."""

    def __init__(self, folder: Path, data: Path, embedder: Embedder) -> None:
        self._folder, self._data, self._embedder = folder, data, embedder

    def reports(self) -> list[IndexedDocument]:
        store = self._store("reports", (as_document(one) for one in reports(self._data)))
        with store:
            return [one for path in store.sources() for one in store.stored(path)]

    def asked(self) -> LocalStore:
        return self._store("xquad", (as_document(one) for one in xquad(self._data, "zh")))

    def _store(self, name: str, documents: Iterator[Document]) -> LocalStore:
        folder = self._folder / f"source-{name}"
        if not (folder / "made").exists():
            built(list(documents), self._embedder, folder).close()
            (folder / "made").touch()
        return open_store(folder, None)
