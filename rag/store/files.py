"""Every name in a store's folder, in one place, and the small file that says which derived index is in force.

    vectorstore/
      store.sqlite            the truth: documents, passages, sentences, vectors, settings, generation
      store.sqlite-wal, -shm  SQLite's own; part of the truth while they are there
      writer.lock             held by the one writer; the system lets go of it when the process dies
      index.json              which derived folder is in force, of which generation; replaced last, atomically
      index-7-1f0c9a52/       derived from generation 7; never changed once index.json names it
        vectors.faiss
        words/                a Tantivy index
        sketches.faiss        of a large store only, as the next two: of the vectors in vectors.faiss
        tail.faiss            vectors added since those were made
        removed.npy           the keys of those removed since

Everything but store.sqlite* can be deleted at any time: it is made again from the truth.
"""

import json
import os
import shutil
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

DATABASE = "store.sqlite"
DATABASE_SIDE_FILES = ("store.sqlite-wal", "store.sqlite-shm")
WRITER_LOCK = "writer.lock"
INDEX_STATE = "index.json"
INDEX_FOLDER = "index-"
VECTORS = "vectors.faiss"
SKETCHES = "sketches.faiss"
TAIL = "tail.faiss"
REMOVED = "removed.npy"
WORDS = "words"

INDEX_FORMAT = 2
"""Raised when the derived files change their meaning; files of another format are made again."""

LARGE = 150_000
"""Passages from which on a store is large. Below that a question is compared with every vector, in 8 ms at most, and
what it finds is exact."""

_BIG = 16 * 2**20  # bytes: files from here on are not read through whenever a store is opened


@dataclass(frozen=True, slots=True)
class IndexState:
    """What index.json holds. The derived files answer for the store `identity` at `generation`, for nothing else."""

    format: int
    identity: str
    generation: int
    last_key: int  # the greatest passage key in the index
    folder: str
    checksums: dict[str, int]  # CRC-32 of each file, by its path within the folder: against accidents, not attackers
    stamps: dict[str, list[int]] = field(default_factory=dict)  # of each big file: size, time of its last change in ns
    sketched: int = 0  # the greatest passage key that the sketches may hold; 0 where there are none
    learned: int = 0  # passages that were stored when the sketches were last made anew
    stale: int = 0  # passages deleted from the index of words since it was made

    def intact(self, store: Path, *, thorough: bool = False) -> bool:
        """Whether every derived file is there, byte for byte; a big one that nobody wrote to is taken to be, unless
        `thorough`."""
        try:
            return checksums(store / self.folder, None if thorough else self) == self.checksums
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

    No fsync: after a power cut the checksums tell whether the files arrived, and the truth can make them again. Of the
    big files, which are not read through, those who wrote them have made sure before.
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


def checksums(folder: Path, known: IndexState | None = None) -> dict[str, int]:
    """CRC-32 of every file under `folder` by relative path, lock files left out; what `known` says of a big file is
    believed where nobody wrote to it since. Raises OSError."""
    found = {}
    for name, file in _contents(folder):
        believed = known is not None and name in known.stamps and known.stamps[name] == _stamp(file)
        found[name] = known.checksums[name] if known is not None and believed else _crc(file)
    return found


def stamps(folder: Path) -> dict[str, list[int]]:
    """Size and time of the last change of every big file under `folder`. Raises OSError."""
    found = {name: _stamp(file) for name, file in _contents(folder)}
    return {name: stamp for name, stamp in found.items() if stamp[0] >= _BIG}


def _contents(folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix != ".lock":
            yield file.relative_to(folder).as_posix(), file


def _stamp(file: Path) -> list[int]:
    found = file.stat()
    return [found.st_size, found.st_mtime_ns]


def _crc(file: Path) -> int:
    crc = 0
    with file.open("rb") as stream:
        while part := stream.read(_BIG):
            crc = zlib.crc32(part, crc)
    return crc


def link(source: Path, target: Path) -> None:
    """The file `source` once more as `target`, shared where the file system can: for files that are never written in
    place. Raises OSError."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def link_or_copy(source: Path, target: Path) -> None:
    """A copy of the flat folder `source` without its lock files, sharing the others where the file system can: they are
    never written in place. Raises OSError."""
    target.mkdir()
    for file in source.iterdir():
        if file.suffix != ".lock":
            link(file, target / file.name)


def remove_everything(store: Path) -> None:
    """Delete the store's files, the database first: SQLite ignores a log that has no database. The lock file stays."""
    for name in (DATABASE, *DATABASE_SIDE_FILES, INDEX_STATE):
        (store / name).unlink(missing_ok=True)
    for folder in _index_folders(store):
        shutil.rmtree(folder, ignore_errors=True)


def _index_folders(store: Path) -> Iterator[Path]:
    return (folder for folder in store.glob(INDEX_FOLDER + "*") if folder.is_dir())
