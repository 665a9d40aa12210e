"""Whether two stores answer alike."""

import numpy as np

from rag.types import Filter, Store

from .samples import DIM, some_words, unit_vectors


def assert_same_answers(store: Store, reference: Store, *, seed: int = 0, filters: Filter | None = None) -> None:
    """Equal content, and equal hits for random questions, up to the rounding of the scores."""
    assert store.sources() == reference.sources()
    assert store.documents() == reference.documents()
    assert store.document_count() == len(reference.documents())
    assert store.passage_count() == reference.passage_count()
    for summary in reference.documents():
        assert store.document(summary.id) == reference.document(summary.id)
    everything = reference.passage_count() + 5
    rng = np.random.default_rng(seed)
    for k in (1, 3, everything):
        vector = unit_vectors(1, int(rng.integers(2**31)), DIM)[0]
        found = store.search_dense(vector, k, filters)
        assert_same_hits(found, reference.search_dense(vector, everything, filters), k, tolerance=2e-6)
        words = [*some_words(rng, 6), "nowhere"]
        assert store.word_frequencies(words) == reference.word_frequencies(words)
        worded = store.search_words(words, k, filters)
        assert_same_hits(worded, reference.search_words(words, everything, filters), k, tolerance=2e-4)
        ids = [passage_id for passage_id, _ in found]
        assert store.passages(ids) == reference.passages(ids)
        np.testing.assert_array_equal(store.passage_vectors(ids), reference.passage_vectors(ids))
        for (mine, vectors), (theirs, exact) in zip(store.sentences(ids), reference.sentences(ids), strict=True):
            assert mine == theirs
            np.testing.assert_allclose(vectors, exact, atol=1e-3)


def assert_same_hits(
    found: list[tuple[str, float]], exact: list[tuple[str, float]], k: int, *, tolerance: float
) -> None:
    """`found` is the top `k` of `exact`, all hits; two may change places only where their scores are nearly equal."""
    scores = dict(exact)
    assert len(found) == min(k, len(exact))
    assert found == sorted(found, key=lambda hit: (-hit[1], hit[0]))
    for (passage_id, score), (_, expected) in zip(found, exact, strict=False):
        assert abs(score - scores[passage_id]) <= tolerance
        assert abs(score - expected) <= tolerance
