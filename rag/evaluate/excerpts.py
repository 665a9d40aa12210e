"""The pieces of documents that the report shows beside a wrong answer."""

from collections.abc import Iterator, Sequence

from rag.evaluate.library import Shelf
from rag.evaluate.matching import locate, sentence_around
from rag.evaluate.metrics import Place
from rag.evaluate.outcome import Excerpt, RetrievedPassage
from rag.evaluate.questions import Question
from rag.types import Answer, Document, Hit

_HITS = 5
_GOLDS = 3
_WIDTH = 280  # characters


def given(answer: Answer) -> tuple[Excerpt, ...]:
    """The sentences given; where it abstained, those shown beside it."""
    if answer.status == "abstained":
        return tuple(
            Excerpt(near.citation.path, near.citation.locator, near.text, near.highlights) for near in answer.nearest
        )
    cited = {citation.number: citation for citation in answer.citations}
    return tuple(
        Excerpt(citation.path, citation.locator, sentence.text, sentence.highlights)
        for sentence in answer.sentences
        if (citation := cited.get(sentence.citation))
    )


def gold(question: Question, places: Sequence[Place], shelf: Shelf) -> tuple[Excerpt, ...]:
    """The sentences that the gold stands in; where the set gives no places, the first in the documents it names."""
    found = []
    for document, start, end in list(_gold_places(question, places, shelf))[:_GOLDS]:
        left, right = sentence_around(document.text, start, end)
        found.append(Excerpt(document.path, "", document.text[left:right], ((start - left, end - left),)))
    return tuple(dict.fromkeys(found))


def _gold_places(question: Question, places: Sequence[Place], shelf: Shelf) -> Iterator[tuple[Document, int, int]]:
    for name, start, end in places:
        for document in _documents(name, shelf)[:1]:
            yield document, start, end
    if not places:
        documents = [document for name in question.documents for document in _documents(name, shelf)]
        for group in question.answers:
            standing = ((one, *place) for text in group for one in documents for place in locate(text, one.text))
            if first := next(standing, None):
                yield first


def _documents(name: str, shelf: Shelf) -> list[Document]:
    return [document for i in shelf.named(name) if (document := shelf.document(i))]


def passages(
    question: Question, hits: Sequence[Hit], relevant: Sequence[bool], shelf: Shelf
) -> tuple[RetrievedPassage, ...]:
    """The first hits, and the first relevant one however far down it came."""
    first = relevant.index(True) if any(relevant) else 0
    shown = []
    for i, hit in enumerate(hits):
        document = shelf.document(hit.passage.document_id)
        if document is None or not (i < _HITS or i == first):
            continue
        text = document.text[hit.passage.start : hit.passage.end]
        golds = (gold for group in question.answers for gold in group)
        marks = next((places[:1] for gold in golds if (places := locate(gold, text))), []) if relevant[i] else []
        excerpt = _window(document.path, "", text, *marks)
        shown.append(RetrievedPassage(i + 1, excerpt, hit.score, hit.dense_rank, hit.lexical_rank, relevant[i]))
    return tuple(shown)


def _window(path: str, locator: str, text: str, mark: tuple[int, int] | None = None) -> Excerpt:
    """At most _WIDTH characters of `text`, around the mark where there is one."""
    start = max(0, min(mark[0] - _WIDTH // 2, len(text) - _WIDTH)) if mark else 0
    cut = text[start : start + _WIDTH]
    before, after = "…" * (start > 0), "…" * (start + _WIDTH < len(text))
    marks = ((mark[0] - start + len(before), min(mark[1] - start, len(cut)) + len(before)),) if mark else ()
    return Excerpt(path, locator, before + cut + after, marks)
