"""How an error is told: as RFC 9457 problem details, under /v1 as OpenAI does."""

import logging
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import Scope

from rag.errors import (
    DocumentError,
    FactError,
    FileTooLargeError,
    FilterError,
    QuestionError,
    RagError,
    StoreError,
    StoreFullError,
    StoreLockedError,
)
from rag.server.logs import log
from rag.server.refusals import InternalError, RefusalError, SpaceError, StoreBusyError, StoreUnavailableError
from rag.validation import in_chinese


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "The question is empty. Ask in 1 to 2000 characters.",
                    "code": "question",
                    "request_id": "5f0c1f4be5a14d2fa3ab1bd4e0c4b0c5",
                }
            ]
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str = Field(description="What went wrong, for programs.")
    request_id: str


class OpenAIErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIError(BaseModel):
    """An error as OpenAI's API shapes it."""

    error: OpenAIErrorDetail


def refusal_of(error: RagError) -> tuple[int, str, int | None]:
    """(status, code, seconds to wait) of an error of this package."""
    if isinstance(error, RefusalError):
        return error.status, error.code, error.retry_after
    kinds: tuple[tuple[type[RagError], int, str], ...] = (
        (QuestionError, 422, "question"),
        (FilterError, 422, "filter"),
        (FactError, 422, "facts"),
        (FileTooLargeError, 413, "file_too_large"),
        (DocumentError, 422, "document_unreadable"),
    )
    for kind, status, code in kinds:
        if isinstance(error, kind):
            return status, code, None
    return 500, InternalError.code, None


def public(error: RagError) -> RagError:
    """What is told outside: nothing of the paths of this machine."""
    if isinstance(error, StoreLockedError):
        return StoreBusyError()
    if isinstance(error, StoreFullError):
        return SpaceError()
    return StoreUnavailableError() if isinstance(error, StoreError) else error


def response(scope: Scope, error: RagError) -> JSONResponse:
    """The answer to the request of `scope` that tells `error`, in the language the client asks for."""
    told = public(error)
    status, code, wait = refusal_of(told)
    if told is not error or (status >= 500 and not isinstance(error, RefusalError)):
        log(str(error), logging.ERROR, request_id=scope.get("state", {}).get("request_id", ""))
    if is_openai(scope) and status == 422:
        status = 400  # as OpenAI does
    headers = {"Retry-After": str(wait)} if wait else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="rag", charset="UTF-8"' if _opens(scope) else 'Bearer realm="rag"'
    param = told.facts.get("param")
    return _shaped(scope, status, code, told.message(language(scope)), headers, str(param) if param else None)


def _shaped(
    scope: Scope, status: int, code: str, message: str, headers: dict[str, str], param: str | None = None
) -> JSONResponse:
    if is_openai(scope):
        kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
        told = OpenAIError(error=OpenAIErrorDetail(message=message, type=kind, param=param, code=code))
        return JSONResponse(told.model_dump(), status, headers)
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=message,
        code=code,
        request_id=scope.get("state", {}).get("request_id", ""),
    )
    return JSONResponse(problem.model_dump(), status, headers, media_type="application/problem+json")


def is_openai(scope: Scope) -> bool:
    return str(scope["path"]).startswith("/v1/")


def language(scope: Scope) -> str:
    """ "zh" or "en", as the client asks for."""
    return "zh" if _header(scope, b"accept-language").lower().startswith(b"zh") else "en"


def _opens(scope: Scope) -> bool:
    """Whether a browser opens this as a page. It then asks its user for a password; the chat page asks for itself."""
    return b"text/html" in _header(scope, b"accept")


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for other, value in scope["headers"] if other == name), b"")


async def on_rag_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RagError)
    return response(request.scope, error)


async def on_fault(request: Request, error: Exception) -> JSONResponse:
    """A fault of this program: what it was is for the log alone."""
    return response(request.scope, InternalError())


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses: no such page, no such method, a body it cannot parse."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "_")
    return _shaped(request.scope, status, code, str(error.detail), dict(error.headers or {}))


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """The first thing that does not fit the description; what was sent is not repeated."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    said, colon = (in_chinese(first), "：") if language(request.scope) == "zh" else (str(first["msg"]), ": ")
    message = (f"{where}{colon}{said}" if where else said).encode("utf-8", "replace").decode()
    status = 400 if is_openai(request.scope) else 422
    return _shaped(request.scope, status, "invalid_request", message, {}, where or None)
