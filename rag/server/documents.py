"""/documents: list, show, take in and remove documents."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from starlette.datastructures import UploadFile

from rag.documents import passage_id
from rag.errors import FactError, RagError
from rag.ingest import Progress, Stage
from rag.server import problems, refusals
from rag.server.describe import EVENTS, bearer
from rag.server.describe import problems as told
from rag.server.links import CHECK, fits
from rag.server.service import Service, Serviced, event_stream
from rag.server.uploads import IngestOutcome, safe_name
from rag.types import Document, DocumentSummary, Facts
from rag.types.facts import facts_of
from rag.validation import in_chinese

router = APIRouter(prefix="/documents", tags=["Documents"], dependencies=[Depends(bearer)])

QUIET_SECONDS = 15.0
"""After which a stream of events says that it lives: a proxy cuts what is quiet for a minute."""

_BATCH = 256  # passages asked for at once
_KINDS = ("multipart/form-data", "application/json")


_TITLE = "In place of the one found in it."
_DATE = "ISO, `2023`, `2023-05` or `2023-05-17`: in place of the one found in it."
_METADATA = "name -> value, to filter by."


class TextBody(BaseModel):
    """A document as text."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "纪要.txt", "text": "智新科技召开年会\n公司去年销量达到53万套。"}]}
    )

    name: str = Field(min_length=1, description="File name; .txt is added where it has no ending.")
    text: str = Field(min_length=1)
    title: str = Field("", description=_TITLE)
    date: str | None = Field(None, description=_DATE)
    metadata: dict[str, str] = Field({}, description=_METADATA)


class DocumentList(BaseModel):
    total: int
    documents: list[DocumentSummary]


@dataclass(frozen=True, slots=True)
class DocumentText(Document):
    """A document with its canonical text; every offset counts code points in `text`."""

    sentences: tuple[tuple[int, int], ...] = ()
    pictures: bool = False  # whether its pages can be shown as they are printed


class Removed(BaseModel):
    path: str
    documents: int


@router.get("", responses=told(422))
async def list_documents(
    service: Serviced,
    offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> DocumentList:
    """The stored documents, by path and place in the file."""
    documents = await service.read(service.store.documents)
    return DocumentList(total=len(documents), documents=documents[offset : offset + limit])


@router.get("/{document_id}", responses=told(404, 422))
async def show_document(document_id: str, service: Serviced) -> DocumentText:
    """The canonical text of a document, which all offsets count in, and where its sentences stand."""

    def job() -> DocumentText:
        document = found_document(service, document_id)
        return DocumentText(
            **asdict(document),
            sentences=tuple(_sentences(service, document_id)),
            pictures=service.pictures.of(document) is not None,
        )

    return await service.read(job)


_PICTURE = {
    "description": "The page. `X-Marked-At` says where the mark begins, from 0 (the head of the page) to 1; without it "
    "nothing is marked.",
    "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    "headers": {"X-Marked-At": {"schema": {"type": "number"}}},
}


@router.get("/{document_id}/pages/{number}", responses=told(404, 422) | {200: _PICTURE}, response_class=Response)
async def show_page(
    document_id: str,
    number: Annotated[int, InPath(ge=1, le=100_000)],
    service: Serviced,
    start: Annotated[int, Query(ge=0, le=2**53)] = 0,
    end: Annotated[int, Query(ge=0, le=2**53)] = 0,
    check: Annotated[str | None, CHECK] = None,
) -> Response:
    """A page of a PDF or a picture as it is printed, with [start, end) of the document's text marked on it. 404 where
    the file no longer lies where it was read, or has changed, or `check` does not fit."""
    document = await service.read(lambda: found_document(service, document_id))
    if check is not None and not fits(document.text, start, end, check):
        raise refusals.NotFoundError(what="page")
    drawn = await service.pictures.page(document, number, start, end)
    headers = {} if drawn.marked_at is None else {"X-Marked-At": f"{drawn.marked_at:.4f}"}
    return Response(drawn.png, media_type="image/png", headers=headers)


@router.delete("/{document_id}", responses=told(404, 409, 422))
async def remove_document(
    document_id: str,
    service: Serviced,
    everything: Annotated[
        bool, Query(alias="all", description="Remove the other documents of its file too, where there are any.")
    ] = False,
) -> Removed:
    """Remove a document. A file is removed as a whole: where it holds several, `all=true` says that this is meant.

    A file that came in by upload is deleted; one that `rag ingest` read elsewhere is left alone."""

    def look() -> tuple[str, int]:
        path = service.uploads.file_of(found_document(service, document_id).path)
        return path, sum(f"{one.path}/".startswith(f"{path}/") for one in service.store.documents())

    path, count = await service.read(look)
    if count > 1 and not everything:
        raise refusals.FileOfSeveralError(path=path, count=count)
    removed = await service.writing.run(lambda: service.uploads.remove(path))
    service.metrics.files("removed", 1)
    return Removed(path=path, documents=removed)


_BODIES = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["files"],
            "properties": {
                "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                "title": {"type": "string", "description": f"{_TITLE} For a file of one document."},
                "date": {"type": "string", "description": _DATE},
                "metadata": {"type": "string", "description": f"As a JSON object: {_METADATA}"},
            },
        }
    },
    "application/json": {"schema": TextBody.model_json_schema()},
}
_EVENTS = {
    "description": "What became of each file. With `Accept: text/event-stream` it comes as events: `progress` "
    "(`stage`: read, split, embed or index; `file`, `done`, `total`), then `done` with the same object, or `error` "
    "with a problem.",
    "model": IngestOutcome,
    "content": EVENTS,
}


@router.post(
    "",
    response_model=None,
    responses=told(415, 422, 507) | {200: _EVENTS},
    openapi_extra={"requestBody": {"required": True, "content": _BODIES}},
)
async def add_documents(request: Request, service: Serviced) -> Response:
    """Take in files, or one text. A file of the same name is replaced. When this says that a file was added, it is
    stored for good and found by the next question.

    Title, date and metadata are said of all that is sent; the store keeps them, the files do not."""
    staged, facts = await _staged(request, service)
    events: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def progress(stage: Stage, name: str, done: int, total: int) -> None:
        if name or stage == "index":
            told = json.dumps({"stage": stage, "file": name, "done": done, "total": total}, ensure_ascii=False)
            loop.call_soon_threadsafe(events.put_nowait, f"event: progress\ndata: {told}\n\n")

    task = asyncio.create_task(_ingest(service, staged, facts, progress, problems.language(request.scope)))
    if "text/event-stream" not in request.headers.get("accept", ""):
        outcome = await asyncio.shield(task)  # a client that goes away does not undo what was begun
        return Response(json.dumps(asdict(outcome), ensure_ascii=False), media_type="application/json")
    task.add_done_callback(lambda _: events.put_nowait(None))
    return event_stream(_events(request, task, events))


async def _ingest(
    service: Service, staged: Path, facts: Facts | None, progress: Progress, language: str
) -> IngestOutcome:
    try:
        outcome = await service.writing.run(lambda: service.uploads.take_in(staged, progress, language, facts))
    except refusals.OverloadedError:
        service.uploads.discard(staged)
        raise
    for name in ("added", "updated", "unchanged", "failed"):
        if count := len(getattr(outcome, name)):
            service.metrics.files(name, count)
    return outcome


async def _events(
    request: Request, task: asyncio.Task[IngestOutcome], events: asyncio.Queue[str | None]
) -> AsyncIterator[str]:
    while (event := await _next(events)) is not None:
        yield event
    try:
        yield f"event: done\ndata: {json.dumps(asdict(task.result()), ensure_ascii=False)}\n\n"
    except Exception as error:  # the answer has begun, so what nobody foresaw has to be told here, too
        told = error if isinstance(error, RagError) else refusals.InternalError()
        yield f"event: error\ndata: {bytes(problems.response(request.scope, told).body).decode()}\n\n"
        if told is not error:
            raise  # into the log


async def _next(events: asyncio.Queue[str | None]) -> str | None:
    try:
        return await asyncio.wait_for(events.get(), QUIET_SECONDS)
    except TimeoutError:
        return ":\n\n"  # a comment, which clients pass over


async def _staged(request: Request, service: Service) -> tuple[Path, Facts | None]:
    """The folder that the files of a request were written to, and what it says of them. Raises RefusalError,
    FactError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    async with AsyncExitStack() as stack:
        files: list[tuple[str, BinaryIO]]
        if kind == "application/json":
            file, facts = _text_file(await request.body())
            files = [file]
        elif kind == "multipart/form-data":
            limit = service.settings.max_files
            form = await stack.enter_async_context(request.form(max_files=limit, max_fields=limit))
            parts = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
            files = [(safe_name(part.filename or ""), part.file) for part in parts]
            said = {name: value for name, value in form.items() if isinstance(value, str)}
            facts = facts_of(said.get("title", ""), said.get("date"), _metadata(said.get("metadata", "")))
        else:
            raise refusals.TypeUnknownError(known=" or ".join(_KINDS))
        names = [name for name, _ in files]
        if not names or len(set(names)) < len(names):
            raise refusals.UnprocessableError(
                problem_en="Send at least one file, each with a name of its own.",
                problem_zh="请至少发送一个文件，且文件名各不相同。",
            )
        if facts and facts.title and len(files) > 1:
            english, chinese = "is for one file; send them one at a time.", "只能给单个文件，请逐个发送。"
            raise FactError(name="title", problem_en=english, problem_zh=chinese)
        return await asyncio.to_thread(service.uploads.stage, files), facts


def _metadata(given: str) -> dict[str, str]:
    """The form's field. Raises FactError."""
    try:
        found = json.loads(given.strip() or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        english = 'give a JSON object, such as {"source": "新华社"}.'
        raise FactError(name="metadata", problem_en=english, problem_zh='请用 JSON 对象，如 {"source": "新华社"}。')
    return found


def _text_file(body: bytes) -> tuple[tuple[str, BinaryIO], Facts | None]:
    try:
        given = TextBody.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        english = f"{where}: {first['msg']}".removeprefix(": ")
        chinese = f"{where}：{in_chinese(first)}".removeprefix("：")
        raise refusals.UnprocessableError(problem_en=english, problem_zh=chinese) from None
    name = given.name if "." in given.name.strip(". ") else given.name + ".txt"
    file = safe_name(name), io.BytesIO(given.text.encode())
    return file, facts_of(given.title, given.date, given.metadata)


def found_document(service: Service, document_id: str) -> Document:
    """Raises NotFoundError."""
    document = service.store.document(document_id)
    if document is None:
        raise refusals.NotFoundError(what="document")
    return document


def _sentences(service: Service, document_id: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    first = 0
    while True:
        ids = [passage_id(document_id, ordinal) for ordinal in range(first, first + _BATCH)]
        groups = [sentences for sentences, _ in service.store.sentences(ids) if sentences]
        found.extend((sentence.start, sentence.end) for group in groups for sentence in group)
        if len(groups) < _BATCH:
            return found
        first += _BATCH
