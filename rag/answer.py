"""Passages -> the one to three sentences that answer, each verbatim with its citation; or an abstention."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.cache import TextCache
from rag.choose import choose, highlights
from rag.confidence import Evidence, confidence, reason
from rag.rank import Candidate, rank_sentences
from rag.read import Readings
from rag.text import asks_date, asks_figure, contains_word, fold, is_name, scripts_differ, years
from rag.types import AnswerSentence, Citation, Document, Hit, Query, Reason, Status, Store
from rag.weights import ModeWeights

_NEAREST = 3  # passages shown beside an abstention


@dataclass(frozen=True, slots=True)
class Selection:
    """What `answer` decided; the assistant adds question, index and timings to make an `Answer`."""

    status: Status
    reason: Reason | None
    confidence: float
    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    nearest: tuple[Citation, ...]


def answer(
    query: Query,
    hits: Sequence[Hit],
    store: Store,
    texts: TextCache,
    weights: ModeWeights,
    readings: Readings | None = None,
    *,
    max_sentences: int,
    min_confidence: float,
) -> Selection:
    """Pick the supporting sentences of `hits`, or abstain where their confidence is below `min_confidence`.

    `readings` holds what the reader made of every one of `hits`; without it, `weights` are those of the fast mode.
    """
    candidates = rank_sentences(query, hits, store, texts, weights, readings)
    if not candidates:
        return Selection("abstained", "no_passage", 0.0, (), (), ())
    evidence = gather_evidence(query, candidates, store, texts)
    probability = confidence(evidence, weights)
    if probability < min_confidence:
        nearest = tuple(
            cite(n, texts.document(hit.passage.document_id), hit.passage.start, hit.passage.end)
            for n, hit in enumerate(hits[:_NEAREST], 1)
        )
        return Selection("abstained", reason(evidence), probability, (), (), nearest)
    chosen = choose(query, candidates, texts, weights.second_sentence, max_sentences)
    citations = tuple(
        cite(n, texts.document(c.sentence.document_id), c.sentence.start, c.sentence.end)
        for n, c in enumerate(chosen, 1)
    )
    sentences = tuple(
        AnswerSentence(c.quote, c.number, highlights(query, c.quote, one.span))
        for c, one in zip(citations, chosen, strict=True)
    )
    return Selection("answered", None, probability, sentences, citations, ())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def gather_evidence(query: Query, candidates: Sequence[Candidate], store: Store, texts: TextCache) -> Evidence:
    """What speaks for and against the best of `candidates`."""
    best = candidates[0]
    f = best.features
    document = texts.document(best.sentence.document_id)
    whole = texts.folded_document(document)
    frequencies = store.word_frequencies(list(query.words))
    absent = {word: s for word, s in query.words.items() if not contains_word(whole, word)}
    foreign = scripts_differ(query.text, best.text)
    heard = 0.0 if foreign else 1.0  # words that cannot match say nothing by their absence
    hits = {c.hit.passage.id: c.hit for c in candidates}
    said = fold(best.text)
    others = [c for c in candidates if fold(c.text) != said]  # a reprint speaks for an answer, not against it
    return Evidence(
        cosine=f.cosine,
        stands_out=f.cosine - _mean([c.features.cosine for c in candidates]),
        passage_stands_out=f.passage_cosine - _mean([hit.cosine for hit in hits.values()]),
        lead=1 - sum(c.share for c in others),
        word_share=f.word_share * heard,
        passage_word_share=f.passage_word_share * heard,
        missing=max(absent.values(), default=0.0) * heard,
        name_missing=max((s for word, s in absent.items() if is_name(word)), default=0.0) * heard,
        unknown=sum(s for word, s in query.words.items() if not frequencies[word]) * heard,
        focus_missing=f.focus_missing * heard,
        years_missing=f.years_missing,
        years_differ=_years_differ(query.text, best.text),
        kind_missing=float((asks_figure(query.text) and not f.figure) or (asks_date(query.text) and not f.date)),
        foreign=foreign,
        relevance=f.relevance,
        span_score=f.span_score,
        no_answer=f.no_answer,
        span_stands_out=f.span_score - _mean([c.features.span_score for c in candidates]),
        relevance_lead=f.relevance - max((c.features.relevance for c in others), default=0.0),
        contested=max((c.share for c in others if c.hit.passage != best.hit.passage), default=0.0),
    )


def _years_differ(question: str, sentence: str) -> float:
    asked, said = set(years(question)), set(years(sentence))
    return float(bool(asked and said) and not asked & said)


def cite(number: int, document: Document, start: int, end: int) -> Citation:
    """The citation of `document.text[start:end]`."""
    return Citation(
        number=number,
        document_id=document.id,
        path=document.path,
        title=document.title,
        date=document.date,
        locator=locator(document, start, end),
        start=start,
        end=end,
        quote=document.text[start:end],
    )


def locator(document: Document, start: int, end: int) -> str:
    """The source lines of [start, end): "L12" or "L12-L14"."""
    first = last = 1
    for offset, line in document.lines:
        if offset <= start:
            first = line
        if offset < end:
            last = line
    return f"L{first}" if first == last else f"L{min(first, last)}-L{max(first, last)}"
