"""When reading stops: a sure answer, or an unlikely one where retrieval leaves nothing to the passages not yet read."""

import pytest

from rag.answering.read import settled
from rag.types import Hit, Passage


def _hits(*scores: float) -> list[Hit]:
    passage = Passage("a-0", "a", 0, 0, 1, "")
    return [Hit(passage, score, None, None, 0.0, 0.0, 0.0, 0.0) for score in scores]


FAR, NEAR = _hits(9.0, 8.0, 2.0, 1.0, 0.0), _hits(9.0, 8.0, 7.9, 7.8, 7.7)


@pytest.mark.parametrize("hits", [FAR, NEAR])
def test_a_sure_answer_is_settled(hits: list[Hit]) -> None:
    assert settled(0.9, hits, 2)


def test_an_unlikely_answer_is_settled_where_the_unread_passages_are_far_behind() -> None:
    assert settled(0.2, FAR, 2)
    assert not settled(0.2, NEAR, 2)


@pytest.mark.parametrize("hits", [FAR, NEAR])
def test_between_the_two_reading_goes_on_while_there_is_something_unread(hits: list[Hit]) -> None:
    assert not settled(0.6, hits, 2)
    assert settled(0.6, hits, len(hits))
    assert settled(0.6, hits[:2], 6)
