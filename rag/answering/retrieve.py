"""Question -> passages: candidates by meaning and by words, ranked by one fitted score.

Both searches only propose. The score of a proposed passage joins the cosine of question and passage, the best cosine of
question and one sentence of it (a passage of thirty facts is near no question; the one sentence is), and the share of
the question's information that its words cover. That share is measured against all words of the question, also those
that stand nowhere in the store: for a question in another language hardly any word can match, but for those that the
dictionary knows in Chinese; the share stays near zero for every passage, and the words have no say.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag.answering.understand import vector_for, weighed_words
from rag.cache import TextCache
from rag.text import contains_word, scripts_differ, word_share, years
from rag.types import Filter, Hit, Query, Store
from rag.weights import Weights

POOL = 30
"""Passages that each of the two searches proposes; more where more are asked for."""

PASSAGE_FEATURES = ("cosine", "sentence_cosine", "word_share", "years_missing")
"""What ranks a passage, in the order of its weights; see `rag.types.Hit`."""


_REWRITTEN, _LESS_LIKELY, _OWN_WORDS = 8.0, 5.0, 20.0
"""Support that a rewritten question must have over the question as it was asked, and so much more for each likelier
reading; and what all words of the follow-up itself weigh. Set on the development half by
`scripts/measure/conversations.py --pairs`; 2, 4 and 8 do nearly alike, as does 15 for the second."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The one reading of a question that is answered, and the passages found for it, best first."""

    query: Query
    hits: tuple[Hit, ...]


def retrieve_supported(
    question: str,
    queries: Sequence[Query],
    store: Store,
    texts: TextCache,
    weights: Weights,
    k: int,
    filters: Filter | None = None,
) -> Found:
    """Of the readings of `question`, the one that the documents support best, with its `k` best passages."""
    found = [Found(query, tuple(retrieve(query, store, texts, weights, k, filters))) for query in queries]
    if len(found) == 1:
        return found[0]
    asked = weighed_words(question, store)
    supports = [
        support(one.hits, asked, texts) - (0 if one.query.text == question else _REWRITTEN + _LESS_LIKELY * place)
        for place, one in enumerate(found)
    ]
    return found[supports.index(max(supports))]


def retrieve(
    query: Query, store: Store, texts: TextCache, weights: Weights, k: int, filters: Filter | None = None
) -> list[Hit]:
    """The `k` best passages of documents that meet `filters`, best first; ties by passage id. Fewer where there are
    fewer."""
    vectors = [query.vector] if query.across is query.vector else [query.across, query.vector]
    dense: dict[str, int] = {}
    pool = max(POOL, k)
    for vector in vectors:
        for rank, (passage_id, _) in enumerate(store.search_dense(vector, pool, filters), 1):
            dense[passage_id] = min(rank, dense.get(passage_id, rank))
    worded = store.search_words(query.terms, pool, filters)
    lexical = {passage_id: rank for rank, (passage_id, _) in enumerate(worded, 1)}
    ids = sorted(dense.keys() | lexical.keys())
    passages = store.passages(ids)
    if not passages:
        return []
    ids = [passage.id for passage in passages]
    features = np.empty((len(ids), len(PASSAGE_FEATURES)))
    own, sentences = store.passage_vectors(ids), store.sentences(ids)
    asked_years = set(years(query.text))
    for row, passage in enumerate(passages):
        folded = texts.folded(passage)
        vector = vector_for(query, folded)
        features[row, 0] = own[row] @ vector
        features[row, 1] = max(sentences[row][1] @ vector, default=features[row, 0])
        features[row, 2] = word_share(query.words, folded, query.said_as)
        features[row, 3] = years_missing(asked_years, folded)
    nearest = texts.folded(passages[int(np.argmax(features[:, 0]))])
    scores = weights.passage.of(scripts_differ(query.text, nearest))(features)  # one set of weights orders all
    best = sorted(range(len(ids)), key=lambda i: (-scores[i], ids[i]))[:k]
    return [
        Hit(
            passage=passages[i],
            score=float(scores[i]),
            dense_rank=dense.get(ids[i]),
            lexical_rank=lexical.get(ids[i]),
            cosine=float(features[i, 0]),
            sentence_cosine=float(features[i, 1]),
            word_share=float(features[i, 2]),
            years_missing=float(features[i, 3]),
        )
        for i in best
    ]


def years_missing(asked: set[str], folded: str) -> float:
    """Share (0..1) of the years asked for that a text does not name; 0 where none is asked for."""
    return sum(not contains_word(folded, year) for year in asked) / len(asked) if asked else 0.0


def support(hits: Sequence[Hit], asked: Mapping[str, float], texts: TextCache) -> float:
    """How well the documents bear out one reading of a follow-up, in units of `Hit.score`: its best passage's score,
    and how much of what the follow-up itself says stands there.

    The second keeps a change of subject clean: a reading that repeats the question before finds that question's passage
    whatever follows. `asked` holds the follow-up's own `weighed_words`.
    """
    if not hits:
        return -math.inf
    return hits[0].score + _OWN_WORDS * word_share(asked, texts.folded(hits[0].passage))
