"""Writing to Milvus: all of a change first, the one row that makes it visible last; and removing what is gone."""

import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

from rag.errors import StoreError
from rag.store.milvus import log, rows, runs
from rag.store.milvus.connection import Connection, Row
from rag.store.milvus.lease import Lease
from rag.store.milvus.log import State, Stored
from rag.store.milvus.schema import COLLECTIONS, DOCUMENTS, LOG, NUMBERS, PASSAGES, VERSION, create_collection
from rag.types import Ending, Failure, Fingerprint, IndexedDocument, Vectors

READERS_HAVE = 300.0  # seconds; a question that began before a document was removed still finds it for so long


class Writer:
    """The one writer of a store; made by `open_milvus`. `state` is handed in and out: its owner is the store."""

    def __init__(self, connection: Connection, lease: Lease, base: int) -> None:
        self._connection, self._lease = connection, lease
        self._base = base  # the generation that this writer began at
        self._next_key = lease.epoch * NUMBERS
        self._unsure = False  # whether a change was sent and never heard of again
        self._closed = False

    def create(self, fingerprint: Fingerprint, before: State | None = None) -> State:
        """An empty store of `fingerprint`; in the place of `before`, where there is one, as a change of it."""
        self._create_passages(fingerprint.dim)
        identity = before.identity if before else secrets.token_hex(16)
        detail = json.dumps({"version": VERSION, "identity": identity, **asdict(fingerprint)})
        kind, generation = ("rebuild", before.generation + 1) if before else ("create", 0)
        entry = self._entry(kind, generation, detail=detail)
        self._commit(entry)
        nothing = State(identity, fingerprint, self._lease.epoch)
        return log.fold(before or nothing, [entry], {})

    def replace(self, state: State, path: str, documents: Sequence[IndexedDocument]) -> State:
        """Replace all that `path` held by `documents`. Raises ValueError where another path has one of their ids."""
        if self._unsure:
            state = self._read_again(state)
        under = state.under(path)
        ids = [one.document.id for one in documents]
        for one in ids:
            if ids.count(one) > 1 or state.by_id.get(one, -1) not in (-1, *under):
                raise ValueError(f"{path}: document {one}: is stored already, of another file")
        if not documents and not under:
            return state
        entry = self._entry("change", state.generation + 1, path=path, removed=len(under))
        written = rows.Written(self._next_key)
        for place, indexed in enumerate(documents):
            written.add(place, indexed, entry["key"], entry["generation"])
        self._next_key = written.next_key
        # The documents' rows come first: they say which keys to remove where the rest never comes.
        self._connection.insert(self._name("documents"), written.documents)
        self._connection.insert(self._name("texts"), written.texts)
        self._connection.insert(f"{self._name('passages')}_{state.set}", written.passages)
        self._connection.insert(self._name("sentences"), written.sentences)
        self._commit(entry)
        digests = {row["embedded"] for row in (*written.passages, *written.sentences)} - {0}
        self._connection.delete(self._name("kept"), sorted(digests))
        return log.fold(state, [entry], {entry["key"]: [Stored(row) for row in written.documents]})

    def refresh(self, state: State) -> State:
        """Tell readers to move on to this generation."""
        if state.refreshed == state.generation:
            return state
        self._commit(self._entry("refresh", state.generation))
        return self.collect(replace(state, refreshed=state.generation))

    def keep(self, texts: Sequence[str], vectors: Vectors) -> None:
        self._lease.check()
        by_key = {row["key"]: row for row in map(rows.kept_row, texts, vectors)}
        self._connection.insert(self._name("kept"), list(by_key.values()))

    def forget(self) -> None:
        self._lease.check()
        self._connection.call("delete", self._name("kept"), filter="key != 0", consistency_level="Strong")
        self._connection.query(self._name("kept"), "key != 0", ["key"], "Strong")  # waits until it is done

    def begin_run(self, asked: Sequence[str]) -> int:
        there = runs.read_rows(self._connection)
        number = runs.newest(there) + 1
        self._note(runs.BEGUN, number, runs.begun(asked))
        old = [row["key"] for row in there if -row["generation"] <= number - runs.KEPT]
        self._connection.delete(self._name("log"), old)
        return number

    def end_run(
        self, number: int, ending: Ending, counts: Mapping[str, int], passages: int, failed: Sequence[Failure]
    ) -> None:
        self._note(runs.ENDED, number, runs.ended(ending, counts, passages, failed))

    def _note(self, kind: str, number: int, text: str) -> None:
        self._lease.check()
        self._connection.insert(self._name("log"), [self._entry(kind, -number, **part) for part in runs.parts(text)])

    def collect(self, state: State) -> State:
        """Remove what no reader needs any more: documents removed a while ago."""
        before = (time.time() - READERS_HAVE) * 1000
        old = [key for key, when in state.gone.items() if when < before]
        found = self._connection.by_keys(self._name("documents"), old, list(DOCUMENTS), "Strong")
        self.remove_rows(state, [Stored(row) for row in found.values()])
        return replace(state, gone={key: when for key, when in state.gone.items() if key not in set(old)})

    def remove_rows(self, state: State, documents: Iterable[Stored]) -> None:
        """All rows of `documents`, their own last: what is left undone is found again by it."""
        for one in documents:
            self._connection.delete(self._name("texts"), one.keys_in("texts"))
            self._connection.delete(f"{self._name('passages')}_{state.set}", one.keys_in("passages"))
            self._connection.delete(self._name("sentences"), one.keys_in("sentences"))
            self._connection.delete(self._name("documents"), [one.key])

    def drop_old_sets(self, state: State, entries: Iterable[Row]) -> None:
        """Remove the passages of before the last rebuild, once no reader needs them any more."""
        made = max((one["time"] for one in log.valid(entries) if one["kind"] != "change"), default=0)
        if made > (time.time() - READERS_HAVE) * 1000:
            return
        prefix = f"{self._name('passages')}_"
        for name in self._connection.client.list_collections():
            if name.startswith(prefix) and name != f"{prefix}{state.set}":
                self._connection.call("drop_collection", name)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._lease.release()

    def _commit(self, entry: Row) -> None:
        """Returns once it is certain that the row counts."""
        self._lease.check()
        try:
            self._connection.insert(self._name("log"), [entry])
            self._lease.check()
        except StoreError:
            self._unsure = True
            raise

    def _read_again(self, state: State) -> State:
        self._lease.check()
        read = log.read_state(self._connection, log.read_log(self._connection))
        assert read is not None
        self._unsure = False
        return read

    def _entry(self, kind: str, generation: int, **more: Any) -> dict[str, Any]:
        row: dict[str, Any] = {name: "" if type_ == "VARCHAR" else 0 for name, type_ in LOG.items()}
        row |= {"key": self._next_key, "kind": kind, "epoch": self._lease.epoch, "base": self._base}
        self._next_key += 1
        return row | {
            **{"generation": generation, "time": time.time_ns() // 1_000_000, "unused": [0.0, 0.0]},
            **more,
        }

    def _create_passages(self, dim: int) -> None:
        create_collection(self._connection, f"{self._name('passages')}_{self._lease.epoch}", PASSAGES, dim)

    def _name(self, collection: str) -> str:
        return f"{self._connection.address.name}_{collection}"


def create_collections(connection: Connection) -> None:
    """Those that every store has. Each takes some three seconds, so they are made side by side."""
    with ThreadPoolExecutor(len(COLLECTIONS)) as pool:
        made = [
            pool.submit(create_collection, connection, f"{connection.address.name}_{name}", fields)
            for name, fields in COLLECTIONS.items()
        ]
    for one in made:
        one.result()
