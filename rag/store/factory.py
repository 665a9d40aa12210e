"""Opening a store: a folder on this machine, or Milvus."""

from pathlib import Path
from typing import overload

from rag.store.local import LocalStore, open_local
from rag.store.milvus.address import is_address, parse_address
from rag.store.milvus.store import MilvusStore
from rag.types import Fingerprint

AnyStore = LocalStore | MilvusStore


@overload
def open_store(
    where: Path, fingerprint: Fingerprint | None, *, write: bool = False, rebuild: bool = False
) -> LocalStore: ...
@overload
def open_store(
    where: str | Path, fingerprint: Fingerprint | None, *, write: bool = False, rebuild: bool = False
) -> AnyStore: ...
def open_store(
    where: str | Path, fingerprint: Fingerprint | None, *, write: bool = False, rebuild: bool = False
) -> AnyStore:
    """Open the store in the folder `where`, or at that address (milvus://HOST:PORT), for reading unless `write`.

    `fingerprint` says which embedder and splitter the caller works with; None accepts any, for commands that need
    neither. Reading never writes to the store. Writing makes the store where there is none (given a fingerprint) and
    first brings the derived indexes up to date. `rebuild`, with `write` and a fingerprint, takes the store over empty,
    whatever it held: readers that have it open keep the old content until the first `refresh`.

    Raises StoreMissingError, StoreMismatchError, StoreLockedError (at once: another process, or another store object
    of this one, is writing), StoreFullError, StoreCorruptError, StoreError; of an address also SettingError.
    """
    if rebuild and (not write or fingerprint is None):
        raise ValueError("rebuild needs write=True and a fingerprint")
    if isinstance(where, str) and is_address(where):
        from rag.store.milvus.opening import open_milvus

        return open_milvus(parse_address(where), fingerprint, write=write, rebuild=rebuild)
    return open_local(Path(where), fingerprint, write=write, rebuild=rebuild)
