"""Addresses of our own source view."""

import re
from urllib.parse import urlencode

from starlette.requests import Request

from rag.server.settings import ServerSettings
from rag.types import AlsoIn, Citation

MARK = "cited"
"""Id of the highlighted span on the page of a document."""

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)


def base_url(request: Request, settings: ServerSettings) -> str:
    """Scheme and host as set, else as the request named them."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host if _HOST.fullmatch(host) else f'localhost:{settings.port}'}"


def source_url(base: str, citation: Citation | AlsoIn) -> str:
    span = urlencode({"start": citation.start, "end": citation.end})
    return f"{base}/source/{citation.document_id}?{span}#{MARK}"
