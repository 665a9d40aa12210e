"""The server as it is served: uvicorn on a free port of this machine, in a thread; or `rag serve` in a process."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from rag.assistant import fingerprint_of
from rag.ingest import ingest
from rag.server.app import make_app
from rag.server.listen import bind, make_server
from rag.server.settings import ServerSettings
from rag.settings import Settings
from rag.store import open_store
from rag.types import Embedder, Reader


@dataclass(frozen=True)
class Running:
    url: str
    settings: ServerSettings

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def client(self, key: str = "", **options) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False, verify=False, **options)

    def send(self, data: bytes, *, wait: float = 20) -> bytes:
        """All that is answered to `data`, sent as it is on a connection of its own."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            connection.sendall(data)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Until the server closes, or says nothing more for a second after its first word."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
            connection.settimeout(1)
    except (TimeoutError, ConnectionResetError):
        pass
    return b"".join(parts)


def put_in(settings: Settings, embedder: Embedder, *paths: Path) -> None:
    with open_store(settings.store, fingerprint_of(embedder), write=True) as store:
        ingest(paths, store, embedder, base=settings.store.resolve().parent, limit_mb=20)


@contextmanager
def serving(settings: ServerSettings, embedder: Embedder, reader: Reader | None = None) -> Iterator[Running]:
    """The application in a thread of this process, until the block ends; then it must have stopped by itself."""
    settings = settings.model_copy(update={"port": 0})
    app = make_app(settings, embedder, reader)
    bound = bind(settings)
    server = make_server(app, settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        assert server.started
        yield Running(f"http://127.0.0.1:{bound.getsockname()[1]}", settings)
    finally:
        server.should_exit = True
        thread.join(settings.shutdown_seconds + 10)
        assert not thread.is_alive()


@contextmanager
def served(store: Path, *arguments: str, **environment: str) -> Iterator[tuple[Running, subprocess.Popen[str]]]:
    """`rag serve` in a process of its own."""
    with (store.parent / f"{store.name}.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rag", "serve", "--port", "0", *arguments],
            env=os.environ | {"RAG_STORE": str(store), "HF_HUB_OFFLINE": "1"} | environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://"), url
        running = Running(url, ServerSettings(store=store))
        with running.client() as client:
            until(lambda: answers(client))
        yield running, process
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def until(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
