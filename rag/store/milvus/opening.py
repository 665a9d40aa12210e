"""Opening a store in Milvus, or saying why it cannot be opened."""

import json

from rag.errors import StoreMismatchError, StoreMissingError
from rag.store.database import check_fingerprint
from rag.store.milvus import log
from rag.store.milvus.address import MilvusAddress
from rag.store.milvus.connection import Connection, Row, connect
from rag.store.milvus.lease import Lease
from rag.store.milvus.log import State
from rag.store.milvus.schema import COLLECTIONS, VERSION
from rag.store.milvus.store import MilvusStore
from rag.store.milvus.writer import Writer, create_collections
from rag.types import Fingerprint


def open_milvus(address: MilvusAddress, fingerprint: Fingerprint | None, *, write: bool, rebuild: bool) -> MilvusStore:
    """See `rag.store.open_store`, of which this is the part for a store in Milvus."""
    connection = connect(address)
    try:
        there = bool(connection.call("has_collection", f"{address.name}_log"))
        if not write:
            return MilvusStore(connection, _read(connection, fingerprint, there), None)
        if not there and fingerprint is None:
            raise StoreMissingError(path=address)
        create_collections(connection)
        lease = Lease.acquire(connection)
        try:
            return _writer(connection, lease, fingerprint, rebuild)
        except BaseException:
            lease.release()
            raise
    except BaseException:
        connection.close()
        raise


def _read(connection: Connection, fingerprint: Fingerprint | None, there: bool) -> State:
    if not there:
        raise StoreMissingError(path=connection.address)
    if connection.address.embedded:  # a server has them loaded; this one forgets when it ends
        for name in COLLECTIONS:
            connection.call("load_collection", f"{connection.address.name}_{name}")
    entries = log.read_log(connection)
    _check_version(connection, entries)
    state = log.read_state(connection, entries)
    if state is None:
        raise StoreMissingError(path=connection.address)
    check_fingerprint(connection.address, state.fingerprint, fingerprint)
    _load(connection, state)
    return state


def _writer(connection: Connection, lease: Lease, fingerprint: Fingerprint | None, rebuild: bool) -> MilvusStore:
    entries = log.read_log(connection)
    if not rebuild:
        _check_version(connection, entries)
    state = log.read_state(connection, entries)
    writer = Writer(connection, lease, state.generation if state else 0)
    if state is None:
        if fingerprint is None:
            raise StoreMissingError(path=connection.address)
        return MilvusStore(connection, writer.create(fingerprint), writer)
    if rebuild and fingerprint is not None:
        return MilvusStore(connection, writer.create(fingerprint, before=state), writer)
    check_fingerprint(connection.address, state.fingerprint, fingerprint)
    _load(connection, state)
    born = log.read_born(connection, 0, state.generation + 2)
    writer.remove_rows(state, log.garbage(born, entries))
    writer.drop_old_sets(state, entries)
    return MilvusStore(connection, writer.refresh(writer.collect(state)), writer)


def _load(connection: Connection, state: State) -> None:
    if connection.address.embedded:
        connection.call("load_collection", f"{connection.address.name}_passages_{state.set}")


def _check_version(connection: Connection, entries: list[Row]) -> None:
    made = [one for one in log.valid(entries) if one["kind"] in ("create", "rebuild")]
    stored = json.loads(made[-1]["detail"])["version"] if made else VERSION
    if stored != VERSION:
        raise StoreMismatchError(path=connection.address, what="store format", stored=stored, current=VERSION)
