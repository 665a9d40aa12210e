"""Reprints from the store to what a user sees: grouped by `rag docs duplicates`, named beside a citation."""

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from rag.answering.also import add_places_near
from rag.assistant import LocalAssistant, fingerprint_of
from rag.cache import TextCache
from rag.console import ALSO_SHOWN, Screen
from rag.duplicates import near_duplicates
from rag.ingest import ingest
from rag.mcp import answer_text
from rag.server.completion import reply, without_marks
from rag.server.links import source_url
from rag.server.settings import ServerSettings
from rag.settings import Settings
from rag.store import open_store
from rag.types import AlsoIn, Answer, Filter, NearSentence
from tests.conftest import FakeEmbedder
from tests.server.running import put_in, serving

QUESTION = "智新科技去年的销量达到多少万套？"
SENTENCE = "智新科技有关负责人介绍，去年销量连续迈过三道10万级大关，达到53万套，创下历史新高。"
STORY = f"""{SENTENCE}

公司成立于2004年，总部设在武汉经开区，主要生产电机和电控，员工大多住在附近，上下班很方便。
"""
FILES = {
    "a.txt": f"智新科技介绍\n\n{STORY}",
    "b.txt": f"一家企业的故事\n2024-03-05\n\n{STORY}",
    "c.txt": f"报纸扫描\n\n{STORY.replace('连续', '连绩').replace('附近', '附迈')}",
    "d.txt": f"另一家企业\n\n{STORY.replace('53万套', '35万套')}",
    "e.txt": "磷化工\n\n宜昌的磷化工沿江分布，去年关停了许多小厂，旅游也恢复得很快。\n",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    settings = Settings(store=tmp_path / "vectorstore", min_confidence=0.0)
    put_in(settings, FakeEmbedder(), *(tmp_path / name for name in FILES))
    return settings


def asked(settings: Settings, filters: Filter | None = None) -> Answer:
    embedder = FakeEmbedder()
    with open_store(settings.store, fingerprint_of(embedder)) as store:
        return LocalAssistant(store, embedder, settings).ask(QUESTION, filters=filters)


def places_of(answer: Answer) -> set[str]:
    """The files that hold the first sentence shown."""
    return {answer.citations[0].path, *(one.path for one in answer.citations[0].also_in)}


def with_places(answer: Answer, count: int) -> Answer:
    """The same, its first citation also in so many documents, the others in none."""
    first, *others = answer.citations
    place = AlsoIn("d", "x.txt", "转载", "2024-03-05", "L3", 0, 4, "智新科技")
    places = tuple(dataclasses.replace(place, path=f"x{n}.txt") for n in range(count))
    others = [dataclasses.replace(one, also_in=()) for one in others]
    return dataclasses.replace(answer, citations=(dataclasses.replace(first, also_in=places), *others))


def test_reprints_are_grouped_with_their_likeness_and_all_stay(settings: Settings, tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    with open_store(settings.store, fingerprint_of(embedder), write=True) as store:
        (group,) = near_duplicates(store)
        assert [one.document.path for one in group] == ["a.txt", "b.txt", "c.txt", "d.txt"]
        assert all(0.4 <= one.similarity < 1 for one in group)
        assert store.document_count() == len(FILES)
        for name in ("b.txt", "c.txt"):
            store.remove(name)
        assert [one.document.path for group in near_duplicates(store) for one in group] == ["a.txt", "d.txt"]
        store.remove("d.txt")
        assert near_duplicates(store) == []
        ingest([tmp_path / "b.txt"], store, embedder, base=tmp_path, limit_mb=1)
        assert [one.document.path for group in near_duplicates(store) for one in group] == ["a.txt", "b.txt"]


def test_rag_docs_duplicates(settings: Settings) -> None:
    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "rag", "docs", "duplicates", *arguments, "--store", str(settings.store)]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ)).stdout

    head, *rows = [line.split("\t") for line in run().splitlines()]
    assert head == ["group", "similarity", "id", "path", "title", "date"]
    assert [(row[0], row[3]) for row in rows] == [("1", name) for name in ("a.txt", "b.txt", "c.txt", "d.txt")]
    (group,) = json.loads(run("--json"))
    assert [f"{one['similarity']:.2f}" for one in group] == [row[1] for row in rows]
    assert [one["document"]["id"] for one in group] == [row[2] for row in rows]


def test_the_answer_as_json_names_the_places(settings: Settings) -> None:
    answer = asked(settings)
    assert places_of(answer) == {"a.txt", "b.txt", "c.txt"}
    sent = json.loads(answer.to_json())["citations"][0]["also_in"]
    assert sent == [dataclasses.asdict(one) for one in answer.citations[0].also_in]
    assert set(sent[0]) == {"document_id", "path", "title", "date", "locator", "start", "end", "quote"}


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        (Filter(paths=("a.txt", "c.txt")), {"a.txt", "c.txt"}),
        (Filter(paths=("[ab].txt", "?.txt")), {"a.txt", "b.txt", "c.txt"}),
        (Filter(since="2024"), {"b.txt"}),
        (Filter(until="2024-02"), set()),
    ],
)
def test_only_documents_that_were_asked_are_named(settings: Settings, filters: Filter, named: set[str]) -> None:
    """Beside an answer, and beside the sentences of an abstention."""
    answer = asked(settings, filters)
    assert bool(answer.citations) == bool(named)
    if not named:
        return
    assert places_of(answer) == named
    near = NearSentence(answer.citations[0].quote, (), dataclasses.replace(answer.citations[0], also_in=()), 0.1)
    with open_store(settings.store, None) as store:
        (found,) = add_places_near([near], store, TextCache(store), filters)
    assert found.citation == answer.citations[0]


@pytest.mark.parametrize(
    ("language", "mark", "more"), [("zh", "另见", "及另外 2 篇"), ("en", "also in", "and in 2 more")]
)
def test_the_command_line_names_them(settings: Settings, language: str, mark: str, more: str) -> None:
    def printed(answer: Answer) -> list[str]:
        out = io.StringIO()
        Screen(language, Console(file=out, highlight=False, soft_wrap=True)).answer(answer)
        return out.getvalue().splitlines()

    answer = asked(settings)
    (first, second) = answer.citations[0].also_in
    lines = [line for line in printed(answer) if line.startswith(f"    {mark} ")]
    assert lines[0].startswith(f"    {mark} {first.path} {first.locator}  {first.title}")
    assert lines[1].startswith(f"    {mark} {second.path} {second.locator}  {second.title}")
    many = printed(with_places(answer, ALSO_SHOWN + 2))
    assert sum(line.startswith(f"    {mark} ") for line in many) == ALSO_SHOWN
    assert f"    {more}" in many


def test_the_tool_for_agents_names_them(settings: Settings) -> None:
    answer = asked(settings)
    first = answer.citations[0].also_in[0]
    said = answer_text(answer).splitlines()
    assert any(line.startswith(f"    also in {first.path} {first.locator} · {first.title}") for line in said)
    assert "    and in 1 more" in answer_text(with_places(answer, ALSO_SHOWN + 1)).splitlines()


def test_a_chat_completion_names_them(settings: Settings) -> None:
    answer = with_places(asked(settings), ALSO_SHOWN + 1)
    sent = reply(answer, "http://here", True, (3, 5))
    (line,) = [line for line in sent.content.splitlines() if line.startswith("1. ")]
    place = source_url("http://here", answer.citations[0].also_in[0])
    assert f" · 另见 [转载]({place}) · x0\\.txt" in line.replace(".txt", "\\.txt")
    assert line.endswith("；及另外 1 篇")
    assert without_marks(sent.content) == answer.text
    found = sent.context.citations[0].also_in
    assert [one.filepath for one in found] == [f"x{n}.txt" for n in range(ALSO_SHOWN + 1)]
    assert (found[0].content, found[0].url) == ("智新科技", place)


def test_the_server_sends_them(settings: Settings) -> None:
    served = ServerSettings(store=settings.store, min_confidence=0.0)
    with serving(served, FakeEmbedder()) as running, running.client() as http:
        answer = http.post("/ask", json={"question": QUESTION}).json()
        body = {"model": "rag", "messages": [{"role": "user", "content": QUESTION}]}
        message = http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]
    citation = answer["citations"][0]
    assert {citation["path"], *(one["path"] for one in citation["also_in"])} == {"a.txt", "b.txt", "c.txt"}
    sent = message["context"]["citations"][0]["also_in"]
    assert [one["content"] for one in sent] == [one["quote"] for one in citation["also_in"]]


def test_of_what_stands_everywhere_some_places_are_named(settings: Settings, tmp_path: Path) -> None:
    """And as many passages are found as are asked for, also more than a search proposes by itself."""
    for n in range(120):
        (tmp_path / f"{n}.txt").write_text(f"第{n}期简报\n\n{SENTENCE}\n", "utf-8")
    put_in(settings, FakeEmbedder(), *(tmp_path / f"{n}.txt" for n in range(120)))
    assert 100 <= len(places_of(asked(settings))) <= 101
    embedder = FakeEmbedder()
    with open_store(settings.store, fingerprint_of(embedder)) as store:
        found = LocalAssistant(store, embedder, settings).search(QUESTION, 90)
    assert len(found) == len({hit.passage.id for hit in found}) == 90
