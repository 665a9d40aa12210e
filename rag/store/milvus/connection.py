"""The one door to Milvus: calls that go on trying for a bounded time, and its errors in terms of this package."""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from rag.errors import (
    StoreError,
    StoreExtraMissingError,
    StoreFullError,
    StoreGoneError,
    StoreRefusedError,
    StoreUnreachableError,
    StoreVersionError,
)
from rag.store.milvus.address import MilvusAddress

Level = Literal["Strong", "Session", "Bounded"]
"""Which rows a read sees: all there are (waits up to a quarter of a second), those written here, those 5 s old."""

Row = Mapping[str, Any]
Item = TypeVar("Item")

WINDOW = 16_384  # the most rows that Milvus gives for one call
_KEYS = 4_096  # asked for in one call
_BYTES = 4_000_000  # sent in one call, about
_TIMEOUT = 10.0  # seconds that one attempt may take
_OLDEST = (2, 3)

_MISSING = 100  # no such collection
_HOPELESS = range(1100, 1200)  # what is asked for cannot be: a mistake on this side
_REFUSED = range(1400, 1500)  # who asks
_FULL = (9, 1804)  # over a quota of disk or memory


class Connection:
    """Safe to share between threads. Made by `connect`."""

    def __init__(self, address: MilvusAddress, client: Any) -> None:
        self.address = address
        self.client = client

    def call(self, name: str, collection: str, **arguments: Any) -> Any:
        """The client's method `name`, tried again while the server is away or not ready, for as long as the address
        allows. Raises StoreError."""
        until = time.monotonic() + self.address.patience
        pause = 0.05
        while True:
            try:
                return getattr(self.client, name)(collection, timeout=_TIMEOUT, **arguments)
            except Exception as error:  # pymilvus lets through what grpc raises, too
                if _is_hopeless(error) or time.monotonic() + pause > until:
                    raise _store_error(self.address, error) from error
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def insert(self, collection: str, rows: Sequence[Row]) -> None:
        """In parts of a size that the server takes. A part sent twice is there once, since its keys are the same."""
        for part in _parts(rows):
            self.call("insert", collection, data=part)

    def delete(self, collection: str, keys: Sequence[int]) -> None:
        for start in range(0, len(keys), _KEYS):
            self.call("delete", collection, filter=f"key in {list(keys[start : start + _KEYS])}")

    def query(self, collection: str, condition: str, fields: Sequence[str], level: Level) -> list[Row]:
        """At most `WINDOW` rows, each key once."""
        found = self.call(
            "query", collection, filter=condition, output_fields=list(fields), limit=WINDOW, consistency_level=level
        )
        return list({row["key"]: row for row in found}.values())

    def by_keys(
        self, collection: str, keys: Sequence[int], fields: Sequence[str], level: Level, *, perhaps: bool = False
    ) -> dict[int, Row]:
        """key -> its row, for those that are there. What a level does not see yet is looked for with "Strong", unless
        it is only `perhaps` there."""
        found: dict[int, Row] = {}
        for start in range(0, len(keys), _KEYS):
            part = list(keys[start : start + _KEYS])
            rows = self.query(collection, f"key in {part}", fields, level)
            if len(rows) < len(set(part)) and level != "Strong" and not perhaps:
                rows = self.query(collection, f"key in {part}", fields, "Strong")
            found.update((row["key"], row) for row in rows)
        return found

    def scan(
        self, collection: str, field: str, start: int, fields: Sequence[str], stop: int | None = None
    ) -> Iterator[Row]:
        """All rows whose `field` is `start` or more and less than `stop`. Sees all there are. `stop` may be left out
        where no number is."""
        while stop is None or start < stop:
            end = start + _KEYS if stop is None else min(start + _KEYS, stop)
            rows = list(self._between(collection, field, start, end, fields))
            if not rows and stop is None:
                return
            yield from rows
            start = end

    def _between(self, collection: str, field: str, low: int, high: int, fields: Sequence[str]) -> Iterator[Row]:
        rows = self.query(collection, f"{field} >= {low} and {field} < {high}", fields, "Strong")
        if len(rows) < WINDOW:
            yield from rows
        elif high - low > 1:  # there may be more than were given
            middle = (low + high) // 2
            yield from self._between(collection, field, low, middle, fields)
            yield from self._between(collection, field, middle, high, fields)
        else:
            yield from self._of_one(collection, f"{field} == {low}", fields)

    def _of_one(self, collection: str, condition: str, fields: Sequence[str]) -> Iterator[Row]:
        """The rows of one number, by their place in the file."""
        place = 0
        while rows := self.query(
            collection, f"{condition} and place >= {place} and place < {place + _KEYS}", fields, "Strong"
        ):
            yield from rows
            place += _KEYS

    def nearest(
        self, collection: str, vector: list[float], count: int, level: Level, condition: str = ""
    ) -> list[tuple[int, int, float]]:
        """(key, document, inner product) of the nearest passages that meet `condition`, best first; all of them where
        fewer are there."""
        (found,) = self.call(
            "search",
            collection,
            data=[vector],
            limit=count,
            filter=condition,
            output_fields=["document"],
            search_params={"metric_type": "IP", "params": self._effort(count)},
            consistency_level=level,
        )
        name = "id" if found and "id" in found[0] else "key"  # a server names it "id", milvus-lite as it is named
        return [(hit[name], hit["entity"]["document"], hit["distance"]) for hit in found]

    def _effort(self, count: int) -> dict[str, int]:
        """What the address's index looks into; a graph at no fewer than are wanted, or the server refuses."""
        return {"HNSW": {"ef": max(512, count)}, "IVF_FLAT": {"nprobe": 64}}.get(self.address.index, {})

    def close(self) -> None:
        self.client.close()


def connect(address: MilvusAddress) -> Connection:
    """Raises StoreExtraMissingError, StoreUnreachableError, StoreRefusedError, StoreVersionError."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # or its lines stand beside our one
    try:
        from pymilvus import MilvusClient

        if address.embedded:
            import milvus_lite  # noqa: F401
    except ImportError as error:
        raise StoreExtraMissingError(what=address, missing=error.name) from error
    for name in (
        "pymilvus",
        "milvus_lite",
        "grpc",
    ):  # pages of traceback; what there is to say is said by our own errors
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        client = MilvusClient(address.uri, token=address.token, timeout=_TIMEOUT / 2)
        version = client.get_server_version(timeout=_TIMEOUT)
    except Exception as error:
        raise _store_error(address, error) from error
    numbers = [int(part) for part in version.removeprefix("v").split(".")[:2] if part.isdigit()]
    if not address.embedded and tuple(numbers) < _OLDEST:
        raise StoreVersionError(path=address, version=version)
    return Connection(address, client)


def _parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        bytes_ = sum(len(value) * 3 if isinstance(value, str) else 8 for value in row.values())
        bytes_ += sum(4 * len(value) for value in row.values() if isinstance(value, list))
        if part and (size + bytes_ > _BYTES or len(part) >= _KEYS):
            yield part
            part, size = [], 0
        part.append(row)
        size += bytes_
    if part:
        yield part


def _is_hopeless(error: Exception) -> bool:
    from pymilvus.exceptions import MilvusException

    if not isinstance(error, MilvusException):
        return not hasattr(error, "code")  # grpc's have one
    code = _code(error)
    return code == _MISSING or code in _HOPELESS or code in _REFUSED or code in _FULL


def _code(error: Exception) -> int:
    code = getattr(error, "code", 0)
    return code if isinstance(code, int) else 0


def _store_error(address: MilvusAddress, error: Exception) -> StoreError:
    from pymilvus.exceptions import MilvusException

    reason = " ".join(str(getattr(error, "message", "") or error).split())[:200]
    code = _code(error)
    if code in _REFUSED or "auth" in reason.lower():
        return StoreRefusedError(path=address)
    if code in _FULL:
        return StoreFullError(path=address)
    if code == _MISSING:
        return StoreGoneError(
            path=address, what_en=f"a collection of the store ({reason})", what_zh=f"库中的一个集合（{reason}）"
        )
    if code in _HOPELESS or not (isinstance(error, MilvusException) or hasattr(error, "code")):
        return StoreError(detail=f"{address}: Milvus does not take what it was sent ({reason}).")
    return StoreUnreachableError(path=address, reason=reason)
