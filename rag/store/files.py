"""Every name in a store's folder, in one place, and the small file that says which derived index is in force.

    vectorstore/
      store.sqlite            the truth: documents, passages, sentences, vectors, settings, generation
      store.sqlite-wal, -shm  SQLite's own; part of the truth while they are there
      writer.lock             held by the one writer; the system lets go of it when the process dies
      index.json              which derived folder is in force, of which generation; replaced last, atomically
      index-7-1f0c9a52/       derived from generation 7; never changed once index.json names it
        vectors.faiss
        words/                a Tantivy index

Everything but store.sqlite* can be deleted at any time: it is made again from the truth.
"""

import json
import os
import shutil
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

DATABASE = "store.sqlite"
DATABASE_SIDE_FILES = ("store.sqlite-wal", "store.sqlite-shm")
WRITER_LOCK = "writer.lock"
INDEX_STATE = "index.json"
INDEX_FOLDER = "index-"
VECTORS = "vectors.faiss"
WORDS = "words"

INDEX_FORMAT = 2
"""Raised when the derived files change their meaning; files of another format are made again."""


@dataclass(frozen=True, slots=True)
class IndexState:
    """What index.json holds. The derived files answer for the store `identity` at `generation`, for nothing else."""

    format: int
    identity: str
    generation: int
    last_key: int  # the greatest passage key in the index
    folder: str
    checksums: dict[str, int]  # CRC-32 of each file, by its path within the folder: against accidents, not attackers

    def intact(self, store: Path) -> bool:
        """Whether every derived file is there, byte for byte."""
        try:
            return checksums(store / self.folder) == self.checksums
        except OSError:
            return False


def state_of(store: Path, identity: str, generation: int) -> IndexState | None:
    """The state in force, if it is of this very store and generation and its files are intact."""
    state = read_state(store)
    if state is None or (state.identity, state.generation) != (identity, generation) or not state.intact(store):
        return None
    return state


def read_state(store: Path) -> IndexState | None:
    """What index.json says; None where it is missing, damaged or of another format: then the index is made again."""
    try:
        state = IndexState(**json.loads((store / INDEX_STATE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return state if state.format == INDEX_FORMAT else None


def write_state(store: Path, state: IndexState) -> None:
    """Put `state` in force in one step, then remove the folders it replaces.

    No fsync: after a power cut the checksums tell whether the files arrived, and the truth can make them again.
    """
    beside = store / (INDEX_STATE + ".new")
    beside.write_text(json.dumps(asdict(state)), encoding="utf-8")
    beside.replace(store / INDEX_STATE)
    for folder in _index_folders(store):
        if folder.name != state.folder:  # readers that have it mapped keep it; Windows keeps the files until then
            shutil.rmtree(folder, ignore_errors=True)


def state_stamp(store: Path) -> tuple[int, int] | None:
    """Changes whenever index.json is replaced; one stat call, cheap enough to ask before every search."""
    try:
        found = (store / INDEX_STATE).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def new_index_folder(store: Path, generation: int) -> Path:
    """A folder of a name never used before, so that one in use is never written to."""
    folder = store / f"{INDEX_FOLDER}{generation}-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    return folder


def checksums(folder: Path) -> dict[str, int]:
    """CRC-32 of every file under `folder` by relative path, lock files left out. Raises OSError."""
    return {
        file.relative_to(folder).as_posix(): zlib.crc32(file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix != ".lock"
    }


def link_or_copy(source: Path, target: Path) -> None:
    """A copy of the flat folder `source` without its lock files, sharing the others where the file system can: they are
    never written in place. Raises OSError."""
    target.mkdir()
    for file in source.iterdir():
        if file.suffix != ".lock":
            try:
                os.link(file, target / file.name)
            except OSError:
                shutil.copyfile(file, target / file.name)


def remove_everything(store: Path) -> None:
    """Delete the store's files, the database first: SQLite ignores a log that has no database. The lock file stays."""
    for name in (DATABASE, *DATABASE_SIDE_FILES, INDEX_STATE):
        (store / name).unlink(missing_ok=True)
    for folder in _index_folders(store):
        shutil.rmtree(folder, ignore_errors=True)


def _index_folders(store: Path) -> Iterator[Path]:
    return (folder for folder in store.glob(INDEX_FOLDER + "*") if folder.is_dir())
