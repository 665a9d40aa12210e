import math
import random
import warnings
from dataclasses import replace

import numpy as np
import pytest

from rag.evaluate.metrics import (
    CUTOFFS,
    Ranking,
    citation_is_right,
    document_rank,
    gold_in_nearest,
    gold_in_sentences,
    gold_places,
    highlighted,
    is_right,
    is_verbatim,
    ranking,
    retrieval_measures,
)
from rag.evaluate.questions import GoldSpan, Question
from rag.text import sentence_spans
from rag.types import Answer

from .fakes import answer, citation, document

SOURCE = document("folder/a.txt", "甲队得了 1,234 分。乙队得了 20 分。丙队没有参赛。")
SENTENCES = sentence_spans(SOURCE.text)


def answered(*numbers: int) -> Answer:
    return answer("?", [citation(i, SOURCE, *SENTENCES[n]) for i, n in enumerate(numbers, 1)], highlights=[(5, 10)])


def question(*groups: tuple[str, ...]) -> Question:
    return Question("1", "?", groups)


def test_right_is_every_gold_answer_or_rightly_abstained() -> None:
    assert is_right(question(("１234分", "无")), answered(0))
    assert not is_right(question(("1234分",)), answered(1))
    assert is_right(question(("1234分",), ("20分",)), answered(0, 1))
    assert not is_right(question(("1234分",), ("20分",)), answered(0))
    assert is_right(question(), answer("?", []))
    assert not is_right(question(), answered(0))
    assert not is_right(question(("1234分",)), answer("?", []))


def test_gold_in_the_first_sentences() -> None:
    given = answered(2, 1, 0)
    assert gold_in_sentences(given, [("1234分",)], 1) == 0.0
    assert gold_in_sentences(given, [("1234分",)], 3) == 1.0
    assert gold_in_sentences(given, [("1234分",), ("20分",)], 3) == 1.0
    assert gold_in_sentences(given, [("20分",)], 2) == 1.0
    assert gold_in_sentences(given, [("分。丙队",)], 3) == 0.0  # across two sentences is in neither


def test_gold_beside_an_abstention() -> None:
    silent = answer("?", [], near=[citation(i, SOURCE, *SENTENCES[n]) for i, n in enumerate((2, 0), 1)])
    assert gold_in_nearest(silent, [("1234分",)]) == 1.0
    assert gold_in_nearest(silent, [("20分",)]) == 0.0
    assert gold_in_nearest(silent, [("1234分",), ("20分",)]) == 0.0
    assert gold_in_nearest(answered(0), [("1234分",)]) == 0.0  # what is answered is measured as an answer


def test_highlighted_words() -> None:
    assert highlighted(answered(0)) == "1,234"
    assert highlighted(answer("?", [citation(1, SOURCE, 0, 13)])) == ""


def test_a_citation_is_right_in_a_gold_document_over_the_gold_span() -> None:
    cited = citation(1, SOURCE, 0, 13)
    assert citation_is_right(cited, ["a.txt"], [])
    assert citation_is_right(cited, ["b.txt", "folder/a.txt"], [])
    assert not citation_is_right(cited, ["ba.txt", "older/a.txt"], [])
    assert citation_is_right(cited, ["folder/a.txt"], [("folder/a.txt", 12, 14)])
    assert not citation_is_right(cited, ["folder/a.txt"], [("folder/a.txt", 13, 14)])
    assert citation_is_right(cited, ["a.txt"], [("a.txt", 12, 14)])  # a stored path may be longer than the set's name


@pytest.mark.parametrize(
    ("stored", "place"),
    [
        ("一二一二一", (2, 3)),  # as the set has it
        ("一\n一二一二一", (4, 5)),  # a title in front
        ("一 二 一 二 一", (4, 5)),  # cleaned
        ("完全不同", None),
    ],
)
def test_gold_places_survive_a_title_and_cleaning(stored: str, place: tuple[int, int] | None) -> None:
    places = gold_places([GoldSpan("a", 2, "一", behind=2)], {"a": stored}.get)
    assert places == ([("a", *place)] if place else [])


def test_verbatim_checks_every_citation_and_sentence() -> None:
    library = {SOURCE.id: SOURCE}
    assert is_verbatim(answered(0, 1), library.get)
    assert is_verbatim(answer("?", []), library.get)
    assert not is_verbatim(answered(0), {}.get)
    moved = document(SOURCE.path, "。" + SOURCE.text)
    assert not is_verbatim(answered(0), {SOURCE.id: moved}.get)
    near = answer("?", [], near=[citation(1, SOURCE, *SENTENCES[0])])
    assert is_verbatim(near, library.get)
    assert not is_verbatim(near, {SOURCE.id: moved}.get)
    other = replace(near.nearest[0], text=near.nearest[0].text[1:])
    assert not is_verbatim(replace(near, nearest=(other,)), library.get)


# --- retrieval ---------------------------------------------------------------------------------------------------


def test_document_rank_counts_each_document_once() -> None:
    paths = ["x/b.txt", "x/b.txt", "x/a.txt"]
    assert document_rank(paths, ["a.txt"]) == 2
    assert document_rank(paths, ["c.txt", "b.txt"]) == 1
    assert document_rank(paths, ["c.txt"]) is None


@pytest.mark.parametrize(
    ("covered", "groups", "expected"),
    [
        ([[False], [True], [True]], 1, Ranking((2,), 0)),  # one passage is enough
        ([[False]] * 3, 1, Ranking((), 1)),
        ([], 2, Ranking((), 2)),
        ([[True, True]], 2, Ranking((1,), 0)),  # one passage holds both
        ([[True, False], [False, False], [True, True]], 2, Ranking((1, 3), 0)),
        ([[True, False]], 2, Ranking((1,), 1)),
    ],
)
def test_ranking(covered: list[list[bool]], groups: int, expected: Ranking) -> None:
    assert ranking(covered, groups) == expected


def rankings(n: int = 200) -> list[Ranking]:
    chance = random.Random(3)
    return [
        Ranking(tuple(sorted(chance.sample(range(1, 21), chance.randint(0, 3)))), chance.randint(0, 2))
        for _ in range(n)
    ] + [Ranking((), 1), Ranking((1,), 0), Ranking((20,), 0)]


def test_retrieval_measures_are_their_definitions() -> None:
    some = [one for one in rankings() if one.ranks or one.missing]
    measured = retrieval_measures(some)
    for i, one in enumerate(some):
        relevant = len(one.ranks) + one.missing
        for k in CUTOFFS:
            assert measured[f"recall@{k}"][i] == pytest.approx(sum(r <= k for r in one.ranks) / relevant, abs=1e-9)
        first = one.ranks[0] if one.ranks else 99
        assert measured["mrr@10"][i] == pytest.approx(1 / first if first <= 10 else 0.0, abs=1e-9)
        gain = sum(1 / math.log2(rank + 1) for rank in one.ranks if rank <= 10)
        ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(relevant, 10) + 1))
        assert measured["ndcg@10"][i] == pytest.approx(gain / ideal, abs=1e-9)


@pytest.mark.slow
def test_retrieval_measures_agree_with_ranx() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ranx's own dependencies warn on import
        ranx = pytest.importorskip("ranx")
        some = [one for one in rankings() if one.ranks or one.missing]
        qrels = {
            f"q{i}": {**{f"d{r}": 1 for r in one.ranks}, **{f"missing{m}": 1 for m in range(one.missing)}}
            for i, one in enumerate(some)
        }
        run = {query: {f"d{rank}": 100.0 - rank for rank in range(1, 21)} for query in qrels}
        names = [*(f"recall@{k}" for k in CUTOFFS), "mrr@10", "ndcg@10"]
        ranx_run = ranx.Run(run)
        ranx.evaluate(ranx.Qrels(qrels), ranx_run, names)
    measured = retrieval_measures(some)
    for name in names:
        other = [ranx_run.scores[name][f"q{i}"] for i in range(len(some))]
        assert measured[name] == pytest.approx(np.array(other), abs=1e-9), name


def test_no_ranking_no_measure() -> None:
    assert all(len(values) == 0 for values in retrieval_measures([]).values())
