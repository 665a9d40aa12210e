"""The two search indexes, derived from the truth: loaded where they match it, else made again.

What index.json names is complete and never changes, so a crash, a full disk or a reader at the wrong moment at worst
find it missing, damaged or old. Then a reader makes its own in memory and the writer makes new files.
"""

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from rag.store import files, rows
from rag.store.database import StoreSettings, read_settings
from rag.store.dense import DenseIndex
from rag.store.words import WordIndex


@dataclass(frozen=True, slots=True, eq=False)
class Indexes:
    """Both indexes of one generation; their keys are passage keys."""

    generation: int
    dense: DenseIndex
    words: WordIndex

    def close(self) -> None:
        self.words.close()


def load(store: Path, settings: StoreSettings) -> Indexes | None:
    """The derived files of exactly this store and generation; None where they are missing, damaged or of another."""
    state = files.state_of(store, settings.identity, settings.generation)
    return _load(store, state) if state is not None else None


def _load(store: Path, state: files.IndexState) -> Indexes | None:
    folder = store / state.folder
    try:
        dense = DenseIndex.load(folder / files.VECTORS)
        return Indexes(state.generation, dense, WordIndex.load(folder / files.WORDS))
    except (OSError, ValueError, RuntimeError):  # replaced since, or written by another version of the library
        return None


def build(db: sqlite3.Connection) -> Indexes:
    """Both indexes in memory, from the truth alone: about five seconds for 75,000 passages."""
    settings = read_settings(db)
    dense, words = DenseIndex.create(settings.fingerprint.dim), WordIndex.create(None)
    _fill(db, dense, words, after=0)
    return Indexes(settings.generation, dense, words)


def write(store: Path, db: sqlite3.Connection) -> Indexes:
    """Make the derived files of the committed generation and put them in force, in one step at the end. Raises OSError.

    Where passages were only added since, they are added to a copy of the index; where one was removed, the index is
    made anew (`rag.store.words` says why).
    """
    settings = read_settings(db)
    folder = files.new_index_folder(store, settings.generation)
    try:
        state = files.read_state(store)
        base = _base(store, state, settings)
        if state is not None and base is not None:
            files.link_or_copy(store / state.folder / files.WORDS, folder / files.WORDS)
            dense, words, after = base.dense, WordIndex.load(folder / files.WORDS), state.last_key
            base.close()
        else:
            dense, words, after = DenseIndex.create(settings.fingerprint.dim), WordIndex.create(folder / files.WORDS), 0
        _fill(db, dense, words, after)
        dense.save(folder / files.VECTORS)
        files.write_state(
            store,
            files.IndexState(
                format=files.INDEX_FORMAT,
                identity=settings.identity,
                generation=settings.generation,
                last_key=rows.last_key(db),
                folder=folder.name,
                checksums=files.checksums(folder),
            ),
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Indexes(settings.generation, dense, words)


def _base(store: Path, state: files.IndexState | None, settings: StoreSettings) -> Indexes | None:
    """An older index that lacks nothing but the newest passages."""
    if state is None or state.identity != settings.identity:
        return None
    if not settings.removed_at <= state.generation <= settings.generation:
        return None
    return _load(store, state) if state.intact(store) else None


def _fill(db: sqlite3.Connection, dense: DenseIndex, words: WordIndex, after: int) -> None:
    dense.add(rows.vector_batches(db, after, read_settings(db).fingerprint.dim))
    words.add(rows.words(db, after))
