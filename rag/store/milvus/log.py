"""What is in the store at which generation: folded from the log and the rows of the documents.

A document, its passages and sentences are written first, the log's row last: with that one row all of them become
visible, in one step. What a killed writer left has no row in the log and does not count; the next writer removes it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rag.store.milvus.connection import Connection, Row
from rag.store.milvus.schema import DOCUMENTS, LOG
from rag.types import DocumentSummary, Fingerprint

CHANGES = ("create", "change", "rebuild")


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A document and which keys are its own."""

    row: Row

    @property
    def key(self) -> int:
        return int(self.row["key"])

    @property
    def id(self) -> str:
        return str(self.row["id"])

    @property
    def path(self) -> str:
        return str(self.row["path"])

    def keys(self, kind: str) -> range:
        """Of its "text", "passage" or "sentence" rows, in order."""
        first = int(self.row[f"first_{kind}"])
        return range(first, first + int(self.row[f"{kind}s"]))

    def keys_in(self, collection: str) -> list[int]:
        """Of all its rows in "texts", "passages" or "sentences", those of long index words with them."""
        if collection != "texts":
            return list(self.keys(collection[:-1]))
        others = {*self.keys("passage"), *self.keys("sentence")}
        return [key for key in range(self.key + 1, int(self.row["next_key"])) if key not in others]

    @property
    def metadata(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.row["metadata"])
        return found

    def summary(self) -> DocumentSummary:
        row = self.row
        date = row["date"] or None
        return DocumentSummary(
            *(row["id"], row["path"], row["title"], date),
            *(row["characters"], row["passages"], row["sha256"], self.metadata),
        )


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """One generation, whole. Never changed: a later one is made from it."""

    identity: str
    fingerprint: Fingerprint
    set: int  # which collection of passages
    generation: int = 0
    epoch: int = 0  # of the writer that made it
    time: int = 0  # when it was made, in milliseconds since 1970 by the writer's clock
    refreshed: int = 0  # the last generation that readers were told to move on to
    documents: Mapping[int, Stored] = field(default_factory=dict)
    by_path: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    by_id: Mapping[str, int] = field(default_factory=dict)
    passages: int = 0
    gone: Mapping[int, int] = field(default_factory=dict)  # removed document -> when, in milliseconds

    def under(self, path: str) -> list[int]:
        """Keys of the documents of `path` and of the files within it."""
        if not path:  # within which every absolute path would lie
            return []
        inner = f"{path}/"
        return [key for at, keys in self.by_path.items() if at == path or at.startswith(inner) for key in keys]


def valid(entries: Iterable[Row]) -> list[Row]:
    """The rows that count, by generation. A writer that was held up while another took its place may have left a row:
    what comes after the generation that a later epoch began at is void unless it is of that epoch."""
    latest: dict[int, Row] = {}
    limit: float = float("inf")
    changes = sorted((one for one in entries if one["kind"] in CHANGES), key=lambda one: one["key"], reverse=True)
    epoch, base = -1, limit
    for one in changes:
        if one["epoch"] != epoch:
            limit, epoch = min(limit, base), one["epoch"]
        base = one["base"]
        if one["generation"] <= limit:
            latest.setdefault(one["generation"], one)
    return [latest[generation] for generation in sorted(latest)]


def fold(state: State, changes: Iterable[Row], born: Mapping[int, list[Stored]]) -> State:
    """The state after `changes`, which follow on it; `born`: commit -> its documents."""
    documents, by_path = dict(state.documents), dict(state.by_path)
    by_id, gone, passages = dict(state.by_id), dict(state.gone), state.passages
    for change in changes:
        if change["kind"] == "rebuild":
            dropped = list(documents)
        elif change["removed"]:
            now = replace(state, by_path=by_path)
            dropped = list(by_path.get(change["path"], ()))
            dropped = dropped if len(dropped) == change["removed"] else now.under(change["path"])
        else:
            dropped = []
        for key in dropped:
            one = documents.pop(key)
            passages -= len(one.keys("passage"))
            by_path.pop(one.path, None)
            by_id.pop(one.id, None)
            gone[key] = change["time"]
        for one in born.get(change["key"], []):
            documents[one.key] = one
            passages += len(one.keys("passage"))
            by_path[one.path] = (*by_path.get(one.path, ()), one.key)
            by_id[one.id] = one.key
        state = replace(state, generation=change["generation"], epoch=change["epoch"], time=change["time"])
        if change["kind"] != "change":
            state = replace(state, **_made(change))
    return replace(state, documents=documents, by_path=by_path, by_id=by_id, gone=gone, passages=passages)


def _made(entry: Row) -> dict[str, Any]:
    """What "create" and "rebuild" settle."""
    detail = json.loads(entry["detail"])
    fingerprint = Fingerprint(detail["embedder"], detail["dim"], detail["splitter"])
    return {"fingerprint": fingerprint, "set": entry["epoch"], "identity": detail["identity"]}


def read_log(connection: Connection, start: int = 0) -> list[Row]:
    """All rows of generation `start` and later."""
    return list(connection.scan(f"{connection.address.name}_log", "generation", start, list(LOG)))


def read_state(connection: Connection, log: Iterable[Row]) -> State | None:
    """The last state that `log`, read from its beginning, tells of; None for a log without a store."""
    log = list(log)
    changes = valid(log)
    if not changes:
        return None
    nothing = State("", Fingerprint("", 0, ""), 0)
    state = fold(nothing, changes, read_born(connection, 0, changes[-1]["generation"] + 1))
    return replace(state, refreshed=refreshed(log, state))


def refreshed(log: Iterable[Row], state: State) -> int:
    """The last generation of `state`'s past that readers were told to move on to."""
    told = [one["generation"] for one in log if one["kind"] == "refresh" and one["generation"] <= state.generation]
    return max(told, default=0)


def read_born(connection: Connection, start: int, stop: int) -> dict[int, list[Stored]]:
    """commit -> the documents that it made visible, in their order, of generation `start` until before `stop`; with
    those of commits that never came."""
    rows = connection.scan(f"{connection.address.name}_documents", "generation", start, list(DOCUMENTS), stop)
    born: dict[int, list[Stored]] = {}
    for row in rows:
        born.setdefault(row["commit"], []).append(Stored(row))
    return {commit: sorted(ones, key=lambda one: int(one.row["place"])) for commit, ones in born.items()}


def follow(connection: Connection, state: State) -> State | None:
    """The state of the last refresh, where there is one after `state`; None where there is none."""
    news = f'kind == "refresh" and generation > {state.generation}'
    if not connection.query(f"{connection.address.name}_log", news, ["key"], "Bounded"):
        return None
    log = read_log(connection, state.generation)
    told = max((one["generation"] for one in log if one["kind"] == "refresh"), default=0)
    if told <= state.generation:
        return None
    changes = valid(log)
    own = [one for one in changes if one["generation"] == state.generation and one["epoch"] == state.epoch]
    later = [one for one in changes if state.generation < one["generation"] <= told]
    if not own or [one["generation"] for one in later] != list(range(state.generation + 1, told + 1)):
        return read_state(connection, read_log(connection))
    made = fold(state, later, read_born(connection, state.generation + 1, told + 1))
    return replace(made, refreshed=told)


def garbage(born: Mapping[int, list[Stored]], log: Iterable[Row]) -> Iterator[Stored]:
    """Documents of commits that never came, or do not count."""
    counts = {one["key"] for one in valid(log)}
    for commit, ones in born.items():
        if commit not in counts:
            yield from ones
