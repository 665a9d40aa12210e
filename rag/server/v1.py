"""/v1: what clients of OpenAI's API call."""

from collections.abc import AsyncIterator, Iterator

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from rag.filters import filter_of
from rag.server.chat import MODEL, ChatRequest, Completion, Model, ModelList
from rag.server.completion import Reply, reply, without_marks
from rag.server.describe import EVENTS, bearer, openai_errors
from rag.server.links import base_url
from rag.server.refusals import ModelUnknownError
from rag.server.service import Facts, Serviced, event_stream, while_connected
from rag.types import Turn

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=[Depends(bearer)])

_SINCE = 1_700_000_000  # a model has a date in this API; ours says nothing


@router.post(
    "/chat/completions",
    response_model=None,
    responses=openai_errors(404)
    | {
        200: {
            "model": Completion,
            "description": "With `stream`: chunks as server-sent events. The chunk that finishes holds `annotations` "
            "and `context` in its `delta`, equal to those of a whole completion.",
            "content": EVENTS,
        }
    },
)
async def complete(body: ChatRequest, request: Request, service: Serviced, facts: Facts) -> Response:
    """Answer the last user message with sentences of the documents."""
    body.check()
    question, earlier = body.question()
    told = (Turn(turn.role, without_marks(turn.text) if turn.role == "assistant" else turn.text) for turn in earlier)
    history = [turn for turn in told if turn.text]
    base = base_url(request, service.settings)
    sources = service.settings.sources if body.sources is None else body.sources

    filters = filter_of(body.filters)

    def job() -> Reply:
        answer = service.ask(question, history, body.mode, filters, facts)
        *asked, told = service.embedder.count_tokens([*(turn.text for turn in history), question, answer.text])
        return reply(answer, base, sources, (sum(asked), told))

    found = await while_connected(request, service.read(job))
    if not body.stream:
        return JSONResponse(found.completion().model_dump(mode="json"))
    include_usage = bool(body.stream_options and body.stream_options.include_usage)
    return event_stream(_sent(found.events(include_usage)))


async def _sent(events: Iterator[str]) -> AsyncIterator[str]:
    for event in events:
        yield event


@router.get("/models", responses=openai_errors())
async def models() -> ModelList:
    """The one model there is."""
    return ModelList(data=[Model(created=_SINCE)])


@router.get("/models/{model}", responses=openai_errors(404))
async def model(model: str) -> Model:
    if model != MODEL:
        raise ModelUnknownError(model=model, known=MODEL, param="model")
    return Model(created=_SINCE)
