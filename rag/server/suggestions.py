"""GET /suggestions: questions to begin with, made from the documents' sentences, and tried."""

import asyncio
from collections.abc import Iterator

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from rag.documents import passage_id
from rag.server.describe import bearer, problems
from rag.server.service import Service, Serviced
from rag.text import cloze_questions, content_words, idf
from rag.types import Document, DocumentSummary

router = APIRouter(dependencies=[Depends(bearer)])

_MOST = 4
_LOOKED_AT = 16  # documents
_PASSAGES = 32  # of a document, from its beginning
_TRIED = 2  # questions for each document


class SuggestionList(BaseModel):
    questions: list[str]


class Suggestions:
    """Made once for each generation of the store."""

    def __init__(self) -> None:
        self._made: tuple[str, int, list[str]] = ("", -1, [])
        self._making = asyncio.Lock()

    async def get(self, service: Service) -> list[str]:
        async with self._making:
            documents = await service.read(service.store.documents)
            now = (service.store.identity, service.store.generation)
            if self._made[:2] != now:
                self._made = (*now, await _suggested(service, documents))
            return self._made[2]


@router.get("/suggestions", responses=problems(), tags=["Questions"])
async def suggestions(request: Request, service: Serviced) -> SuggestionList:
    """Questions to begin with, at most one a document: each is answered by the sentence it was made from."""
    made: Suggestions = request.app.state.suggestions
    return SuggestionList(questions=await made.get(service))


async def _suggested(service: Service, documents: list[DocumentSummary]) -> list[str]:
    found: list[str] = []
    for summary in _spread(documents)[:_LOOKED_AT]:
        # One document at a time: what people ask meanwhile need not wait for all of them.
        question = await service.read(lambda id=summary.id: _question(service, id))  # type: ignore[misc]
        if question and question not in found:
            found.append(question)
        if len(found) == _MOST:
            break
    return found


def _spread(documents: list[DocumentSummary]) -> list[DocumentSummary]:
    """The first document of every file, then the second of every file, and so on."""
    seen: dict[str, int] = {}
    place: dict[str, int] = {}
    for document in documents:
        place[document.id] = seen[document.path] = seen.get(document.path, -1) + 1
    return sorted(documents, key=lambda document: place[document.id])


def _question(service: Service, document_id: str) -> str:
    """The first that the document answers with the very sentence; "" where there is none."""
    document = service.store.document(document_id)
    for question, sentence in _candidates(service, document)[:_TRIED] if document else ():
        answer = service.assistant.ask(question, mode="fast")
        if answer.status == "answered" and answer.sentences[0].text == sentence:
            return question
    return ""


def _candidates(service: Service, document: Document) -> list[tuple[str, str]]:
    """(question, sentence it was made from), those first whose subject tells most."""
    made = {question: one for one in _sentences(service, document) for question in cloze_questions(one)}
    words = {question: content_words(question.partition("多少")[0]) for question in made}
    counts = service.store.word_frequencies(sorted({word for some in words.values() for word in some}))
    total = service.store.passage_count()

    def telling(question: str) -> float:
        return sum(idf(total, counts[word]) for word in words[question])

    return sorted(made.items(), key=lambda pair: -telling(pair[0]))


def _sentences(service: Service, document: Document) -> Iterator[str]:
    ids = [passage_id(document.id, ordinal) for ordinal in range(_PASSAGES)]
    for sentences, _ in service.store.sentences(ids):
        for sentence in sentences:
            yield document.text[sentence.start : sentence.end]
