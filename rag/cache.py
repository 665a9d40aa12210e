"""Documents as answering reads them, kept at hand from one question to the next."""

from collections import OrderedDict
from collections.abc import Callable
from threading import RLock
from typing import Generic, TypeVar

from rag.text import fold, said_years, simplify, years
from rag.types import Document, Passage, Store

Value = TypeVar("Value")


class TextCache:
    """Texts of a store's documents and their matching forms; those not read for longest are dropped.

    Holds nothing of another generation than the store's. Safe to share between threads, each with the store pinned.
    """

    def __init__(self, store: Store, characters: int = 20_000_000) -> None:
        self._store = store
        self._lock = RLock()
        self._state = (store.identity, store.generation)
        self._documents: _Recent[Document] = _Recent(characters, lambda document: len(document.text))
        self._forms: _Recent[str] = _Recent(characters, len)

    def document(self, document_id: str) -> Document:
        """Raises KeyError where the store does not hold it (removed since it was found)."""

        def load() -> Document:
            document = self._store.document(document_id)
            if document is None:
                raise KeyError(document_id)
            return document

        with self._lock:
            self._follow()
            return self._documents.get(document_id, load)

    def context(self, passage: Passage) -> str:
        """The passage's context line, and which years its "last year" and the like are."""
        document = self.document(passage.document_id)
        year = next(iter(years(document.title)), (document.date or "")[:4])
        said = said_years(simplify(self._text(passage)), year) if year else ""
        return f"{passage.context} {said}".strip()

    def folded(self, passage: Passage) -> str:
        """Context and text of a passage in matching form."""
        with self._lock:
            self._follow()
            return self._forms.get(passage.id, lambda: fold(f"{self.context(passage)}\n{self._text(passage)}"))

    def folded_document(self, document: Document) -> str:
        """The whole text of a document, title and date with it, in matching form."""
        with self._lock:
            self._follow()
            return self._forms.get(
                document.id, lambda: fold(f"{document.title}\n{document.date or ''}\n{document.text}")
            )

    def _text(self, passage: Passage) -> str:
        return self.document(passage.document_id).text[passage.start : passage.end]

    def _follow(self) -> None:
        state = (self._store.identity, self._store.generation)
        if self._state != state:
            self._documents.clear()
            self._forms.clear()
            self._state = state


class _Recent(Generic[Value]):
    """At most `limit` characters of values, the least recently read dropped first; one value is always kept."""

    def __init__(self, limit: int, size: Callable[[Value], int]) -> None:
        self._limit, self._size, self._total = limit, size, 0
        self._values: OrderedDict[str, Value] = OrderedDict()

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = make()
        self._total += self._size(value)
        while self._total > self._limit and len(self._values) > 1:
            _, dropped = self._values.popitem(last=False)
            self._total -= self._size(dropped)
        return value

    def clear(self) -> None:
        self._values.clear()
        self._total = 0
