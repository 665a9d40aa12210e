"""Addresses of our own source view."""

import re
import zlib
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request

from rag.server.settings import ServerSettings
from rag.types import AlsoIn, Citation

MARK = "cited"
"""Id of the highlighted span on the page of a document."""

CHECK = Query(description="Adler-32 of the quote's UTF-8, in hexadecimal: whether it stands there still.")

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)


def base_url(request: Request, settings: ServerSettings) -> str:
    """Scheme and host as set, else as the request named them."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host if _HOST.fullmatch(host) else f'localhost:{settings.port}'}"


def check_of(quote: str) -> str:
    """What a link carries of its quote, to tell whether the quote still stands there; page/api.js makes the same."""
    return f"{zlib.adler32(quote.encode()):08x}"


def fits(text: str, start: int, end: int, check: str | None) -> bool:
    """Whether a link's quote still stands at [start, end) of `text`, as far as the link tells."""
    return start < end <= len(text) and check in (None, check_of(text[start:end]))


def source_url(base: str, citation: Citation | AlsoIn) -> str:
    span = urlencode({"start": citation.start, "end": citation.end, "check": check_of(citation.quote)})
    return f"{base}/source/{citation.document_id}?{span}#{MARK}"
