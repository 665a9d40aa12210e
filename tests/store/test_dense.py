from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag.store import open_store
from rag.store.dense import HALF_PRECISION_ERROR, DenseIndex, cosines

from .samples import FINGERPRINT, make_document, unit_vectors


def _index(vectors: np.ndarray) -> DenseIndex:
    index = DenseIndex.create(vectors.shape[1])
    index.add([(np.arange(100, 100 + len(vectors)), vectors)])
    return index


def test_no_key_left_out_lies_nearer_than_the_bound() -> None:
    centre = unit_vectors(1, 0, 384)
    near = centre + 0.02 * unit_vectors(2000, 1, 384)  # cosines so alike that half precision confuses them
    vectors = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    index = _index(vectors)
    for question in vectors[:20]:
        keys, _, bound = index.nearest(question, 50)
        assert np.delete(vectors @ question, keys - 100).max() <= bound


def test_what_half_precision_confuses_is_ranked_exactly(tmp_path: Path) -> None:
    near = unit_vectors(1, 0) + 0.02 * unit_vectors(300, 1)
    vectors = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    one = replace(make_document("a.txt", passages=300), vectors=vectors)
    with open_store(tmp_path / "store", FINGERPRINT, write=True) as store:
        store.add("a.txt", [one])
        for question in vectors[:20]:
            order = sorted((-score, p.id) for score, p in zip(cosines(vectors, question), one.passages, strict=True))
            assert store.search_dense(question, 10) == [(passage_id, -score) for score, passage_id in order[:10]]


def test_the_error_of_half_precision_stays_within_its_bound() -> None:
    for dim in (2, 384):
        a, b = unit_vectors(1000, 1, dim), unit_vectors(1000, 2, dim)
        a[0], b[0] = np.eye(dim)[0], np.eye(dim)[0]
        difference = np.sum(a.astype(np.float16).astype(np.float64) * b, axis=1) - np.sum(
            a.astype(np.float64) * b, axis=1
        )
        assert np.abs(difference).max() <= HALF_PRECISION_ERROR


def test_cosines_are_those_of_numpy() -> None:
    vectors = unit_vectors(50, 3)
    np.testing.assert_allclose(cosines(vectors, vectors[7]), vectors @ vectors[7], atol=1e-6)
    assert cosines(vectors, vectors[7])[7] == 1.0


def test_a_saved_index_comes_back(tmp_path: Path) -> None:
    vectors = unit_vectors(30, 4)
    file = tmp_path / "向量.faiss"
    _index(vectors).save(file)
    again = DenseIndex.load(file)
    assert again.keys().tolist() == list(range(100, 130))
    assert again.nearest(vectors[3], 1)[0].tolist() == [103]
    file.write_bytes(b"not an index")
    with pytest.raises(RuntimeError):
        DenseIndex.load(file)
