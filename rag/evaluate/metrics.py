"""What one answer is worth: small pure functions, one for each thing measured. Each names its source.

Everything here is about one question; `rag.evaluate.statistics` has what is about many.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.evaluate.matching import AnswerGroups, holds, holds_all, locate, squeeze
from rag.evaluate.questions import GoldSpan, Question
from rag.types import Answer, Citation, Document

CUTOFFS = (1, 2, 3, 5, 10, 20)
"""The k of recall@k."""

Lookup = Callable[[str], Document | None]
"""Document id -> document."""

Place = tuple[str, int, int]
"""(name of the document as the set has it, start, end in the stored text)."""


# --- the answer --------------------------------------------------------------------------------------------------


def is_right(question: Question, answer: Answer) -> bool:
    """Answered with every gold answer in its text, or rightly abstained. The project's definition of a right answer."""
    if not question.answerable:
        return answer.status == "abstained"
    return answer.status == "answered" and holds_all(squeeze(answer.text), question.answers)


def gold_in_sentences(answer: Answer, groups: AnswerGroups, n: int) -> float:
    """sentence@n: 1.0 where every gold answer stands in one of the first `n` cited sentences, each on its own."""
    return _gold_in([sentence.text for sentence in answer.sentences[:n]], groups)


def gold_in_nearest(answer: Answer, groups: AnswerGroups) -> float:
    """The same of the sentences shown beside an abstention."""
    return _gold_in([near.text for near in answer.nearest], groups)


def _gold_in(sentences: Sequence[str], groups: AnswerGroups) -> float:
    squeezed = [squeeze(text) for text in sentences]
    return float(bool(groups) and all(any(holds(text, group) for text in squeezed) for group in groups))


def highlighted(answer: Answer) -> str:
    """The highlighted words of the first sentence that has any, joined; "" where none has."""
    for sentence in answer.sentences:
        if sentence.highlights:
            return "".join(sentence.text[start:end] for start, end in sentence.highlights)
    return ""


# --- citations ---------------------------------------------------------------------------------------------------


def citation_is_right(citation: Citation, documents: Sequence[str], gold: Sequence[Place]) -> bool:
    """From a gold document and, where the set gives the gold's place, overlapping it."""
    if gold:
        return any(matches(name, citation.path) and citation.start < e and s < citation.end for name, s, e in gold)
    return any(matches(name, citation.path) for name in documents)


def matches(name: str, path: str) -> bool:
    """Whether a set's file name means the document at `path`: the whole path, or the last parts of it."""
    return path == name or path.endswith(f"/{name}")


def gold_places(spans: Sequence[GoldSpan], text_of: Callable[[str], str | None]) -> list[Place]:
    """The gold spans as places in the stored texts.

    Storing a text may put its title first and clean it, which moves offsets: the place is then the one where the answer
    stands that is nearest to the gold's distance from the end. A span whose answer stands nowhere is left out.
    """
    places = []
    for span in spans:
        text = text_of(span.document)
        if text is None:
            continue
        end = len(text) - span.behind
        unmoved = end == span.start + len(span.text) and text.startswith(span.text, span.start)
        found = [(span.start, end)] if unmoved else locate(span.text, text)
        if found:
            distances = [abs(place[1] - end) for place in found]
            places.append((span.document, *found[distances.index(min(distances))]))
    return places


def is_verbatim(answer: Answer, lookup: Lookup) -> bool:
    """Whether every citation quotes its document to the letter, and every sentence, also the nearest, its citation."""
    quotes = {citation.number: citation.quote for citation in answer.citations}
    return (
        all(_quotes(citation, lookup) for citation in (*answer.citations, *(near.citation for near in answer.nearest)))
        and all(sentence.text in quotes.get(sentence.citation, "") for sentence in answer.sentences)
        and all(near.text == near.citation.quote for near in answer.nearest)
    )


def _quotes(citation: Citation, lookup: Lookup) -> bool:
    document = lookup(citation.document_id)
    return document is not None and document.text[citation.start : citation.end] == citation.quote


# --- retrieval ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ranking:
    """Which retrieved passages are relevant to one question.

    A store cannot be asked for all passages that hold an answer, and one is enough: relevant is the best ranked passage
    for each gold answer. So a question with one answer has one relevant passage, and recall@k is the share of questions
    with it among the first k (top-k accuracy: Karpukhin et al. 2020, "Dense Passage Retrieval", EMNLP).
    """

    ranks: tuple[int, ...]  # 1-based, of the relevant passages found
    missing: int  # gold answers that no retrieved passage holds


def ranking(covered: Sequence[Sequence[bool]], groups: int) -> Ranking:
    """`covered[i][g]`: whether the passage at rank i + 1 holds gold answer g, of `groups`.

    >>> ranking([[False, False], [True, False], [True, True]], 2)
    Ranking(ranks=(2, 3), missing=0)
    """
    first = [next((rank for rank, row in enumerate(covered, 1) if row[g]), None) for g in range(groups)]
    found = {rank for rank in first if rank is not None}
    return Ranking(tuple(sorted(found)), first.count(None))


def document_rank(paths: Sequence[str], names: Sequence[str]) -> int | None:
    """1-based rank of the first gold document among the documents of the retrieved passages, each counted once."""
    distinct = list(dict.fromkeys(paths))
    return next((rank for rank, path in enumerate(distinct, 1) if any(matches(name, path) for name in names)), None)


def retrieval_measures(rankings: Sequence[Ranking]) -> dict[str, NDArray[np.float64]]:
    """recall@k, mrr@10 and ndcg@10 of each ranking: [rankings]."""
    values = {f"recall@{k}": np.array([recall(one, k) for one in rankings]) for k in CUTOFFS}
    return values | {
        "mrr@10": np.array([reciprocal_rank(one, 10) for one in rankings]),
        "ndcg@10": np.array([ndcg(one, 10) for one in rankings]),
    }


def recall(ranking: Ranking, k: int) -> float:
    """The share of the relevant passages that stand among the first k; 0 where there is none."""
    relevant = len(ranking.ranks) + ranking.missing
    return sum(rank <= k for rank in ranking.ranks) / relevant if relevant else 0.0


def reciprocal_rank(ranking: Ranking, k: int) -> float:
    """1 / rank of the first relevant passage, 0 beyond k (Voorhees 1999, "The TREC-8 Question Answering Track")."""
    return 1 / ranking.ranks[0] if ranking.ranks and ranking.ranks[0] <= k else 0.0


def ndcg(ranking: Ranking, k: int) -> float:
    """Discounted gain of the first k over that of the best order (Järvelin & Kekäläinen 2002), gains being 0 or 1."""
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(ranking.ranks) + ranking.missing, k) + 1))
    return sum(1 / math.log2(rank + 1) for rank in ranking.ranks if rank <= k) / ideal if ideal else 0.0
