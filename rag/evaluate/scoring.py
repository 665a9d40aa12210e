"""An Answer and its Hits against the question's gold -> an Outcome."""

from collections.abc import Sequence
from dataclasses import replace

from rag.evaluate import cmrc, excerpts
from rag.evaluate.library import Shelf
from rag.evaluate.matching import holds, language_of, squeeze
from rag.evaluate.metrics import (
    Place,
    Ranking,
    citation_is_right,
    document_rank,
    gold_in_nearest,
    gold_in_sentences,
    gold_places,
    highlighted,
    is_right,
    is_verbatim,
    matches,
    ranking,
    retrieval_measures,
)
from rag.evaluate.outcome import Failure, Outcome
from rag.evaluate.questions import Question
from rag.types import Answer, Hit


def score(question: Question, answer: Answer, hits: Sequence[Hit], shelf: Shelf) -> tuple[Outcome, Ranking | None]:
    """The outcome without its retrieval measures, and the ranking they come from (None where the documents do not say).

    `add_retrieval` puts them in, for many questions at a time.
    """
    places = gold_places(question.spans, lambda name: _text_named(shelf, name))
    covered = [_covers(question, hit, places, shelf) for hit in hits]
    relevance = ranking(covered, len(question.answers)) if question.answerable else None
    right = is_right(question, answer)
    wrong = not right
    outcome = Outcome(
        id=question.id,
        question=question.question,
        kind=question.kind,
        language=question.language or language_of(question.question),
        answerable=question.answerable,
        status=answer.status,
        reason=answer.reason,
        confidence=answer.confidence,
        right=right,
        failure=_failure(question, answer, relevance) if wrong else None,
        rank=relevance.ranks[0] if relevance and relevance.ranks else None,
        values=_values(question, answer, right, places, shelf) | _document_values(question, hits, shelf),
        timings_ms=answer.timings_ms,
        index=answer.index,
        golds=tuple(" / ".join(group) for group in question.answers),
        gold=excerpts.gold(question, places, shelf) if wrong else (),
        given=excerpts.given(answer),
        hits=excerpts.passages(question, hits, [any(row) for row in covered], shelf) if wrong else (),
    )
    return outcome, relevance


def add_retrieval(scored: Sequence[tuple[Outcome, Ranking | None]]) -> list[Outcome]:
    """The outcomes with recall@k, mrr@10 and ndcg@10. For many at once: one call for each takes ten times as long."""
    measures = retrieval_measures([relevance for _, relevance in scored if relevance])
    rows = (dict(zip(measures, map(float, row), strict=True)) for row in zip(*measures.values(), strict=True))
    return [replace(one, values={**one.values, **next(rows)}) if relevance else one for one, relevance in scored]


def _values(question: Question, answer: Answer, right: bool, places: Sequence[Place], shelf: Shelf) -> dict[str, float]:
    abstained = answer.status == "abstained"
    values = {
        "accuracy": float(right),
        "answered": float(not abstained),
        "verbatim": float(is_verbatim(answer, shelf.document)),
    }
    if abstained:
        values["abstention_precision"] = float(not question.answerable)
    else:
        values["brier"] = (answer.confidence - right) ** 2
    if not question.answerable:
        values["abstention_recall"] = float(abstained)
        return values
    values["answer_accuracy"] = float(right)
    values["sentence@1"] = gold_in_sentences(answer, question.answers, 1)
    values["sentence@3"] = gold_in_sentences(answer, question.answers, 3)
    if abstained:
        values["nearest"] = gold_in_nearest(answer, question.answers)
    if question.documents:
        cited = [citation_is_right(citation, question.documents, places) for citation in answer.citations]
        values["citation@1"] = float(any(cited[:1]))
        values["citation"] = float(any(cited))
    if len(question.answers) == 1:
        words = highlighted(answer)
        values["em"] = cmrc.exact_match(words, question.answers[0])
        values["f1"] = cmrc.f1(words, question.answers[0])
    return values


def _document_values(question: Question, hits: Sequence[Hit], shelf: Shelf) -> dict[str, float]:
    """document@k: whether a gold document is among the first k found, whichever of its passages was."""
    if not (question.answerable and question.documents):
        return {}
    documents = (shelf.document(hit.passage.document_id) for hit in hits)
    rank = document_rank([document.path for document in documents if document], question.documents)
    return {f"document@{k}": float(rank is not None and rank <= k) for k in (1, 5)}


def _covers(question: Question, hit: Hit, places: Sequence[Place], shelf: Shelf) -> list[bool]:
    """For each gold answer whether the passage holds it, in a gold document where the set names one."""
    document = shelf.document(hit.passage.document_id)
    names = question.documents
    if document is None or (names and not any(matches(name, document.path) for name in names)):
        return [False] * len(question.answers)
    if places:
        start, end = hit.passage.start, hit.passage.end
        return [any(matches(name, document.path) and start < e and s < end for name, s, e in places)]
    text = squeeze(document.text[hit.passage.start : hit.passage.end])
    return [holds(text, group) for group in question.answers]


def _failure(question: Question, answer: Answer, relevance: Ranking | None) -> Failure:
    if relevance is None:
        return "answered_unsaid"
    if answer.status == "abstained":
        return "abstained"
    text = squeeze(answer.text)
    if any(holds(text, group) for group in question.answers):
        return "incomplete"
    return "wrong_sentence" if relevance.ranks else "not_retrieved"


def _text_named(shelf: Shelf, name: str) -> str | None:
    documents = shelf.named(name)
    document = shelf.document(documents[0]) if documents else None
    return document.text if document else None
