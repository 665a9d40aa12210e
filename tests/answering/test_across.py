"""A question that is not Chinese is compared with Chinese text by a vector of its own."""

from pathlib import Path

import numpy as np
import pytest

from rag.answering.understand import prepare, vector_for
from rag.assistant import fingerprint_of
from rag.store import open_store
from rag.text import is_chinese
from rag.types import Embedder, Vectors
from tests.conftest import FakeEmbedder


class Turned(FakeEmbedder):
    def across(self, questions: Vectors) -> Vectors:
        return -questions


def test_only_chinese_text_and_only_where_the_question_is_not_chinese(tmp_path: Path) -> None:
    embedder = Turned()
    with open_store(tmp_path / "store", fingerprint_of(embedder), write=True) as store:
        english, chinese = (prepare(text, store, embedder) for text in ("How long is it?", "它有多长？"))
    assert np.array_equal(vector_for(english, "全长339公里。"), -english.vector)
    assert np.array_equal(vector_for(english, "It is 339 km long."), english.vector)
    assert np.array_equal(vector_for(chinese, "全长339公里。"), chinese.vector)


@pytest.mark.model
def test_what_answers_comes_nearer(embedder: Embedder) -> None:
    """Of Chinese sentences alike, the one that answers; over all languages this is measured, not tested."""
    passages = embedder.embed_passages(
        ["地铁运营总里程达339公里。", "机场旅客吞吐量达2700万人次。", "新建中小学50所。"]
    )
    question = embedder.embed_questions(["How many kilometres of metro are in operation?"])
    plain, mapped = ((vectors @ passages.T)[0] for vectors in (question, embedder.across(question)))
    assert mapped.argmax() == 0
    assert mapped[0] - mapped[1:].max() > plain[0] - plain[1:].max()


@pytest.mark.model
@pytest.mark.parametrize("chinese_answers", [True, False])
def test_neither_language_comes_first_for_being_itself(embedder: Embedder, chinese_answers: bool) -> None:
    """Cosines with the mapped question and with the question itself are on one scale."""
    beside = {
        True: ["Twelve new bus lines were opened.", "The airport handled 27 million passengers."],
        False: ["新开公交线路12条。", "机场旅客吞吐量达2700万人次。"],
    }[chinese_answers]
    answers = "地铁运营总里程达339公里。" if chinese_answers else "The metro now runs over 339 kilometres."
    question = embedder.embed_questions(["How many kilometres of metro are in operation?"])
    mapped = embedder.across(question)
    (right, *others) = (
        float((mapped if is_chinese(text) else question)[0] @ embedder.embed_passages([text])[0])
        for text in (answers, *beside)
    )
    assert right > max(others)
