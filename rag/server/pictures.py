"""Pages of documents as pictures, made from the files that the documents were read from."""

import asyncio
from pathlib import Path

from rag.documents import Cited, DocumentReader, Drawn, Limits
from rag.errors import PathMissingError
from rag.server.refusals import NotFoundError
from rag.server.settings import ServerSettings
from rag.server.worker import Worker
from rag.types import Document

_SECONDS = 60  # for a page; as many again where OCR has to find what is marked
_WAITING = 16  # pages


class Pictures:
    """Draws one page after the other, in the process that reads files and within its limits."""

    def __init__(self, settings: ServerSettings) -> None:
        limits = Limits(megabytes=settings.max_file_mb, seconds=_SECONDS, scan_seconds=_SECONDS)
        self._reader = DocumentReader(limits)
        self._worker = Worker("drawing", _WAITING)
        self._base = settings.store.resolve().parent

    def of(self, document: Document) -> Path | None:
        """The file that has the pages of `document`, where it still lies where it was read."""
        file = self._base / document.path
        return file if document.unit == "p" and file.is_file() else None

    async def page(self, document: Document, number: int, start: int, end: int) -> Drawn:
        """A page, with what of [start, end) stands on it marked. Raises NotFoundError, DocumentError,
        OverloadedError."""
        file = self.of(document)
        cited = _cited(document, number, start, end)
        if file is None or cited is None:
            raise NotFoundError(what="page")

        def job() -> Drawn | None:
            return self._reader.draw(file, document.path, document.sha256, cited)

        try:
            drawn = await self._worker.run(job)
        except PathMissingError:
            drawn = None
        if drawn is None:  # another file by now
            raise NotFoundError(what="page")
        return drawn

    async def close(self) -> None:
        await asyncio.to_thread(self._worker.close)
        self._reader.close()


def _cited(document: Document, number: int, start: int, end: int) -> Cited | None:
    """What of [start, end) stands on a page; None where nothing of the document does."""
    ends = [*(offset for offset, _ in document.places[1:]), len(document.text)]
    spans = [(a, b) for (a, place), b in zip(document.places, ends, strict=True) if place == number]
    if not spans:
        return None
    for a, b in spans:
        quote = document.text[max(a, start) : min(b, end)]
        if max(a, start) < min(b, end) and quote.strip():
            return Cited(number, quote, document.text[a : max(a, start)].count(quote))
    return Cited(number)
