"""What a browser shows: the source view, and the files of the pages."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from rag.server.describe import problems as told
from rag.server.documents import found_document
from rag.server.links import CHECK, MARK, fits
from rag.server.observe import PAGE
from rag.server.service import Serviced
from rag.text import has_han

FOLDER = Path(__file__).with_name("page")
"""Files of the pages, served as they are under /page; its index.html is the page at /."""

router = APIRouter()
_ENVIRONMENT = Environment(loader=PackageLoader("rag.server"), autoescape=True)
_HEADERS = {"Content-Security-Policy": PAGE}
_OFFSET = Query(ge=0, le=2**53)


class PageFiles(StaticFiles):
    """With an ETag, by which a browser learns that what it kept is still right."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = PAGE
        response.headers["Cache-Control"] = "no-cache"  # kept, and asked about each time
        return response


FILES = PageFiles(directory=FOLDER)


@router.get("/source/{document_id}", responses=told(404, 422), response_class=HTMLResponse, tags=["Documents"])
async def source(
    document_id: str,
    service: Serviced,
    start: Annotated[int | None, _OFFSET] = None,
    end: Annotated[int | None, _OFFSET] = None,
    check: Annotated[str | None, CHECK] = None,
) -> HTMLResponse:
    """A page that shows a document, scrolled to [start, end) of its text, which is highlighted."""
    document = await service.read(lambda: found_document(service, document_id))
    asked = start is not None and end is not None
    if start is None or end is None or not fits(document.text, start, end, check):
        start = end = 0  # a link from before the document changed: the page says so
    page = _ENVIRONMENT.get_template("source.html.j2").render(
        document=document,
        before=document.text[:start],
        quote=document.text[start:end],
        after=document.text[end:],
        mark=MARK,
        missing=asked and start == end,
        chinese=has_han(document.text[:1000]),
    )
    return HTMLResponse(page, headers=_HEADERS)


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def index(request: Request) -> Response:
    return await FILES.get_response("index.html", request.scope)
