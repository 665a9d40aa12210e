"""What the routes work with, and how a question is put to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.responses import StreamingResponse

from rag.assistant import LocalAssistant
from rag.server.keys import KeyFile
from rag.server.metrics import Metrics
from rag.server.pictures import Pictures
from rag.server.refusals import ClientGoneError, HistoryTooLongError
from rag.server.settings import ServerSettings
from rag.server.uploads import Uploads
from rag.server.worker import Worker
from rag.store import AnyStore
from rag.types import Answer, Embedder, Filter, Mode, Turn

POLL_SECONDS = 0.5

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    settings: ServerSettings
    embedder: Embedder
    store: AnyStore  # opened for reading
    assistant: LocalAssistant  # over that store
    uploads: Uploads
    pictures: Pictures
    reading: Worker
    writing: Worker  # ingests and removals: they go on beside answering
    keys: KeyFile
    metrics: Metrics

    async def read(self, job: Callable[[], Result]) -> Result:
        """What `job` finds in one generation of the store, the newest that there is."""

        def pinned() -> Result:
            with self.store.pinned():
                return job()

        return await self.reading.run(pinned)

    def ask(
        self,
        question: str,
        history: Sequence[Turn],
        mode: Mode | None,
        filters: Filter | None,
        facts: dict[str, object],
    ) -> Answer:
        """To be run by `read`. `facts` takes what the log may say of it."""
        limits = self.settings
        if len(history) > limits.max_history or sum(len(turn.text) for turn in history) > limits.max_history_chars:
            raise HistoryTooLongError(messages=limits.max_history, characters=limits.max_history_chars)
        if limits.log_questions:
            facts["question"] = question
        answer = self.assistant.ask(question, history, mode, filters)
        self.metrics.answer(answer.status, answer.reason)
        facts |= {"answer": answer.status, "reason": answer.reason, "generation": answer.index.generation}
        if "cached" in answer.timings_ms:
            facts["cached"] = True
        return answer


async def while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` comes to, which is cancelled where the client goes away meanwhile. Raises ClientGoneError."""
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait({task}, timeout=POLL_SECONDS))[0]:
            if await request.is_disconnected():
                raise ClientGoneError()
        return task.result()
    finally:
        task.cancel()


def event_stream(events: AsyncIterator[str]) -> StreamingResponse:
    """Server-sent events, told to proxies as something to pass on at once."""
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _facts(request: Request) -> dict[str, object]:
    """What the routes add to the request's line in the log."""
    facts: dict[str, object] = request.scope["state"].setdefault("facts", {})
    return facts


Serviced = Annotated[Service, Depends(_service)]
Facts = Annotated[dict[str, object], Depends(_facts)]
