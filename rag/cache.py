"""Documents as answering reads them, kept at hand from one question to the next."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from rag.text import fold
from rag.types import Document, Passage, Store

Value = TypeVar("Value")


class TextCache:
    """Texts of a store's documents and their matching forms; the least recently read are dropped. Follows the
    generation."""

    def __init__(self, store: Store, documents: int = 256, forms: int = 8192) -> None:
        self._store = store
        self._generation = store.generation
        self._documents: _Recent[Document] = _Recent(documents)
        self._forms: _Recent[str] = _Recent(forms)

    def document(self, document_id: str) -> Document:
        """Raises KeyError where the store does not hold it (removed since it was found)."""
        self._follow()

        def load() -> Document:
            document = self._store.document(document_id)
            if document is None:
                raise KeyError(document_id)
            return document

        return self._documents.get(document_id, load)

    def folded(self, passage: Passage) -> str:
        """Context and text of a passage in matching form."""
        self._follow()
        return self._forms.get(passage.id, lambda: fold(f"{passage.context}\n{self.text(passage)}"))

    def folded_document(self, document: Document) -> str:
        """The whole text of a document, title and date with it, in matching form."""
        self._follow()
        return self._forms.get(document.id, lambda: fold(f"{document.title}\n{document.date or ''}\n{document.text}"))

    def text(self, passage: Passage) -> str:
        return self.document(passage.document_id).text[passage.start : passage.end]

    def _follow(self) -> None:
        if self._generation != self._store.generation:
            self._generation = self._store.generation
            self._documents.clear()
            self._forms.clear()


class _Recent(OrderedDict[str, Value]):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def get(self, key: str, make: Callable[[], Value]) -> Value:  # type: ignore[override]
        if key in self:
            self.move_to_end(key)
            return self[key]
        value = self[key] = make()
        if len(self) > self._limit:
            self.popitem(last=False)
        return value
