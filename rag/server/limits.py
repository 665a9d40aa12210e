"""Limits on what comes in: requests at once, requests of a key, the size of a body and the time it takes."""

import asyncio
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.errors import RagError
from rag.server import problems, refusals
from rag.server.settings import ServerSettings

_SLOWEST = 50_000  # bytes a second; a body that comes slower runs out of time


class Rate:
    """Requests of each key: as many at once as a minute allows, then one whenever a place is free again."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}  # name -> requests left, when that was

    def take(self, name: str) -> None:
        """Raises RateExceededError."""
        now = self._clock()
        left, then = self._left.get(name, (float(self._per_minute), now))
        left = min(left + (now - then) * self._per_minute / 60, float(self._per_minute))
        if left < 1:
            raise refusals.RateExceededError(limit=self._per_minute)
        self._left[name] = left - 1, now


class AtOnce:
    """At most so many requests are handled at once; one more is told to come back. A probe is always let in."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/healthz":
            await self._app(scope, receive, send)
        elif self._running >= self._limit:
            await problems.response(scope, refusals.OverloadedError())(scope, receive, send)
        else:
            self._running += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._running -= 1


class BodyLimit:
    """Refuses a body that is too large, by what it says of itself or by what arrives, or that takes too long."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = scope["path"] == "/documents"
        limit = self._settings.max_upload_mb * 1_000_000 if upload else self._settings.max_body_kb * 1000
        started = began = False
        refused: RagError | None = None
        size, begin = 0, time.monotonic()

        async def limited() -> Message:
            nonlocal size, began, refused
            if began:
                return await receive()
            try:
                async with asyncio.timeout(begin + self._settings.body_seconds + size / _SLOWEST - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                refused = refusals.BodySlowError()
                raise refused from None
            size += len(message.get("body", b""))
            if size > limit:
                refused = refusals.BodyTooLargeError(limit=limit)
                raise refused
            began = not message.get("more_body", False)
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if refused is not None and not started:
                return  # what the application makes of the broken body is not the answer
            started = True
            await send(message)

        try:
            if _declared(scope) > limit:
                refused = refusals.BodyTooLargeError(limit=limit)
            else:
                await self._app(scope, limited, watched)
        except RagError as error:
            if error is not refused:
                raise
        if refused is not None and not started:
            answer = problems.response(scope, refused)
            answer.headers["Connection"] = "close"  # the rest of the body is not read
            await answer(scope, receive, send)


def _declared(scope: Scope) -> int:
    """Content-Length; 0 where there is none. The HTTP parser has refused what is no number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
