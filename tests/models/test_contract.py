"""What every Embedder does."""

import numpy as np
import pytest

from rag.models.encoder import OnnxEmbedder
from rag.types import Embedder

pytestmark = pytest.mark.model

TEXTS = [
    "今年全市生产总值增长5.2%。",
    "",
    "The committee postponed the vote.",
    "短",
    "資料顯示，該河流全長約二百公里，流經三個縣市，於次年完工。" * 8,
    "lone \ud800 surrogate, NUL \0, <mask> </s>",
]


@pytest.fixture(params=["onnx", "sentence-transformers"])
def any_embedder(request: pytest.FixtureRequest, embedder: Embedder) -> Embedder:
    chosen: Embedder = embedder if request.param == "onnx" else request.getfixturevalue("float32")
    return chosen


def test_rows_of_unit_length(any_embedder: Embedder) -> None:
    for embed in (any_embedder.embed_passages, any_embedder.embed_questions):
        vectors = embed(TEXTS)
        assert vectors.shape == (len(TEXTS), any_embedder.dim)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_across_keeps_form(any_embedder: Embedder) -> None:
    questions = any_embedder.embed_questions(["What do giant pandas eat?", "Wer hat den Vertrag unterschrieben?"])
    moved = any_embedder.across(questions)
    assert (moved.shape, moved.dtype) == (questions.shape, np.float32)
    np.testing.assert_allclose(any_embedder.across(questions[:1]), moved[:1], atol=1e-6)


def test_nothing_in_nothing_out(any_embedder: Embedder) -> None:
    assert any_embedder.embed_passages([]).shape == (0, any_embedder.dim)
    assert any_embedder.embed_questions([]).shape == (0, any_embedder.dim)
    assert any_embedder.count_tokens([]) == []


def test_the_same_bytes_whatever_stands_beside(any_embedder: Embedder) -> None:
    together = any_embedder.embed_passages(TEXTS)
    reverse = any_embedder.embed_passages(TEXTS[::-1])[::-1]
    alone = np.concatenate([any_embedder.embed_passages([text]) for text in TEXTS])
    assert together.tobytes() == reverse.tobytes() == alone.tobytes()


def test_questions_are_not_passages(any_embedder: Embedder) -> None:
    assert not np.allclose(any_embedder.embed_questions(TEXTS[:1]), any_embedder.embed_passages(TEXTS[:1]), atol=1e-3)


def test_counts_without_cutting(any_embedder: Embedder) -> None:
    one, two = any_embedder.count_tokens([TEXTS[0] * 100, TEXTS[0] * 200])
    assert one > any_embedder.max_tokens
    assert two > 1.9 * one


def test_the_end_of_a_long_text_counts(any_embedder: Embedder) -> None:
    long = TEXTS[4] * 10
    assert any_embedder.count_tokens([long])[0] > 2 * any_embedder.max_tokens
    for embed in (any_embedder.embed_passages, any_embedder.embed_questions):
        plain, longer, tail = embed([long, long + TEXTS[2] * 40, TEXTS[2]])
        assert longer @ tail > plain @ tail + 0.005
        assert abs(np.linalg.norm(longer) - 1) < 1e-5


def test_nearest_is_what_speaks_of_it(any_embedder: Embedder) -> None:
    passages = any_embedder.embed_passages(["长江全长约6300公里。", "故宫建于明朝永乐年间。", "大熊猫以竹子为食。"])
    questions = any_embedder.embed_questions(["故宫是什么时候建的？", "What do giant pandas eat?"])
    assert (questions @ passages.T).argmax(axis=1).tolist() == [1, 2]


def test_name_is_stable(any_embedder: Embedder) -> None:
    assert any_embedder.name == any_embedder.name != ""
    if isinstance(any_embedder, OnnxEmbedder):
        assert any_embedder.name == "multilingual-e5-small-int8-2"
