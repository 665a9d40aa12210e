"""The OpenAPI description: what the routes say of themselves, and the errors that all of them share."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer

from rag.server.problems import OpenAIError, Problem

_COMMON = (400, 401, 403, 408, 413, 429, 500, 503)
_MEANING = {
    400: "The request cannot be understood.",
    401: "The API key is missing, unknown or revoked.",
    403: "The API key may not do this, or a page of another site asks.",
    404: "There is no such thing.",
    408: "The request did not arrive in time.",
    409: "The file holds other documents too.",
    413: "The request is too large.",
    415: "A file or body of this kind cannot be read.",
    422: "The request does not fit the description.",
    429: "Too many requests with this API key.",
    500: "An error of the server.",
    503: "The server is busy; try again after `Retry-After` seconds.",
    507: "There is no space left.",
}

bearer = HTTPBearer(auto_error=False, description="Needed where the server has API keys.")
"""For the description alone: `rag.server.guard` does the checking, before a body is read."""

MODE = "`fast` answers without the trained reader, some ten times sooner; `accurate`, the default, with it."

FILTERS = "Only documents that meet all of this are asked and quoted; weights of words stay those of the whole store."

EVENTS = {
    "text/event-stream": {
        "schema": {
            "description": "Of each event.",
            "type": "object",
            "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
        }
    }
}

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    return {status: _response(status, "application/problem+json", Problem) for status in (*_COMMON, *statuses)}


def openai_errors(*statuses: int) -> Responses:
    return {status: _response(status, "application/json", OpenAIError) for status in (*_COMMON, *statuses)}


def _response(status: int, media_type: str, model: type) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"description": _MEANING[status], "content": {media_type: {"schema": schema}}}


def describe(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        for model in (Problem, OpenAIError):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        for path, operations in found["paths"].items():
            for operation in operations.values():
                if path.startswith("/v1/"):
                    operation["responses"].pop("422", None)  # 400 there, as OpenAI does
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = found
    return app.openapi_schema
