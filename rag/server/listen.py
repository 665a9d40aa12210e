"""uvicorn, as this server runs it."""

import asyncio
import signal
import socket
import sys

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from rag.errors import AddressError
from rag.server import logs
from rag.server.settings import ServerSettings

_IDLE_SECONDS = 15  # for the head of a request, from the connection or the answer before it
_BACKLOG = 2048


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection on which no whole head of a request arrives in time: uvicorn itself waits for
    ever for the first one, and for any of which the first byte came."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head is not None and self.conn.their_state is not h11.IDLE:
            self._head.cancel()
            self._head = None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and self.conn.their_state is h11.IDLE:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._head is not None:
            self._head.cancel()

    def _await_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
        self._head = self.loop.call_later(_IDLE_SECONDS, self.timeout_keep_alive_handler)


def bind(settings: ServerSettings) -> socket.socket:
    """Raises AddressError."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        bound = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise AddressError(host=settings.host, port=settings.port, reason=error.strerror or error) from error
    # As asyncio does for sockets of its own making. Without, the second packet of an answer waits 40 ms for the client.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def make_server(app: ASGIApp, settings: ServerSettings) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    return uvicorn.Server(config)


def run(app: ASGIApp, bound: socket.socket, settings: ServerSettings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is running."""
    if sys.platform != "win32":
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection is a file
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a client that hangs up is no reason to die
    for stop in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises again what it was stopped by: then all is done
        signal.signal(stop, lambda *_: None)
    logs.set_up()
    make_server(app, settings).run(sockets=[bound])
