"""One writer at a time, though Milvus knows no locks: a claim in the log, renewed while its writer lives.

Two who claim at once see each other and both withdraw. A claim that was not renewed for a minute is void, and one of a
dead process of this machine at once. A writer that was held up for so long is told before it acknowledges anything, and
what it had just written does not count (`rag.store.milvus.log.valid`).
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from rag.errors import StoreError, StoreLockedError
from rag.store.milvus.connection import Connection, Row
from rag.store.milvus.schema import LOG

RENEWED_EVERY = 10.0  # seconds
SURE_FOR = 30.0  # seconds after a renewal within which nobody else can have taken over
VOID_AFTER = 60.0  # seconds; the clocks of two machines may differ by what lies between these two

_held: set[str] = set()  # claims of this process


class Lease:
    """Made by `acquire`. `epoch` is greater than that of every writer before."""

    def __init__(self, connection: Connection, epoch: int, claim: str) -> None:
        self._connection, self.epoch, self._claim = connection, epoch, claim
        self._renewed = time.monotonic()
        self._key: int | None = None  # of the last row written
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True, name="rag-store-lease")

    @classmethod
    def acquire(cls, connection: Connection) -> "Lease":
        """Raises StoreLockedError at once where another is writing, StoreError."""
        claims = _claims(connection)
        if any(_is_alive(one) for one in claims):
            raise StoreLockedError(path=connection.address)
        lease = cls(connection, max((one["epoch"] for one in claims), default=0) + 1, secrets.token_hex(8))
        _held.add(lease._claim)
        try:
            lease._write("claim")
            if any(_is_alive(one) and one["path"] != lease._claim for one in _claims(connection)):
                lease._write("release")
                raise StoreLockedError(path=connection.address)
        except BaseException:
            _held.discard(lease._claim)
            raise
        connection.delete(f"{connection.address.name}_log", [one["key"] for one in claims])
        lease._keeper.start()
        return lease

    def check(self) -> None:
        """Raises StoreLockedError where another writer has taken over meanwhile, StoreError."""
        if time.monotonic() - self._renewed < SURE_FOR:
            return
        if any(one["epoch"] > self.epoch for one in _claims(self._connection)):
            raise StoreLockedError(path=self._connection.address)
        self._renew()

    def release(self) -> None:
        """Never raises: where it cannot be said, the claim runs out by itself."""
        self._closed.set()
        if self._keeper.is_alive():
            self._keeper.join()
        with suppress(StoreError):
            self._write("release")
        _held.discard(self._claim)

    def _renew(self) -> None:
        begun = time.monotonic()
        self._write("claim")
        self._renewed = begun

    def _keep(self) -> None:
        while not self._closed.wait(RENEWED_EVERY):
            with suppress(StoreError):  # the writer will hear of it when it writes
                if time.monotonic() - self._renewed < SURE_FOR:  # later, only `check` may
                    self._renew()

    def _write(self, kind: str) -> None:
        row = {name: "" if type_ == "VARCHAR" else 0 for name, type_ in LOG.items()}
        row |= {"key": -1 - secrets.randbits(62), "kind": kind, "epoch": self.epoch, "path": self._claim}
        row |= {"time": time.time_ns() // 1_000_000, "detail": f"{socket.gethostname()} {os.getpid()}"}
        log = f"{self._connection.address.name}_log"
        self._connection.insert(log, [row | {"unused": [0.0, 0.0]}])
        if self._key is not None:
            self._connection.delete(log, [self._key])
        self._key = int(row["key"])


def _claims(connection: Connection) -> list[Row]:
    """The last word of each claim."""
    condition = 'kind in ["claim", "release"]'
    rows = connection.query(f"{connection.address.name}_log", condition, list(LOG), "Strong")
    return list(_last(rows))


def _last(rows: Iterable[Row]) -> Iterable[Row]:
    last: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (row["kind"] == "release", row["time"])):
        last[row["path"]] = row
    return last.values()


def _is_alive(claim: Row) -> bool:
    if claim["kind"] == "release" or abs(time.time() - claim["time"] / 1000) > VOID_AFTER:
        return False
    host, pid = claim["detail"].rsplit(" ", 1)
    if host != socket.gethostname():
        return True
    if int(pid) == os.getpid():
        return claim["path"] in _held
    return _is_running(int(pid))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user; or Windows, where the claim runs out
        return True
    return True
