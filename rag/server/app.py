"""The application: its routes, the layers around them, its start and end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from rag.assistant import LocalAssistant, fingerprint_of
from rag.errors import RagError, StoreError
from rag.server import api, documents, pages, problems, suggestions, v1
from rag.server.describe import describe
from rag.server.guard import Guard
from rag.server.keys import KeyFile
from rag.server.limits import AtOnce, BodyLimit
from rag.server.logs import log
from rag.server.metrics import Metrics
from rag.server.observe import Observe
from rag.server.pictures import Pictures
from rag.server.service import Service
from rag.server.settings import ServerSettings
from rag.server.uploads import Uploads
from rag.server.worker import Worker
from rag.store import open_store
from rag.types import Embedder, Reader
from rag.weights import own_weights

REFRESH_SECONDS = 60.0

_DESCRIPTION = (
    "Ask your own documents; get the exact sentences, and see where they stand. Offsets count code points throughout."
)


def make_app(settings: ServerSettings, embedder: Embedder, reader: Reader | None) -> ASGIApp:
    """The server over the store that `settings` name, which is made where there is none. Without a reader it answers in
    the fast mode alone. Raises StoreError, CalibrationError, KeyFileError."""
    try:  # makes the store where there is none, and its indexes anew where a killed ingest left them behind
        open_store(settings.where, fingerprint_of(embedder), write=True).close()
    except StoreError:  # another process is writing it, or nobody can: it is read as it is
        if not settings.milvus and not settings.store.exists():
            raise
    store = open_store(settings.where, fingerprint_of(embedder))
    service = Service(
        settings=settings,
        embedder=embedder,
        store=store,
        assistant=LocalAssistant(
            store, embedder, settings, own_weights(settings.store), reader, settings.answers_cached
        ),
        uploads=Uploads(settings, embedder),
        pictures=Pictures(settings),
        reading=Worker("reading", settings.max_questions),
        writing=Worker("writing", settings.max_ingests),
        keys=KeyFile(settings.key_file),
        metrics=Metrics(),
    )
    service.keys.all()  # a file that cannot be read is told before anyone connects
    service.metrics.watch(
        "rag_pending_questions", "Questions that wait or are answered.", lambda: service.reading.pending
    )
    service.metrics.watch("rag_pending_ingests", "Uploads and removals under way.", lambda: service.writing.pending)
    service.metrics.watch("rag_store_generation", "Generation that answers come from.", lambda: store.generation)

    app = FastAPI(
        title="rag",
        version=version("rag"),
        description=_DESCRIPTION,
        docs_url=None,  # those pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        exception_handlers={
            RagError: problems.on_rag_error,
            HTTPException: problems.on_http_error,
            RequestValidationError: problems.on_invalid,
            Exception: problems.on_fault,
        },
    )
    app.state.service = service
    app.state.suggestions = suggestions.Suggestions()
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    for router in (v1.router, api.router, suggestions.router, documents.router, pages.router, api.probes):
        app.include_router(router)
    app.mount("/page", pages.FILES)

    layered: ASGIApp = BodyLimit(app, settings)
    layered = Guard(layered, settings, service.keys)
    layered = AtOnce(layered, settings.max_requests)
    if settings.origins:
        layered = CORSMiddleware(
            layered, settings.origins, allow_methods=["GET", "POST", "DELETE"], allow_headers=["*"], max_age=600
        )
    return Observe(layered, service.metrics)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    await asyncio.to_thread(service.uploads.clear)
    await service.read(lambda: service.assistant.search("?", 1))  # loads the indexes: the first question need not wait
    log("started", documents=service.store.document_count(), generation=service.store.generation)
    refreshing = asyncio.create_task(_refresh(service))
    yield
    refreshing.cancel()
    await service.pictures.close()
    for close in (service.writing.close, service.reading.close, service.store.close):
        await asyncio.to_thread(close)
    log("stopped")


async def _refresh(service: Service) -> None:
    """Look at the store now and then: a reader holds on to what it saw last, and meanwhile no writer can empty its log.

    Not to be told of what fails: the next question is."""
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        with suppress(RagError):
            await service.read(lambda: None)
