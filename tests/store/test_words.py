from pathlib import Path

import numpy as np
import pytest

import rag.store.words
from rag.store.bm25 import bm25, stored_length
from rag.store.words import WordIndex
from rag.text import idf

from .samples import some_words


def _index(passages: list[str]) -> WordIndex:
    index = WordIndex.create(None)
    index.add(enumerate(passages))
    return index


def test_scores_are_plain_bm25_with_lengths_kept_in_one_byte() -> None:
    rng = np.random.default_rng(0)
    passages = [some_words(rng, int(n)) for n in rng.integers(1, 400, 200)]
    index = _index([" ".join(passage) for passage in passages])
    question = ["词1", "词9", "growth", "词1"]
    weights = {w: idf(len(passages), sum(w in passage for passage in passages)) for w in question}
    mean = sum(map(len, passages)) / len(passages)
    expected = {i: bm25(question, passage, mean, weights) for i, passage in enumerate(passages)}
    found = dict(index.best(question, len(passages)))
    assert found.keys() == {i for i, score in expected.items() if score}
    for key, score in found.items():
        assert score == pytest.approx(expected[key], abs=2e-4)


@pytest.mark.parametrize(
    ("words", "stored"),
    [(0, 0), (1, 1), (39, 39), (40, 40), (41, 40), (55, 54), (56, 56), (59, 56), (100, 96), (210, 200)],
)
def test_lengths_are_exact_up_to_forty_and_within_an_eighth_beyond(words: int, stored: int) -> None:
    assert stored_length(words) == stored
    assert words - stored <= words / 8


def test_the_order_of_adding_and_the_number_of_commits_change_no_score() -> None:
    rng = np.random.default_rng(1)
    passages = [(key, " ".join(some_words(rng, 30))) for key in range(60)]
    at_once, one_by_one = WordIndex.create(None), WordIndex.create(None)
    at_once.add(passages)
    for passage in reversed(passages):
        one_by_one.add([passage])
    question = ["词2", "词5", "2024"]
    assert sorted(at_once.best(question, 60)) == sorted(one_by_one.best(question, 60))
    assert sorted(at_once.keys()) == sorted(one_by_one.keys()) == list(range(60))


def test_all_that_tie_with_the_last_are_given() -> None:
    index = _index(["春 晓", "春 眠"] + ["风 雨"] * 30)
    assert len(index.best(["风"], 2)) == 30
    assert {key for key, _ in index.best(["晓", "风"], 1)} == {0}


def test_only_blanks_part_words() -> None:
    index = _index(["Ａ\u3000b c\u00a0d A"])
    assert [index.frequency(word) for word in ("Ａ\u3000b", "c\u00a0d", "A", "a", "b")] == [1, 1, 1, 0, 0]


def test_what_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    index = WordIndex.create(tmp_path / "words")
    (tmp_path / "words").rename(tmp_path / "gone")
    with pytest.raises(OSError):
        index.add([(1, "a")])


@pytest.mark.parametrize("few", [0, 2000])  # by asking for more; as part of the query
@pytest.mark.parametrize("left", [1, 5, 40, 190])
def test_the_best_among_some_are_the_first_of_all_that_are_among_them(
    monkeypatch: pytest.MonkeyPatch, few: int, left: int
) -> None:
    monkeypatch.setattr(rag.store.words, "_FEW", few)
    rng = np.random.default_rng(left)
    index = _index([" ".join(some_words(rng, 30)) for _ in range(200)])
    among = frozenset(rng.choice(200, left, replace=False).tolist())
    question = ["词2", "词5", "2024", "词2"]
    everything = [hit for hit in index.best(question, 200) if hit[0] in among]
    for k in (1, 3, left):
        scores = sorted((score for _, score in everything), reverse=True)[:k]
        expected = (
            {key for key, score in everything if score >= scores[-1]} if len(scores) == k else {*dict(everything)}
        )
        found = dict(index.best(question, k, among))
        assert found.keys() == expected
        assert sorted(found.values(), reverse=True)[:k] == pytest.approx(scores, abs=1.5e-4)
