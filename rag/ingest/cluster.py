"""An ingest on a cluster: files are read, split and embedded by its workers, and written here.

Three stages over the same workers, each in order: a file is read, some documents of it are split, some texts of it
embedded. Each takes in no more from the one before it than keeps the workers busy. So memory here is bounded, a large
file is shared among the workers, and what is written is what one process would write, in the same transactions.
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

from rag.documents import read_bytes
from rag.errors import ClusterWorkerError, RagError, ReaderCrashedError
from rag.ingest.passages import SLICE, Indexed, Row, Split, known_vectors
from rag.ingest.plan import is_unchanged
from rag.ingest.values import Change, Found, Outcome, Progress
from rag.types import IndexedDocument, Store

_DOCUMENTS = 16  # of a file, split by a worker at a time
_CALLS = 2  # of a worker: while it answers one, the next is on its way to it
_AHEAD = 8  # for each worker, files or parts of them that a stage may have begun
_BYTES = 256_000_000  # of files that wait for being read by a worker

Whole = TypeVar("Whole")
Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerDiedError(Exception):
    """A worker died of a call each of the `times` that it was tried."""

    def __init__(self, times: int) -> None:
        super().__init__(times)
        self.facts = {"reason": f"its worker died {times} times", "reason_zh": f"工作进程 {times} 次异常退出"}


class Call(Protocol):
    """Has a worker (`rag.ingest.worker.Worker`) do something. Raises WorkerDiedError, ClusterError."""

    def __call__(self, method: str, *given: object) -> Any: ...


@dataclass(frozen=True, slots=True)
class _Part(Generic[Whole]):
    """Some of the items of a whole: a file's documents, or its texts."""

    whole: Whole
    items: Sequence[Any]
    start: int
    of: int

    @property
    def is_last(self) -> bool:
        return self.start + len(self.items) >= self.of


@dataclass(frozen=True, slots=True)
class _File:
    """A file that is split; `vectors` of its texts are filled in as they come."""

    change: Change
    split: Sequence[Split]
    vectors: dict[str, Row]


class Cluster:
    """Meets `rag.ingest.run.Way`; from `workers`, each of which does one thing at a time."""

    def __init__(
        self,
        workers: Sequence[Call],
        dim: int,
        *,
        limit_mb: int,
        fields: Mapping[str, str],
        progress: Progress = lambda *_: None,
    ) -> None:
        self._dim, self._limit_mb, self._fields, self._progress = dim, limit_mb, fields, progress
        self._most = _AHEAD * len(workers)
        self._own = threading.local()
        each = itertools.cycle(workers)  # a thread has one worker: whichever is free takes what is next
        self._threads = ThreadPoolExecutor(
            _CALLS * len(workers), initializer=lambda: setattr(self._own, "worker", next(each))
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def read(self, found: Iterable[Found]) -> Iterator[tuple[Found, Outcome]]:
        """The bytes are read here: workers need not see the folder. A file that kills its worker costs itself alone."""
        loaded = ((one, self._load(one)) for one in found)
        for (one, _), outcome in self._ordered(loaded, self._read, lambda item: _size(item[1])):
            self._progress("read", one.name, one.number, one.of)
            yield one, outcome

    def _load(self, one: Found) -> bytes | RagError | None:
        if is_unchanged(one, self._fields):
            return None
        try:
            return read_bytes(one.file, one.name, self._limit_mb)
        except RagError as error:
            return error

    def _read(self, item: tuple[Found, bytes | RagError | None]) -> Future[Outcome]:
        one, data = item
        return self._threads.submit(self._reading, one.name, data) if isinstance(data, bytes) else _done(data)

    def _reading(self, name: str, data: bytes) -> Outcome:
        try:
            outcome: Outcome = self._own.worker("read", name, data)
        except WorkerDiedError as error:
            return ReaderCrashedError(path=name, **error.facts)
        return outcome

    def index(self, changes: Iterable[Change], store: Store) -> Iterator[tuple[Change, Sequence[IndexedDocument]]]:
        parts = _parts(self._begun(changes, store), SLICE)
        for part, vectors in self._ordered(parts, lambda part: self._ask("embed", part.items, part.whole.change.name)):
            file = part.whole
            self._progress("embed", file.change.name, part.start, part.of)
            if part.of > SLICE:  # else the file is stored before long
                store.keep(part.items, vectors)
            file.vectors.update(zip(part.items, vectors, strict=True))
            if part.is_last:
                self._progress("embed", file.change.name, part.of, part.of)
                yield file.change, Indexed(file.split, file.vectors, self._dim)

    def _begun(self, changes: Iterable[Change], store: Store) -> Iterator[tuple[_File, list[str]]]:
        """Each file split, with those of its texts that are to be embedded."""
        parts = _parts(((change, change.reading.documents) for change in changes), _DOCUMENTS)
        split: list[Split] = []
        for part, some in self._ordered(parts, lambda part: self._ask("split", part.items, part.whole.name)):
            self._progress("split", part.whole.name, part.start, part.of)
            split.extend(some)
            if part.is_last:
                vectors, new = known_vectors(split, store)
                yield _File(part.whole, split, vectors), new
                split = []

    def _ask(self, method: str, items: Sequence[object], name: str) -> Future[Any]:
        return self._threads.submit(self._asking, method, items, name) if items else _done([])

    def _asking(self, method: str, items: Sequence[object], name: str) -> Any:
        """Raises ClusterError."""
        try:
            return self._own.worker(method, items)
        except WorkerDiedError as error:
            raise ClusterWorkerError(path=name, **error.facts) from None

    def _ordered(
        self,
        items: Iterable[Item],
        begin: Callable[[Item], Future[Result]],
        size: Callable[[Item], int] = lambda _: 0,
    ) -> Iterator[tuple[Item, Result]]:
        """Each item with what became of it, in order; so many of those that follow are begun meanwhile."""
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        held = 0
        for item in items:
            waiting.append((item, begin(item)))
            held += size(item)
            while waiting and (waiting[0][1].done() or len(waiting) > self._most or held > _BYTES):
                first, future = waiting.popleft()
                held -= size(first)
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


def _parts(wholes: Iterable[tuple[Whole, Sequence[Any]]], most: int) -> Iterator[_Part[Whole]]:
    """At least one of each whole, so that none is lost on the way."""
    for whole, items in wholes:
        for start in range(0, max(len(items), 1), most):
            yield _Part(whole, items[start : start + most], start, len(items))


def _done(result: Result) -> Future[Result]:
    future: Future[Result] = Future()
    future.set_result(result)
    return future


def _size(data: bytes | RagError | None) -> int:
    return len(data) if isinstance(data, bytes) else 0
