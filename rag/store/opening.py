"""Opening the database of a store, or saying why it cannot be opened."""

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import StoreCorruptError, StoreLockedError, StoreMismatchError, StoreMissingError
from rag.store import database, files, signatures
from rag.types import Fingerprint

if TYPE_CHECKING:
    import filelock


def lock_for_writing(folder: Path) -> "filelock.BaseFileLock":
    """Make the folder where there is none and take the writer's lock. Raises StoreLockedError at once, StoreError."""
    import filelock  # takes 50 ms to import, which a reader need not pay

    with database.errors_of(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / files.WRITER_LOCK, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise StoreLockedError(path=folder) from None
        return lock


def open_reader(folder: Path, fingerprint: Fingerprint | None) -> sqlite3.Connection:
    """One consistent state of the store, for reading. Raises StoreError."""
    if not (folder / files.DATABASE).exists():
        raise StoreMissingError(path=folder)
    with database.errors_of(folder):
        db = database.connect_reader(folder)
        try:
            if database.is_blank(db):
                raise StoreMissingError(path=folder)
            database.check_fingerprint(folder, settings_of(folder, db).fingerprint, fingerprint)
        except BaseException:
            db.close()
            raise
        return db


def open_writer(folder: Path, fingerprint: Fingerprint | None, rebuild: bool) -> sqlite3.Connection:
    """The store for writing, made where there is none, emptied if `rebuild`; under the lock. Raises StoreError."""
    try:
        return _open_writer(folder, fingerprint, rebuild)
    except (StoreCorruptError, StoreMismatchError):  # a mismatch can only be of the store format when rebuilding
        if not rebuild:
            raise
    with database.errors_of(folder):
        files.remove_everything(folder)
    return _open_writer(folder, fingerprint, rebuild)


def _open_writer(folder: Path, fingerprint: Fingerprint | None, rebuild: bool) -> sqlite3.Connection:
    with database.errors_of(folder):
        db = database.connect_writer(folder)
        try:
            if database.is_blank(db):
                if fingerprint is None:
                    raise StoreMissingError(path=folder)
                database.create(db, fingerprint)
            stored = settings_of(folder, db).fingerprint
            database.add_what_is_missing(db)
            if rebuild and fingerprint is not None:
                database.empty(db, fingerprint)
            else:
                database.check_fingerprint(folder, stored, fingerprint)
            with database.transaction(db):
                signatures.complete(db)
        except BaseException:
            database.close_writer(folder, db)
            raise
        return db


def settings_of(folder: Path, db: sqlite3.Connection) -> database.StoreSettings:
    """Raises StoreCorruptError, StoreMismatchError."""
    try:
        return database.read_settings(db)
    except (LookupError, ValueError) as error:
        raise StoreCorruptError(path=folder, reason=f"damaged settings: {error}") from error
