"""The search by meaning: Milvus proposes, exact arithmetic decides here."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from rag.store.milvus.connection import WINDOW, Connection, Level
from rag.store.milvus.log import State, Stored
from rag.store.milvus.passages import Found, Passages
from rag.store.milvus.selection import Selection
from rag.types import Vectors

_CANDIDATES = 100  # the fewest that a search proposes, as in the store on this machine
_ERROR = 5e-5  # by which a server's inner product of unit vectors, summed in float32, may differ from the exact one
_NAMED = 4096  # documents in one condition


class DenseSearch:
    """Of one generation. `level`: of the search; `reads`: of the passages that it proposes, by key."""

    def __init__(
        self, connection: Connection, passages: Passages, state: State, question: Vectors, level: Level, reads: Level
    ) -> None:
        self._connection, self._passages, self._state = connection, passages, state
        self._question, self._level, self._reads = question, level, reads

    def nearest(self, k: int, among: Selection) -> list[tuple[str, float]]:
        """(passage id, cosine) of the `k` nearest passages of those documents, best first, ties by passage id."""
        best: list[tuple[str, float]] = []
        for condition, documents in _parts(self._state, among):
            held = sum(len(one.keys("passage")) for one in documents.values())
            best = _ranked([*best, *self._within(min(k, held), condition, documents)])[: max(k, 0)]
        return best

    def _within(self, k: int, condition: str, documents: Mapping[int, Stored]) -> list[tuple[str, float]]:
        """Of `documents`, all of which meet `condition`; others may as well."""
        if k <= 0:
            return []
        name, question = self._passages.name(self._state), self._question.tolist()
        wanted = max(2 * k, _CANDIDATES)
        while wanted <= WINDOW:
            hits = self._connection.nearest(name, question, wanted, self._level, condition)
            others_at_most = hits[-1][2] + _ERROR if len(hits) == wanted else -np.inf
            keys = [key for key, document, _ in hits if document in documents]
            ranked = self._scored(self._passages.by_key(self._state, keys, self._reads))
            if len(ranked) >= k and others_at_most < ranked[k - 1][1]:  # then nothing else can belong here
                return ranked[:k]
            wanted = min(4 * wanted, WINDOW) if wanted < WINDOW else WINDOW + 1
        every = (self._passages.by_key(self._state, one.keys("passage"), "Strong") for one in documents.values())
        return self._scored(one for found in every for one in found)[:k]

    def _scored(self, found: Iterable[Found]) -> list[tuple[str, float]]:
        from rag.store.dense import cosines

        ones = list(found)
        if not ones:
            return []
        scores = cosines(np.stack([one.vector for one in ones]), self._question)
        return _ranked([(one.passage.id, score) for one, score in zip(ones, scores, strict=True)])


def _parts(state: State, among: Selection) -> Iterator[tuple[str, Mapping[int, Stored]]]:
    """Conditions to search under, and the documents wanted of each. Where most passages are wanted, Milvus is not told
    which: few of what it proposes are others. Else it is told their documents, some thousands in a search."""
    if 2 * among.passages > state.passages:
        yield "", among.documents
        return
    keys = list(among.documents)
    for start in range(0, len(keys), _NAMED):
        part = keys[start : start + _NAMED]
        yield f"document in {part}", {key: among.documents[key] for key in part}


def _ranked(hits: list[tuple[str, float]]) -> list[tuple[str, float]]:
    return sorted(hits, key=lambda hit: (-hit[1], hit[0]))
