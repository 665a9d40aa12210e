"""What is kept at hand from one question to the next: documents as answering reads them, and the answers given."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, RLock
from typing import Generic, TypeVar

from rag.text import fold, said_years, simplify, years
from rag.types import Answer, Document, Filter, Passage, Store, Turn

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


@dataclass(frozen=True, slots=True)
class Asked:
    """All that an answer depends on beside the settings and the models, which its assistant keeps for good."""

    store: str  # its identity
    generation: int
    question: str
    history: tuple[Turn, ...]
    read: bool  # by the trained reader
    filters: Filter | None


class AnswerCache:
    """The answers given last, `limit` of them at most, each for exactly what was asked; 0 keeps none.

    Safe to share between threads. A question that two ask at the same moment is answered twice.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._answers: OrderedDict[Asked, Answer] = OrderedDict()

    def get(self, asked: Asked) -> Answer | None:
        with self._lock:
            if asked in self._answers:
                self._answers.move_to_end(asked)
            return self._answers.get(asked)

    def put(self, asked: Asked, answer: Answer) -> None:
        """Not kept where it came from another generation: a writer sees its own changes, also amid a question."""
        if answer.index.generation != asked.generation:
            return
        with self._lock:
            self._answers[asked] = answer
            self._answers.move_to_end(asked)
            while len(self._answers) > self._limit:
                self._answers.popitem(last=False)

    def __len__(self) -> int:
        return len(self._answers)
