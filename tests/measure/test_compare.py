"""The comparison with other systems: what they are asked, how one is measured, and the table."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from rag.types import Embedder
from scripts.measure import compare_systems
from scripts.measure.compare import compare, table
from scripts.measure.compare_sets import Task, articles, news_task

TASK = Task(
    name="two documents",
    documents=(("甲乙", None), ("丙丁", "2023-07-28")),
    passages=("甲", "乙", "丙丁"),
    owners=(0, 0, 1),
    questions=("乙？", "丙？", "丁？", "戊？"),
    golds=(0, 1, 1, 1),
    answers=((("乙",),), (("丙",),), (("丁",),), (("戊",),)),
    kinds=("zh", "zh", "other languages", "other languages"),
)


class First:
    """Finds the passages that hold the first character of the question, then the others."""

    title = "first character"

    def __init__(self, weights: str) -> None:
        assert weights == "weights"

    def index(self, passages: Sequence[str]) -> None:
        self._passages = passages

    def search(self, question: str, k: int) -> list[int]:
        return sorted(range(len(self._passages)), key=lambda i: question[0] not in self._passages[i])[:k]


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(compare_systems.SYSTEMS, "first", First)  # type: ignore[arg-type]


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("busy", [False, True])
def test_what_a_system_finds_counts_by_document(busy: bool) -> None:
    result = compare_systems.measure("first", json.loads(json.dumps(TASK.for_system(Path("weights"), busy))))
    assert result["found"] == [[0, 0, 1], [1, 0, 0], [1, 0, 0], [0, 0, 1]]
    assert len(result["spent"]) == 4
    assert result["peak"] > 1
    shown = table({"first": result | {"ingest": 0.5}, "txtai": {"failed": "no disk"}}, TASK).splitlines()
    assert shown[0].startswith(
        "| system | R@1, zh | R@1, other languages | R@5 | sentence first | start s | ingest s |"
    )
    assert shown[2].startswith("| first character | 1.000 | 0.500 | 1.000 | – |")
    assert "| 0.5 | 4.0 | 6.0 |" in shown[2]  # seconds, documents and passages each
    assert shown[3].startswith("| txtai | failed: no disk |")
    assert len({line.count("|") for line in shown}) == 1


def test_what_was_measured_is_kept_and_what_failed_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr("scripts.measure.compare.weights_folder", lambda: Path("weights"))
    monkeypatch.setattr("scripts.measure.compare.run_apart", lambda system, task, environment: ran.append(system) or {})
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps({"txtai": {"found": []}, "haystack": {"failed": "no disk"}}))
    found = compare(TASK, Path(sys.prefix), ["txtai", "haystack", "bm25s"], False, kept)
    assert ran == ["haystack", "bm25s"]
    assert list(found) == ["txtai", "haystack", "bm25s"]
    assert json.loads(kept.read_text()).keys() == found.keys()


@pytest.mark.slow
def test_articles_are_those_asked_about_then_others_and_always_the_same(data: Path) -> None:
    found = articles(data, 150)
    asked = [one for one in found if one.questions]
    assert {one.part for one in asked} == {"validation"}
    assert found[: len(asked)] == asked
    assert len({one.text for one in found}) == len(found) == 150
    assert articles(data, 150) == found
    assert articles(data, 200)[:150] == found
    dated = [one for one in found[len(asked) :] if one.date]
    assert dated
    assert all(len(str(one.date)) == 10 for one in dated)
    few = articles(data, 3)
    assert len(few) == 3
    assert all(one.questions for one in few)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.usefixtures("embedder")
def test_questions_over_news_know_their_article(data: Path, embedder: Embedder) -> None:
    task = news_task(data, 5, 8)
    assert (len(task.documents), len(task.questions)) == (5, 8)
    assert sorted(set(task.owners)) == [0, 1, 2, 3, 4]
    for gold, ((answer,),) in zip(task.golds, task.answers, strict=True):
        assert answer in task.documents[gold][0]
    for passage, owner in zip(task.passages, task.owners, strict=True):
        assert passage[-20:] in task.documents[owner][0]
    assert max(embedder.count_tokens(task.passages)) <= embedder.max_tokens
