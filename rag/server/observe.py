"""Around every request: an id, a line in the log, a count, the headers that tell a browser what it may not do."""

import re
import time
import uuid
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.server import problems, refusals
from rag.server.logs import log, logger
from rag.server.metrics import Metrics

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # others are counted as one
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""Content-Security-Policy of what is no page, and of our pages: only files of our own, nothing inline."""

_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": NO_PAGE,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Observe:
    """The outermost layer: whatever goes wrong inside it is logged and answered."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        begin, status = time.perf_counter(), 0

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, marked)
        except Exception:  # noqa: BLE001 - whatever it is, it is logged and answered
            logger.exception("failed", extra={"facts": {"request_id": request_id}})
            if not status:
                await problems.response(scope, refusals.InternalError())(scope, receive, marked)
        finally:
            spent = time.perf_counter() - begin
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.request(method, route, status, spent)
            log(
                "request",
                request_id=request_id,
                method=method,
                route=route,
                status=status,
                ms=round(spent * 1000, 1),
                key=state.get("key"),
                client=(scope.get("client") or ("",))[0],
                **state.get("facts", {}),
            )
