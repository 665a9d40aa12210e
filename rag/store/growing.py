"""The indexes of a large store, changed by little and little, so that a file more or less costs as much as the file.

Vectors that are new stand in a flat index beside the others, until they are a fiftieth of the store and are appended to
them; of those that are gone the keys are noted. From the index of words passages are deleted. When the store has
doubled, or a tenth of it was removed, all is made anew. Each time new files are written beside those in force, and what
did not change is shared with them.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.store import files, rows, sketch
from rag.store.database import read_settings
from rag.store.dense import DenseIndex, Keys
from rag.store.sketch import SketchedIndex, Sketches
from rag.store.words import WordIndex

ASIDE, STALE, DOUBLED = 1 / 50, 1 / 10, 2
"""Most that may stand beside the sketched vectors, and be removed, as shares of the store; and how many times as many
as the sketches were learned from. At a million passages 20,000 vectors beside take a millisecond of each question; to
append them takes seconds."""

_NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """Both indexes, and what index.json has to say of them."""

    dense: DenseIndex | SketchedIndex
    words: WordIndex
    sketched: int = 0
    learned: int = 0
    stale: int = 0


def load(folder: Path) -> SketchedIndex:
    """Raises OSError, ValueError; RuntimeError where FAISS cannot make sense of a file."""
    return SketchedIndex(
        sketch.load(folder / files.SKETCHES),
        DenseIndex.load(folder / files.VECTORS, mapped=True),
        DenseIndex.load(folder / files.TAIL),
        np.load(folder / files.REMOVED),
    )


def make(
    older: Path | None,
    db: sqlite3.Connection,
    folder: Path,
    state: files.IndexState | None,
    base: DenseIndex | SketchedIndex | None,
    *,
    final: bool = True,
) -> Made:
    """The files of both indexes in `folder`, for what is stored now; from those in `older`, which `state` describes and
    of which `base` is loaded, where there are any. Not `final`, however much stands beside. Raises OSError."""
    count = rows.passage_count(db)
    if older is None or state is None or base is None:
        words, stale = _new_words(db, folder), 0
        return Made(_new_dense(db, folder), words, rows.last_key(db), count)
    gone = _gone(db, base, state)
    stale = state.stale + len(gone)
    if final and stale > STALE * count:
        words, stale = _new_words(db, folder), 0
    else:
        files.link_or_copy(older / files.WORDS, folder / files.WORDS)
        words = WordIndex.load(folder / files.WORDS)
        words.add(rows.words(db, state.last_key), gone.tolist())
    if not isinstance(base, SketchedIndex):
        return Made(_new_dense(db, folder), words, rows.last_key(db), count, stale)
    removed = np.union1d(base.removed, gone[gone <= state.sketched])
    if final and (len(removed) > STALE * count or count > DOUBLED * state.learned):
        return Made(_new_dense(db, folder), words, rows.last_key(db), count, stale)
    beside = count + len(removed) - len(base.vectors)
    if final and beside > ASIDE * count:
        dense, sketched = _appended(db, older, folder, state.sketched, removed), rows.last_key(db)
    else:
        for name in (files.VECTORS, files.SKETCHES):
            files.link(older / name, folder / name)
        dense, sketched = _with_tail(db, folder, state.sketched, removed), state.sketched
    return Made(dense, words, sketched, state.learned, stale)


def _gone(db: sqlite3.Connection, base: DenseIndex | SketchedIndex, state: files.IndexState) -> Keys:
    """What `base` holds and the store no longer does, in order."""
    if read_settings(db).removed_at <= state.generation:
        return _NONE
    return np.setdiff1d(base.keys(), rows.keys(db))


def _new_words(db: sqlite3.Connection, folder: Path) -> WordIndex:
    words = WordIndex.create(folder / files.WORDS)
    words.add(rows.words(db, 0))
    return words


def _new_dense(db: sqlite3.Connection, folder: Path) -> SketchedIndex:
    dim, keys = _dim(db), rows.keys(db)
    spread = keys[:: max(len(keys) // sketch.TRAINED_ON, 1)]
    sketches, vectors = sketch.learned(rows.vectors_of_keys(db, spread, dim)), DenseIndex.create(dim)
    sketch.add(sketches, vectors, rows.vector_batches(db, 0, dim))
    return _saved(db, folder, sketches, vectors, _NONE)


def _appended(db: sqlite3.Connection, older: Path, folder: Path, sketched: int, removed: Keys) -> SketchedIndex:
    """All vectors in memory for the while: 0.9 GB for a million of 384 numbers."""
    sketches, vectors = sketch.load(older / files.SKETCHES), DenseIndex.load(older / files.VECTORS)
    sketch.add(sketches, vectors, rows.vector_batches(db, sketched, _dim(db)))
    return _saved(db, folder, sketches, vectors, removed)


def _saved(
    db: sqlite3.Connection, folder: Path, sketches: Sketches, vectors: DenseIndex, removed: Keys
) -> SketchedIndex:
    sketch.save(sketches, folder / files.SKETCHES)
    vectors.save(folder / files.VECTORS)
    return _with_tail(db, folder, rows.last_key(db), removed)


def _with_tail(db: sqlite3.Connection, folder: Path, sketched: int, removed: Keys) -> SketchedIndex:
    tail = DenseIndex.create(_dim(db))
    tail.add(rows.vector_batches(db, sketched, _dim(db)))
    tail.save(folder / files.TAIL)
    np.save(folder / files.REMOVED, removed)
    return load(folder)


def _dim(db: sqlite3.Connection) -> int:
    return read_settings(db).fingerprint.dim
