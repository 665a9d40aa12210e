"""`from rag import Assistant`: what a user of the library meets, over the fake embedder."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import rag
import rag.public
from rag import Assistant, Filter, Turn
from rag.assistant import LocalAssistant, fingerprint_of
from rag.errors import (
    DocumentError,
    EmptyFileError,
    FactError,
    FilterError,
    PathMissingError,
    SettingError,
    StoreMissingError,
)
from rag.ingest import ingest
from rag.settings import Settings
from rag.store import open_store
from tests.conftest import ROOT, FakeEmbedder

QUESTION = "智新科技去年的销量是多少?"
SALES = "智新科技召开年会\n智新科技去年销量达到53万套。\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Assistant]:
    monkeypatch.setattr(rag.public, "load_embedder", lambda settings: FakeEmbedder())
    monkeypatch.setattr(rag.public, "build_dictionary", lambda folder: folder / "none")
    with Assistant(tmp_path / "vectorstore", mode="fast", min_confidence=0.0) as assistant:
        yield assistant


def test_the_package_loads_nothing_until_a_name_is_asked_for() -> None:
    code = (
        "import rag, sys; assert 'numpy' not in sys.modules; rag.Assistant; from rag import *; print(Assistant, Filter)"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "rag.public.Assistant" in told.stdout, told.stderr
    with pytest.raises(AttributeError, match="nothing"):
        rag.nothing  # noqa: B018


def test_a_file_is_added_asked_about_and_removed(own: Assistant, tmp_path: Path) -> None:
    assert own.documents() == []
    with pytest.raises(StoreMissingError):
        own.ask(QUESTION)
    (tmp_path / "a.txt").write_text(SALES)
    assert own.add(tmp_path / "a.txt").added == ["a.txt"]
    answer = own.ask(QUESTION)
    assert answer.sentences[0].text == "智新科技去年销量达到53万套。"
    assert own.add(str(tmp_path / "a.txt")).unchanged == ["a.txt"]
    (tmp_path / "b.txt").write_text("博物馆九点开门，星期一闭馆。\n")
    own.add(tmp_path / "b.txt")
    assert {citation.path for _, citation in own.search("博物馆几点开门？", k=2)} == {"a.txt", "b.txt"}
    assert own.remove("a.txt") == 1
    assert [one.path for one in own.documents()] == ["b.txt"]
    assert {one.path for one in own.ask(QUESTION).citations} == {"b.txt"}
    with pytest.raises(PathMissingError, match=r"a\.txt"):
        own.remove("a.txt")


def test_it_answers_as_the_assistant_beneath_it(own: Assistant, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SALES + "今年目标是85万套。\n")
    own.add(tmp_path / "a.txt")
    history = [Turn("user", QUESTION)]
    settings = Settings(store=tmp_path / "vectorstore", min_confidence=0.0)
    with open_store(settings.store, None) as store:
        below = LocalAssistant(store, FakeEmbedder(), settings).ask("那今年呢？", history)
    assert replace(own.ask("那今年呢？", history), timings_ms={}) == replace(below, timings_ms={})


def test_what_is_said_of_a_file_is_kept_and_filtered_by(own: Assistant, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SALES)
    own.add(tmp_path / "a.txt")
    told = own.add(tmp_path / "a.txt", title="年会", date="2024-01", metadata={"source": " 新华社\n"})
    assert told.updated == ["a.txt"]
    (document,) = own.documents()
    assert (document.title, document.date, document.metadata) == ("年会", "2024-01", {"source": "新华社"})
    for filters in (
        {"metadata": {"source": "新华社"}},
        {"since": "2024", "until": "2024-01-31", "path": "a.*"},
        Filter(metadata=(("source", ("b", "新华社")),)),
    ):
        assert {one.title for one in own.ask(QUESTION, filters=filters).citations} == {"年会"}
    assert own.ask(QUESTION, filters={"metadata": {"source": "人民日报"}}).reason == "no_match"
    assert own.search(QUESTION, filters={"until": "2023"}) == []
    with pytest.raises(FilterError, match="nowhere"):
        own.ask(QUESTION, filters={"nowhere": "x"})


def test_a_folder_is_added_as_the_command_does(own: Assistant, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text(SALES)
    (folder / "b.png").write_bytes(b"\x89PNG")
    told = own.add(folder, metadata={"team": "x"})
    assert (told.added, [path for path, _ in told.failed]) == (["docs/a.txt"], ["docs/b.png"])
    assert own.documents()[0].metadata == {"team": "x"}
    (folder / "a.txt").unlink()
    assert own.add(folder).removed == ["docs/a.txt"]


def test_a_text_is_a_document_named_by_its_title(own: Assistant, tmp_path: Path) -> None:
    text = "  智新科技去年销量达到53万套。\n\n今年目标是85万套。"
    assert own.add(text=text, title="年会/纪要", date="2024", metadata={"source": "x"}).added == ["年会／纪要"]
    (document,) = own.documents()
    assert (document.path, document.title, document.date) == ("年会／纪要", "年会/纪要", "2024")
    (citation, *_) = own.ask(QUESTION).citations
    assert (citation.quote, citation.locator) == ("智新科技去年销量达到53万套。", "L1")
    assert own.add(text="智新科技去年销量达到54万套。", title="年会/纪要").updated == ["年会／纪要"]
    assert own.ask(QUESTION).sentences[0].text == "智新科技去年销量达到54万套。"
    assert own.add(text="博物馆九点开门。").added == ["博物馆九点开门。"]
    with open_store(tmp_path / "vectorstore", fingerprint_of(FakeEmbedder()), write=True) as store:
        report = ingest([tmp_path], store, FakeEmbedder(), base=tmp_path, limit_mb=1, apart=[store.path])
        assert list(store.verify()) == []
    assert report.removed == []  # no file stands for a text, and none is missed
    assert own.remove("年会／纪要") == 1


def test_what_cannot_be_is_told_and_nothing_is_stored(own: Assistant, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SALES)
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    articles = "".join(
        f"第{n}篇新闻的标题\n2024-01-0{n}\n第{n}篇新闻的正文说，{n}号车间去年一共生产了{n}00万套产品，比上一年增长了许多，"
        "得到了各方面的好评，今年还要继续扩大生产规模，争取更好的成绩。\n"
        for n in range(1, 5)
    )
    (tmp_path / "two.txt").write_text(articles)
    for wrong, kind, told in (
        ({"path": tmp_path / "nowhere"}, PathMissingError, "nowhere"),
        ({"path": tmp_path / "b.png"}, DocumentError, "b.png"),
        ({"path": tmp_path / "a.txt", "date": "2024-13"}, FactError, "2024-13 is no date"),
        ({"path": tmp_path / "a.txt", "metadata": {"title": "x"}}, FactError, "title"),
        ({"path": tmp_path / "two.txt", "title": "x"}, FactError, "several documents"),
        ({"path": tmp_path, "title": "x"}, FactError, "several documents"),
        ({"text": " \n", "title": "空"}, EmptyFileError, "空"),
        ({}, TypeError, "path or text"),
        ({"path": "a", "text": "b"}, TypeError, "path or text"),
    ):
        with pytest.raises(kind, match=told):
            own.add(**wrong)  # type: ignore[arg-type]
    assert own.documents() == []
    own.add(tmp_path / "a.txt")
    with pytest.raises(FactError, match=r"a\.txt is a stored file"):
        own.add(text="x。", title="a.txt")
    with pytest.raises(SettingError, match="moode"):
        Assistant(moode="fast")
