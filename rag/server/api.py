"""Our own routes: /ask gives an Answer, /search the passages found; and what probes and Prometheus ask for."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import State

from rag.filters import Filters, filter_of
from rag.server.body import Body
from rag.server.describe import FILTERS, MODE, bearer, problems
from rag.server.links import base_url, source_url
from rag.server.metrics import CONTENT_TYPE
from rag.server.service import Facts, Service, Serviced, while_connected
from rag.types import Answer, Citation, Hit, Mode, Turn

router = APIRouter(dependencies=[Depends(bearer)])
probes = APIRouter(tags=["Operation"])

_QUESTION = "智新科技去年的销量是多少?"


class TurnBody(BaseModel):
    role: Literal["user", "assistant"]
    text: str


class AskBody(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"question": _QUESTION},
                {"question": _QUESTION, "filters": {"path": "seeds/*", "since": "2024"}},
                {"question": "那今年的目标呢?", "history": [{"role": "user", "text": _QUESTION}]},
            ]
        }
    )

    question: str = Field(min_length=1, pattern=r"\S")
    history: list[TurnBody] = Field(default=[], description="The messages before it, oldest first.")
    mode: Mode | None = Field(None, description=MODE)
    filters: Filters | None = Field(None, description=FILTERS)


class SearchBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"question": _QUESTION, "k": 5}]})

    question: str = Field(min_length=1, pattern=r"\S")
    k: int = Field(default=8, ge=1, le=100, description="How many passages.")
    filters: Filters | None = Field(None, description=FILTERS)


@dataclass(frozen=True, slots=True)
class FoundPassage:
    score: float  # higher is better; compares within one search alone
    citation: Citation  # of the whole passage
    url: str  # the document, scrolled to the passage
    dense_rank: int | None  # 1-based; None where that search did not find it
    lexical_rank: int | None


@dataclass(frozen=True, slots=True)
class Found:
    passages: list[FoundPassage]  # best first


@router.post("/ask", response_model=None, responses=problems(422) | {200: {"model": Answer}}, tags=["Questions"])
async def ask(body: AskBody, request: Request, service: Serviced, facts: Facts) -> Response:
    """Answer with sentences of the documents; the same JSON as `rag ask --json` prints."""
    history = [Turn(turn.role, turn.text) for turn in body.history]
    filters = filter_of(body.filters)
    asked = service.read(lambda: service.ask(body.question, history, body.mode, filters, facts))
    answer = await while_connected(request, asked)
    return Response(answer.to_json(), media_type="application/json")


@router.post("/search", responses=problems(422), tags=["Questions"])
async def search(body: SearchBody, request: Request, service: Serviced, facts: Facts) -> Found:
    """The passages nearest to a question, whether or not they answer it."""
    base = base_url(request, service.settings)
    if service.settings.log_questions:
        facts["question"] = body.question

    def found(hit: Hit, citation: Citation) -> FoundPassage:
        return FoundPassage(hit.score, citation, source_url(base, citation), hit.dense_rank, hit.lexical_rank)

    filters = filter_of(body.filters)
    searched = service.read(lambda: service.assistant.find(body.question, body.k, filters))
    hits = await while_connected(request, searched)
    return Found([found(hit, citation) for hit, citation in hits])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@probes.get("/healthz")
async def healthz() -> Health:
    """Whether the process lives."""
    return Health()


@probes.get("/readyz", responses=problems())
async def readyz(request: Request, service: Serviced) -> Health:
    """Whether questions are answered: the store can be read, and the queue has room."""
    await asyncio.shield(_check(request.app.state, service))
    return Health()


def _check(state: State, service: Service) -> asyncio.Task[int]:
    """The one check that all wait for who ask meanwhile: without a key nobody can fill the queue."""
    pending: asyncio.Task[int] | None = getattr(state, "check", None)
    if pending is None or pending.done():
        pending = state.check = asyncio.create_task(service.read(service.store.passage_count))
        pending.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may be waiting any more
    return pending


@probes.get(
    "/metrics",
    response_model=None,
    dependencies=[Depends(bearer)],
    responses=problems() | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
async def metrics(service: Serviced) -> Response:
    """For Prometheus."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
