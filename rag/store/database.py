"""The truth: one SQLite file, its schema, the ways to open it, and its errors in terms of this package.

The write-ahead log lets readers keep one consistent state while the writer commits. A commit is synced to the disk
(`synchronous=FULL`), so that it outlives the process and the power.
"""

import errno
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rag.errors import (
    StoreCorruptError,
    StoreError,
    StoreFolderError,
    StoreFullError,
    StoreLockedError,
    StoreMismatchError,
    StoreUnfinishedError,
)
from rag.store import files
from rag.types import Fingerprint

SCHEMA_VERSION = 2

_PAGE_BYTES = 16384  # several passages with their vectors on one page

_CACHE_KIB = 32_000
"""Pages that a reader keeps. With SQLite's own 2,000 the upper pages of a million passages' tables are read again for
every question: 9 ms for its rows, else 4."""

# A store from before there was metadata has no such table: a writer adds it, a reader takes it for empty.
_METADATA = """CREATE TABLE metadata (
        document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (document, name)) STRICT, WITHOUT ROWID"""

# What lists and filters documents asks of them: their rows, with their texts, need not be read for it. A store from
# before gets it from the next writer; until then it is as right, and slower.
_LISTED = """CREATE INDEX IF NOT EXISTS documents_listed ON documents (path, place, date, sha256, id)"""

# Passage keys grow and are never used twice: "greater than the last key of the index" means "not in the index yet".
# Big columns stand last, where a query that does not name them never reads them.
_SCHEMA = (
    """CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID""",
    """CREATE TABLE documents (
        id TEXT PRIMARY KEY, path TEXT NOT NULL, place INTEGER NOT NULL,  -- place: order within the file
        title TEXT NOT NULL, date TEXT, sha256 TEXT NOT NULL,             -- sha256: of the file
        characters INTEGER NOT NULL, text_sha256 TEXT NOT NULL,           -- of the UTF-8 text below
        unit TEXT NOT NULL,                                               -- what the places number: L, p, Sales!R
        sections TEXT NOT NULL, places TEXT NOT NULL, text TEXT NOT NULL, -- sections, places: JSON lists
        UNIQUE (path, place)) STRICT""",
    """CREATE TABLE passages (
        key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE, ordinal INTEGER NOT NULL,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL, context TEXT NOT NULL,
        embedded BLOB,                                                    -- digest of the text that was embedded
        vector BLOB NOT NULL,                                             -- float32 [dim], little endian
        words TEXT NOT NULL,                                              -- joined by blanks
        UNIQUE (document, ordinal)) STRICT""",
    """CREATE TABLE sentences (
        key INTEGER PRIMARY KEY, passage INTEGER NOT NULL REFERENCES passages (key) ON DELETE CASCADE,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL,
        embedded BLOB,                                                    -- as of a passage
        vector BLOB NOT NULL                                              -- float16 [dim], little endian
        ) STRICT""",
    """CREATE INDEX sentences_of_passage ON sentences (passage)""",
    """CREATE INDEX embedded_passages ON passages (embedded)""",
    """CREATE INDEX embedded_sentences ON sentences (embedded)""",
    _METADATA,
    _LISTED,
    """CREATE TABLE kept (                                                -- computed, not yet part of a document
        embedded BLOB PRIMARY KEY, vector BLOB NOT NULL                   -- float32
        ) STRICT, WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The settings table. `identity` tells this database from every other; `removed_at` is the last generation at
    which a passage was taken away, so an index older than that cannot be brought up by adding alone."""

    identity: str
    fingerprint: Fingerprint
    generation: int
    removed_at: int


def connect_writer(store: Path) -> sqlite3.Connection:
    """Open the database for writing, making the file where there is none. Raises sqlite3.Error."""
    db = sqlite3.connect(store / files.DATABASE, isolation_level=None, check_same_thread=False)
    try:
        db.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("PRAGMA secure_delete=OFF")  # some systems default to overwriting: emptying would rewrite everything
    except BaseException:
        db.close()
        raise
    return db


def connect_reader(store: Path) -> sqlite3.Connection:
    """Open the database read-only, holding one consistent state until closed. Raises sqlite3.Error, StoreError.

    Writes nothing but SQLite's own lock memory (-shm), and where even that cannot be made, nothing at all.
    """
    try:
        return _connect_reader(store, "mode=ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
    # A read-only folder without SQLite's side files: nobody can be writing here, so no lock is needed.
    log = store / files.DATABASE_SIDE_FILES[0]
    if log.exists() and log.stat().st_size:
        raise StoreUnfinishedError(path=store)
    return _connect_reader(store, "immutable=1")


def _connect_reader(store: Path, mode: str) -> sqlite3.Connection:
    uri = (store / files.DATABASE).absolute().as_uri()
    db = sqlite3.connect(f"{uri}?{mode}", uri=True, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA temp_store=MEMORY")
        db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        db.execute("BEGIN")
        if not _has_metadata(db):  # the first read fixes the state
            db.execute("CREATE TEMP TABLE metadata (document TEXT, name TEXT, value TEXT)")
    except BaseException:
        db.close()
        raise
    return db


def close_writer(store: Path, db: sqlite3.Connection) -> None:
    """Move the log into the database and close.

    A reader that is open while the writer closes makes SQLite leave its (then empty) side files in place, so that the
    readers to come find them and need not make any.
    """
    try:
        db.execute("PRAGMA busy_timeout=0")  # readers may hold the log; then the next writer moves it
        with closing(connect_reader(store)) as keeper:
            keeper.execute("COMMIT")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.close()
    except (sqlite3.Error, StoreError):
        pass  # nothing is lost: what is committed is in the log, and the next to open finds it there
    finally:
        db.close()


def is_blank(db: sqlite3.Connection) -> bool:
    """Whether nothing was ever committed: a database whose maker was killed first."""
    return not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]


def create(db: sqlite3.Connection, fingerprint: Fingerprint) -> None:
    """Make the schema and an empty store of generation 0, in one transaction."""
    with transaction(db):
        for statement in _SCHEMA:
            db.execute(statement)
        _write(db, schema=SCHEMA_VERSION, identity=uuid.uuid4().hex, generation=0, removed_at=0)
        _write(db, embedder=fingerprint.embedder, dim=fingerprint.dim, splitter=fingerprint.splitter)


def empty(db: sqlite3.Connection, fingerprint: Fingerprint) -> None:
    """Remove every document and take on another fingerprint, in one transaction."""
    with transaction(db):
        db.execute("DELETE FROM sentences")
        db.execute("DELETE FROM passages")
        db.execute("DELETE FROM metadata")
        db.execute("DELETE FROM documents")
        db.execute("DELETE FROM kept")
        _write(db, embedder=fingerprint.embedder, dim=fingerprint.dim, splitter=fingerprint.splitter)
        advance(db, removed=True)


def add_what_is_missing(db: sqlite3.Connection) -> None:
    """To a store from before there was metadata, or the index that lists documents."""
    with transaction(db):
        if not _has_metadata(db):
            db.execute(_METADATA)
        db.execute(_LISTED)


def _has_metadata(db: sqlite3.Connection) -> bool:
    return bool(db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'metadata'").fetchone()[0])


def advance(db: sqlite3.Connection, *, removed: bool) -> None:
    """The next generation, within the caller's transaction."""
    generation = read_settings(db).generation + 1
    _write(db, generation=generation, **({"removed_at": generation} if removed else {}))


def read_settings(db: sqlite3.Connection) -> StoreSettings:
    """Raises StoreMismatchError for another schema, sqlite3.Error; LookupError or ValueError for damaged settings."""
    found = dict(db.execute("SELECT name, value FROM settings"))
    if int(found["schema"]) != SCHEMA_VERSION:
        path = db.execute("PRAGMA database_list").fetchone()[2]
        raise StoreMismatchError(
            path=Path(path).parent, what="store format", stored=found["schema"], current=SCHEMA_VERSION
        )
    fingerprint = Fingerprint(found["embedder"], int(found["dim"]), found["splitter"])
    return StoreSettings(found["identity"], fingerprint, int(found["generation"]), int(found["removed_at"]))


def _write(db: sqlite3.Connection, **settings: object) -> None:
    rows = [(name, str(value)) for name, value in settings.items()]
    db.executemany("INSERT OR REPLACE INTO settings VALUES (?, ?)", rows)


def check_fingerprint(store: object, stored: Fingerprint, current: Fingerprint | None) -> None:
    """Raises StoreMismatchError that names the first part to differ; None matches everything."""
    for part in ("embedder", "dim", "splitter") if current is not None else ():
        if getattr(stored, part) != getattr(current, part):
            raise StoreMismatchError(
                path=store, what=part, stored=getattr(stored, part), current=getattr(current, part)
            )


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, also on KeyboardInterrupt."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk may have rolled it back already
            db.execute("ROLLBACK")
        raise


def backup(db: sqlite3.Connection, target: Path) -> None:
    """Write all of it to the file `target`, in place of what was there. Raises StoreError."""
    (own,) = (Path(file) for _, name, file in db.execute("PRAGMA database_list") if name == "main")
    with errors_of(target):
        if target.is_dir() or not target.name:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.exists() and target.samefile(own):
            raise FileExistsError(errno.EEXIST, "it is the store itself")
        beside = target.with_name(target.name + ".part")
        try:
            beside.unlink(missing_ok=True)
            with closing(sqlite3.connect(beside)) as copy:
                db.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def errors_of(store: Path) -> Iterator[None]:
    """Turns what SQLite and the file system raise into StoreError."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):  # a mistake in the calling code, not of the store
        raise
    except sqlite3.Error as error:
        raise _store_error(store, error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StoreFullError(path=store) from error
        reason = error.strerror or str(error)
        raise StoreFolderError(path=store, reason=reason) from error


def _store_error(store: Path, error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)  # absent where the module itself raised it
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE):  # WRITE: a quota
        return StoreFullError(path=store)
    if code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreLockedError(path=store)
    if code is not None and code & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return StoreFolderError(path=store, reason=error)
    return StoreCorruptError(path=store, reason=error)
