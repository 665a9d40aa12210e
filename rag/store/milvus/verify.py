"""The whole store in Milvus against itself: documents by their own rules, the searches by plain arithmetic."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import StoreError
from rag.store.check import length_faults, span_faults
from rag.store.milvus.log import State
from rag.store.rows import text_sha256
from rag.store.verify import WordRows, sample, word_faults

if TYPE_CHECKING:
    from rag.store.milvus.store import MilvusStore
    from rag.store.words import WordIndex

_TOP = 10


def faults(store: "MilvusStore", state: State, words: "WordIndex") -> Iterator[str]:
    """One line for each thing that is wrong."""
    whole = True
    vectors: dict[str, np.ndarray] = {}
    stored_words: WordRows = []
    for document_id in sorted(state.by_id):
        stored = state.documents[state.by_id[document_id]]
        try:
            indexed = store.indexed(stored)
        except (StoreError, ValueError, KeyError) as error:
            whole = False
            yield f"document {document_id}: cannot be read whole ({error})"
            continue
        text = indexed.document.text
        if (stored.row["characters"], stored.row["text_sha256"]) != (len(text), text_sha256(text)):
            yield f"document {document_id}: its text is not the one that was stored"
        for kind, found in (("passage", indexed.vectors), ("sentence", indexed.sentence_vectors)):
            yield from (f"document {document_id}: the vector of {kind} {i} {why}" for i, why in length_faults(found))
        spans = span_faults(indexed.document, indexed.passages, indexed.sentences)
        yield from (f"document {document_id}: {fault}" for fault in spans)
        for one, vector in zip(indexed.passages, indexed.vectors, strict=True):
            vectors[one.id] = vector
        keys = stored.keys("passage")
        stored_words += [(key, " ".join(one)) for key, one in zip(keys, indexed.words, strict=True)]
    if whole and vectors:
        yield from _dense_faults(store, vectors)
        yield from word_faults(words, stored_words)


def _dense_faults(store: "MilvusStore", vectors: dict[str, np.ndarray]) -> Iterator[str]:
    """Stored vectors as questions: the search finds what all cosines together say."""
    ids = sorted(vectors)
    matrix = np.stack([vectors[one] for one in ids])
    for number in sample(list(range(len(ids)))):
        exact = np.sort(matrix.astype(np.float64) @ matrix[number].astype(np.float64))[::-1][:_TOP]
        found = [score for _, score in store.search_dense(matrix[number], _TOP)]
        if len(found) != len(exact) or not np.allclose(found, exact, atol=2e-6):
            yield f"index: the search by meaning misses neighbours of passage {ids[number]}"
