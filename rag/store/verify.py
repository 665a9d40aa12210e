"""The whole store against itself: the truth against its own rules, the derived indexes against the truth."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from rag.store import files, rows, signatures
from rag.store.bm25 import bm25
from rag.store.check import length_faults, span_faults
from rag.store.database import StoreSettings, read_settings
from rag.store.derived import Indexes, load
from rag.store.words import WordIndex
from rag.text import idf

WordRows = list[tuple[int, str]]
"""(key, index words joined by blanks) of every passage."""

_SAMPLES = 8  # questions put to each index
_TOP = 10  # hits compared for each
_QUESTION_WORDS = 8
_SCORE_TOLERANCE = 1e-3  # relative: Tantivy computes in float32 and rounds


def faults(store: Path, db: sqlite3.Connection) -> Iterator[str]:
    """One line for each thing that is wrong."""
    try:
        damage = [row[0] for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
    except sqlite3.DatabaseError as error:
        damage = [str(error)]
    if damage:  # nothing read from it can be trusted
        yield from (f"database: {line}" for line in damage)
        return
    for table, row, parent, _ in db.execute("PRAGMA foreign_key_check"):
        yield f"database: row {row} of {table} belongs to no row of {parent}"
    settings = read_settings(db)
    for (document_id,) in db.execute("SELECT id FROM documents ORDER BY path, place").fetchall():
        yield from (f"document {document_id}: {fault}" for fault in _document_faults(db, document_id, settings))
    if count := signatures.missing(db):
        yield f'signatures: {count} sentences have none, so no "also in" names them; the next rag ingest mends it'
    yield from _index_faults(store, db, settings)


def _document_faults(db: sqlite3.Connection, document_id: str, settings: StoreSettings) -> Iterator[str]:
    document = rows.document(db, document_id)
    assert document is not None
    characters, digest = db.execute(
        "SELECT characters, text_sha256 FROM documents WHERE id = ?", (document_id,)
    ).fetchone()
    if (characters, digest) != (len(document.text), rows.text_sha256(document.text)):
        yield "its text is not the one that was stored"
    keys = db.execute("SELECT id FROM passages WHERE document = ? ORDER BY ordinal", (document_id,)).fetchall()
    passages = rows.passages(db, [row[0] for row in keys])
    yield from _vector_faults(db, document_id, settings.fingerprint.dim)
    try:
        per_passage = rows.sentences(db, [passage.id for passage in passages], settings.fingerprint.dim)
    except sqlite3.DatabaseError:
        return  # sentence vectors of a wrong size, reported above
    for passage, (sentences, _) in zip(passages, per_passage, strict=True):
        for sentence in sentences:
            if not passage.start <= sentence.start < sentence.end <= passage.end:
                yield f"sentence {sentence.start}-{sentence.end} lies outside its passage {passage.id}"
    yield from span_faults(document, passages, [s for sentences, _ in per_passage for s in sentences])


def _vector_faults(db: sqlite3.Connection, document_id: str, dim: int) -> Iterator[str]:
    for name, kind, query in (
        ("passage", rows.FLOAT32, "SELECT id, vector FROM passages WHERE document = ? ORDER BY ordinal"),
        (
            "sentence",
            rows.FLOAT16,
            """SELECT sentences.key, sentences.vector FROM sentences JOIN passages ON passages.key = passage
               WHERE document = ? ORDER BY sentences.key""",
        ),
    ):
        found = db.execute(query, (document_id,)).fetchall()
        try:
            vectors = rows.vectors_of([row[1] for row in found], kind, dim)
        except sqlite3.DatabaseError as error:
            yield f"{name}s: {error}"
            continue
        yield from (f"the vector of {name} {found[i][0]} {fault}" for i, fault in length_faults(vectors))


def _index_faults(store: Path, db: sqlite3.Connection, settings: StoreSettings) -> Iterator[str]:
    if files.state_stamp(store) is None:  # a restored copy: nothing is derived yet, so nothing can be wrong with it
        return
    state = files.read_state(store)
    if state is None or state.identity != settings.identity:
        yield "index: unreadable or of another store; searches make their own, and the next rag ingest mends it"
        return
    if state.generation != settings.generation:
        yield (
            f"index: of generation {state.generation}, the documents are at {settings.generation}; an ingest is under "
            "way or was interrupted; searches make their own index, and the next rag ingest mends it"
        )
        return
    indexes = load(store, settings) if state.intact(store, thorough=True) else None
    if indexes is None:
        yield "index: its files are damaged; searches make their own, and the next rag ingest mends it"
        return
    try:
        keys = [row[0] for row in db.execute("SELECT key FROM passages ORDER BY key")]
        if sorted(indexes.dense.keys().tolist()) != keys or sorted(indexes.words.keys()) != keys:
            yield "index: does not hold the passages that are stored"
        elif keys:
            with suppress(sqlite3.DatabaseError):  # a stored vector of a wrong size, reported above
                yield from _dense_faults(db, indexes, settings.fingerprint.dim, keys)
            yield from word_faults(indexes.words, list(rows.words(db, 0)), state.stale)
    finally:
        indexes.close()


def sample(keys: list[int]) -> list[int]:
    """Keys spread evenly over all, the same on every run."""
    return keys[:: max(len(keys) // _SAMPLES, 1)][:_SAMPLES]


def _dense_faults(db: sqlite3.Connection, indexes: Indexes, dim: int, keys: list[int]) -> Iterator[str]:
    """Stored vectors as questions: no passage that is not proposed may lie nearer than the index's own bound."""
    sampled = sample(keys)
    _, questions = rows.vectors(db, sampled, dim)
    count = min(_TOP, len(keys))
    everything = np.array(keys, dtype=np.int64)  # named one by one, so that in a large store all are looked at
    proposed = [indexes.dense.nearest(question, count, everything) for question in questions]
    others = np.full(len(sampled), -np.inf)
    for batch_keys, vectors in rows.vector_batches(db, 0, dim):
        scores = questions @ vectors.T
        for row, (own, _, _) in zip(scores, proposed, strict=True):
            row[np.isin(batch_keys, own)] = -np.inf
        others = np.maximum(others, scores.max(axis=1))
    for key, (_, _, bound), nearest in zip(sampled, proposed, others, strict=True):
        if nearest > bound:
            yield f"index: the search by meaning misses neighbours of passage {key}"


def word_faults(index: WordIndex, stored: WordRows, stale: int = 0) -> Iterator[str]:
    """Stored passages' words as questions: frequencies and scores as computed from the stored words alone. Where it
    still counts up to `stale` deleted passages, frequencies may be greater by so many, and scores are not compared."""
    sampled = set(sample([key for key, _ in stored]))
    questions = {key: list(dict.fromkeys(_split(w)))[:_QUESTION_WORDS] for key, w in stored if key in sampled}
    asked = {word for question in questions.values() for word in question}
    frequency: Counter[str] = Counter()
    total = 0
    for _, words in stored:
        total += len(_split(words))
        frequency.update(asked.intersection(_split(words)))
    for word in sorted(asked):
        if not frequency[word] <= index.frequency(word) <= frequency[word] + stale:
            yield f"index: {word} is counted in {index.frequency(word)} passages, not {frequency[word]}"
    if stale:
        return
    weights = {word: idf(len(stored), frequency[word]) for word in asked}
    scores: dict[int, dict[int, float]] = {key: {} for key in questions}
    for key, words in stored:
        passage = _split(words)
        for asker, question in questions.items():
            score = bm25(question, passage, total / len(stored), weights)
            if score:
                scores[asker][key] = score
    for asker, question in questions.items():
        exact = sorted(scores[asker].values(), reverse=True)[:_TOP]
        hits = index.best(question, _TOP) if question else []
        by_score = sorted((score for _, score in hits), reverse=True)[: len(exact)]
        if len(hits) < len(exact) or not np.allclose(by_score, exact, rtol=_SCORE_TOLERANCE, atol=1e-3):
            yield f"index: the search by words scores passages otherwise than BM25 does (words of passage {asker})"


def _split(words: str) -> list[str]:
    return words.split(" ") if words else []
