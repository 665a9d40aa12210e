"""Who may do what: API keys, and requests that a browser sends without its user's knowing.

It stands before the application, so that nothing of a refused request's body is read.
"""

import base64
import binascii
import logging
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from rag.errors import KeyFileError
from rag.server import problems, refusals
from rag.server.keys import KeyFile
from rag.server.limits import Rate
from rag.server.logs import log
from rag.server.settings import ServerSettings

_OPEN = ("/healthz", "/readyz")  # probes carry no key and learn nothing
_READS = ("/v1/chat/completions", "/ask", "/search")  # a POST that changes nothing


class Guard:
    def __init__(self, app: ASGIApp, settings: ServerSettings, keys: KeyFile) -> None:
        self._app = app
        self._settings = settings
        self._keys = keys
        self._rate = Rate(settings.requests_per_minute)
        self._keyed = not settings.loopback  # and once there was a key, taking away the file opens nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in _OPEN:
            try:
                self._check(scope)
            except refusals.RefusalError as refusal:
                answer = problems.response(scope, refusal)
                answer.headers["Connection"] = "close"  # its body, if any, is not read
                await answer(scope, receive, send)
                return
            except KeyFileError as error:  # nobody gets in by breaking the file
                log(str(error), logging.ERROR)
                await problems.response(scope, refusals.InternalError())(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        secret, by_program = _credentials(headers)
        if not by_program:
            self._check_origin(headers)
        self._keyed = self._keyed or bool(self._keys.all())
        if not self._keyed:
            self._check_host(headers)
            return
        if _is_page(scope):
            return
        if not secret:
            raise refusals.KeyMissingError()
        key = self._keys.find(secret)
        if key is None:
            raise refusals.KeyInvalidError()
        scope["state"]["key"] = key.name
        self._rate.take(key.name)
        if _writes(scope) and key.scope != "write":
            raise refusals.ScopeMissingError()

    def _check_host(self, headers: Headers) -> None:
        """Without keys, the name must be this machine's: a page whose own name leads here is a stranger's."""
        name = _split("//" + headers.get("host", "")).hostname or ""
        if name not in ("localhost", self._settings.host) and not _is_loopback(name):
            raise refusals.HostUnknownError()

    def _check_origin(self, headers: Headers) -> None:
        """A browser names the page that sends. Only a program sends a bearer key, which no browser adds by itself."""
        origin = headers.get("origin")
        if origin is None or origin in self._settings.origins:
            return
        own = urlsplit(self._settings.public_url).netloc or headers.get("host", "")
        if _split(origin).netloc != own:
            raise refusals.ForeignOriginError()


def _split(address: str) -> SplitResult:
    """Of an address that is none, no part."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _credentials(headers: Headers) -> tuple[str, bool]:
    """(key, whether as a bearer key); ("", False) where there is none. As a password, for pages in a browser, it may
    come with any user name."""
    given = headers.getlist("authorization")
    if len(given) != 1:
        return "", False
    scheme, _, value = given[0].partition(" ")
    if scheme.lower() == "bearer":
        return value.strip(), True
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2], False
        except (binascii.Error, UnicodeDecodeError):
            return "", False
    return "", False


def _is_page(scope: Scope) -> bool:
    """The files of the chat page, the same for everyone: with them a browser can ask its user for the key."""
    return scope["method"] in ("GET", "HEAD") and (scope["path"] == "/" or scope["path"].startswith("/page/"))


def _writes(scope: Scope) -> bool:
    if scope["method"] == "POST":
        return scope["path"] not in _READS
    return scope["method"] not in ("GET", "HEAD", "OPTIONS")


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
