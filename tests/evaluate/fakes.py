"""Deterministic stand-ins: documents in a dict, and an assistant that finds, misses and abstains as it is told."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rag.evaluate.questions import SourceDocument
from rag.evaluate.run import Subject
from rag.progress import Report
from rag.text import sentence_spans
from rag.types import (
    Answer,
    AnswerSentence,
    Citation,
    Document,
    DocumentSummary,
    Filter,
    Hit,
    IndexInfo,
    NearSentence,
    Passage,
    Turn,
)
from rag.types.filters import meets


def document(path: str, text: str, title: str = "") -> Document:
    return Document(path, path, title, None, text, (), ((0, 1),), "")


class FakeLibrary:
    """Holds documents; their paths are their ids."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = {one.id: one for one in documents}

    def documents(self) -> list[DocumentSummary]:
        return [DocumentSummary(d.id, d.path, d.title, d.date, len(d.text), 1, "") for d in self._documents.values()]

    def document(self, document_id: str) -> Document | None:
        return self._documents.get(document_id)


def chance(*parts: object) -> float:
    """A number in [0, 1) that depends on nothing but `parts`."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def citation(number: int, source: Document, start: int, end: int) -> Citation:
    locator = f"L{source.text.count(chr(10), 0, start) + 1}"
    quote = source.text[start:end]
    return Citation(number, source.id, source.path, source.title, source.date, locator, start, end, quote)


def answer(
    question: str,
    cited: Sequence[Citation],
    confidence: float = 0.8,
    highlights: Sequence[tuple[int, int]] = (),
    near: Sequence[Citation] = (),
) -> Answer:
    """Answered with the quotes of `cited`, or abstained where there are none, with those of `near` beside it;
    `highlights` belong to the first."""
    sentences = tuple(
        AnswerSentence(one.quote, one.number, tuple(highlights) if one is cited[0] else ()) for one in cited
    )
    return Answer(
        question=question,
        standalone_question=question,
        status="answered" if cited else "abstained",
        reason=None if cited else "too_unsure",
        confidence=confidence,
        text="".join(one.quote for one in cited),
        sentences=sentences,
        citations=tuple(cited),
        nearest=tuple(NearSentence(one.quote, tuple(highlights), one, confidence) for one in near),
        index=IndexInfo(1, 1, 1, "fake"),
        timings_ms={"retrieve": 3.0, "read": 2.0},
    )


@dataclass
class FakeAssistant:
    """Ranks by shared characters; answers with the first sentences of the best passages, each document one passage."""

    sources: Sequence[Document]
    reply: Callable[[str, list[Hit]], Answer] | None = None
    asked: list[tuple[str, tuple[Turn, ...]]] = field(default_factory=list)

    def ask(self, question: str, history: Sequence[Turn] = (), *, filters: Filter | None = None) -> Answer:
        self.asked.append((question, tuple(history)))
        hits = self.search(question, 3, filters)
        if self.reply:
            return self.reply(question, hits)
        by_id = {one.id: one for one in self.sources}
        best = by_id[hits[0].passage.document_id]
        spans = sorted(sentence_spans(best.text), key=lambda span: -_shared(question, best.text[slice(*span)]))
        return answer(question, [citation(i, best, *span) for i, span in enumerate(spans[:2], 1)])

    def search(self, question: str, k: int, filters: Filter | None = None) -> list[Hit]:
        asked = meets(filters or Filter())
        sources = [one for one in self.sources if asked(one.path, one.date, one.metadata)]
        ranked = sorted(sources, key=lambda one: (-_shared(question, one.text), one.id))[:k]
        return [
            Hit(Passage(one.id, one.id, 0, 0, len(one.text), ""), _shared(question, one.text), rank, rank)
            for rank, one in enumerate(ranked, 1)
        ]


def _shared(question: str, text: str) -> float:
    pairs = {question[i : i + 2] for i in range(len(question) - 1)}
    return sum(pair in text for pair in pairs) / max(1, len(pairs))


class FakeFactory:
    """Opens one store, builds others; notes what was built and closed."""

    def __init__(
        self, stored: Sequence[Document] = (), reply: Callable[[str, list[Hit]], Answer] | None = None
    ) -> None:
        self.stored, self.reply = stored, reply
        self.built: list[str] = []
        self.closed = 0
        self.assistants: list[FakeAssistant] = []

    def open(self) -> Subject:
        return self._subject(self.stored, "vectorstore")

    def build(self, documents: Sequence[SourceDocument], key: str, report: Report) -> Subject:
        self.built.append(key)
        return self._subject([document(one.name, one.text, one.title) for one in documents], key)

    def _subject(self, documents: Sequence[Document], store: str) -> Subject:
        self.assistants.append(FakeAssistant(documents, self.reply))
        return Subject(self.assistants[-1], FakeLibrary(documents), store, self._close)

    def _close(self) -> None:
        self.closed += 1
