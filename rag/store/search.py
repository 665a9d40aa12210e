"""The two searches, from the index that proposes to passages by id, ranked exactly."""

import sqlite3
from collections.abc import Iterable, Sequence

import numpy as np

from rag.store import rows
from rag.store.dense import DenseIndex, Keys, cosines, half_precision_error
from rag.store.sketch import SketchedIndex
from rag.store.words import WordIndex
from rag.types import Vectors

_CANDIDATES = 100  # the fewest that the approximate search proposes: re-ranking them costs less than asking twice
_ROUNDED = 1e-6  # what rounding may change in the difference of two exact cosines


def nearest(
    db: sqlite3.Connection, dense: DenseIndex | SketchedIndex, question: Vectors, k: int, among: Keys | None
) -> list[tuple[str, float]]:
    """(passage id, cosine) of the `k` passages nearest to `question` [dim], best first, ties by passage id; of those
    alone whose keys are `among`."""
    held = len(dense) if among is None else len(among)
    k = min(k, held)
    if k <= 0:
        return []
    wanted = min(max(2 * k, _CANDIDATES), held)
    while True:
        keys, rough, others_at_most = dense.nearest(question, wanted, among)
        # The row of a passage whose rough cosine says that it cannot be among the k nearest is not read.
        least = np.partition(rough, -k)[-k] - 2 * half_precision_error(question) - _ROUNDED
        ids, exact = rows.vectors(db, keys[rough >= least].tolist(), len(question))
        ranked = _ranked(zip(ids, cosines(exact, question), strict=True))
        if others_at_most < ranked[k - 1][1]:  # then nothing that was not proposed can belong here
            return ranked[:k]
        wanted = min(4 * wanted, held)


def best(
    db: sqlite3.Connection, index: WordIndex, words: Sequence[str], k: int, among: Keys | None
) -> list[tuple[str, float]]:
    """(passage id, BM25) of the `k` passages that hold most of `words`, best first, ties by passage id; of those alone
    whose keys are `among`."""
    k = min(k, len(index) if among is None else len(among))
    if k <= 0 or not words:
        return []
    found = index.best(words, k, None if among is None else frozenset(among.tolist()))
    ids = rows.passage_ids(db, [key for key, _ in found])
    return _ranked((ids[key], score) for key, score in found)[:k]


def _ranked(hits: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Best first, ties by passage id."""
    return sorted(hits, key=lambda hit: (-hit[1], hit[0]))
