"""The two search indexes, derived from the truth: loaded where they match it, else made again.

What index.json names is complete and never changes, so a crash, a full disk or a reader at the wrong moment at worst
find it missing, damaged or old. Then a reader makes its own in memory and the writer makes new files.

The index of a small store depends on its passages alone, not on what came before. To make that of a large store takes
minutes, so it is changed by little and little (`rag.store.growing`).
"""

import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rag.store import files, growing, rows
from rag.store.database import StoreSettings, read_settings
from rag.store.dense import DenseIndex
from rag.store.growing import Made
from rag.store.sketch import SketchedIndex
from rag.store.words import WordIndex


@dataclass(frozen=True, slots=True, eq=False)
class Indexes:
    """Both indexes of one generation; their keys are passage keys."""

    generation: int
    dense: DenseIndex | SketchedIndex
    words: WordIndex
    private: "tempfile.TemporaryDirectory[str] | None" = None  # their files, where they are this process's own

    def close(self) -> None:
        self.words.close()
        if self.private is not None:
            self.private.cleanup()


def load(store: Path, settings: StoreSettings) -> Indexes | None:
    """The derived files of exactly this store and generation; None where they are missing, damaged or of another."""
    state = files.state_of(store, settings.identity, settings.generation)
    return _load(store, state) if state is not None else None


def _load(store: Path, state: files.IndexState) -> Indexes | None:
    folder = store / state.folder
    try:
        dense = growing.load(folder) if state.sketched else DenseIndex.load(folder / files.VECTORS)
        return Indexes(state.generation, dense, WordIndex.load(folder / files.WORDS))
    except (OSError, ValueError, RuntimeError):  # replaced since, or written by another version of the library
        return None


def build(store: Path, db: sqlite3.Connection) -> Indexes:
    """Both indexes for this process alone: of a large store from the files of an older generation and what is new;
    else from the truth alone, in memory, in about five seconds for 75,000 passages."""
    settings = read_settings(db)
    state = files.read_state(store)
    base = _base(store, state, settings) if rows.passage_count(db) >= files.LARGE else None
    if state is not None and base is not None and state.sketched:
        private = tempfile.TemporaryDirectory(prefix="rag-index-")
        try:
            made = growing.make(store / state.folder, db, Path(private.name), state, base.dense, final=False)
        except BaseException:
            private.cleanup()
            raise
        finally:
            base.close()
        return Indexes(settings.generation, made.dense, made.words, private)
    dense, words = DenseIndex.create(settings.fingerprint.dim), WordIndex.create(None)
    _fill(db, dense, words, after=0)
    return Indexes(settings.generation, dense, words)


def write(store: Path, db: sqlite3.Connection) -> Indexes:
    """Make the derived files of the committed generation and put them in force, in one step at the end. Raises OSError.

    Where passages were only added since, they are added to a copy of the index; where one was removed, the index of a
    small store is made anew (`rag.store.words` says why).
    """
    settings = read_settings(db)
    folder = files.new_index_folder(store, settings.generation)
    try:
        state = files.read_state(store)
        base = _base(store, state, settings)
        if rows.passage_count(db) >= files.LARGE:
            older = None if state is None else store / state.folder
            made = growing.make(older, db, folder, state, None if base is None else base.dense)
        else:
            made = _small(store, db, folder, state, base, settings)
        if base is not None:
            base.close()
        files.write_state(
            store,
            files.IndexState(
                format=files.INDEX_FORMAT,
                identity=settings.identity,
                generation=settings.generation,
                last_key=rows.last_key(db),
                folder=folder.name,
                checksums=files.checksums(folder, state),
                stamps=files.stamps(folder),
                sketched=made.sketched,
                learned=made.learned,
                stale=made.stale,
            ),
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Indexes(settings.generation, made.dense, made.words)


def _small(
    store: Path,
    db: sqlite3.Connection,
    folder: Path,
    state: files.IndexState | None,
    base: Indexes | None,
    settings: StoreSettings,
) -> Made:
    pure = state is not None and not state.stale and settings.removed_at <= state.generation
    if state is not None and pure and base is not None and isinstance(base.dense, DenseIndex):
        files.link_or_copy(store / state.folder / files.WORDS, folder / files.WORDS)
        dense, words, after = base.dense, WordIndex.load(folder / files.WORDS), state.last_key
    else:
        dense, words, after = DenseIndex.create(settings.fingerprint.dim), WordIndex.create(folder / files.WORDS), 0
    _fill(db, dense, words, after)
    dense.save(folder / files.VECTORS)
    return Made(dense, words)


def _base(store: Path, state: files.IndexState | None, settings: StoreSettings) -> Indexes | None:
    """An older index of this store. What it lacks are the newest passages; what was removed since it may still hold."""
    if state is None or state.identity != settings.identity or state.generation > settings.generation:
        return None
    return _load(store, state) if state.intact(store) else None


def _fill(db: sqlite3.Connection, dense: DenseIndex, words: WordIndex, after: int) -> None:
    dense.add(rows.vector_batches(db, after, read_settings(db).fingerprint.dim))
    words.add(rows.words(db, after))
