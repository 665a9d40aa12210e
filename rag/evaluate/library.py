"""The stored documents as the evaluation looks at them: by id, by the name a set gives them, ready to be matched."""

from functools import lru_cache
from typing import Protocol

from rag.evaluate.matching import squeeze
from rag.types import Document, DocumentSummary

_KEPT = 64  # documents held at once


class Library(Protocol):
    """What the evaluation needs of a store; every `rag.types.Store` is one."""

    def documents(self) -> list[DocumentSummary]: ...

    def document(self, document_id: str) -> Document | None: ...


class Shelf:
    """A Library with names and a little memory."""

    def __init__(self, library: Library) -> None:
        self.summaries = library.documents()
        self._ids: dict[str, list[str]] = {}
        for summary in self.summaries:
            parts = summary.path.split("/")
            for i in range(len(parts)):
                self._ids.setdefault("/".join(parts[i:]), []).append(summary.id)
        self.document = lru_cache(_KEPT)(library.document)
        self.squeezed = lru_cache(_KEPT)(self._squeezed)

    def named(self, name: str) -> list[str]:
        """Ids of the documents whose path is `name` or ends in it; a file may hold several documents."""
        return self._ids.get(name, [])

    def _squeezed(self, document_id: str) -> str:
        document = self.document(document_id)
        return squeeze(document.text) if document else ""
