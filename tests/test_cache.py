"""What is kept from one question to the next: texts, and answers, which must be those of the generation asked."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from rag.assistant import LocalAssistant, fingerprint_of
from rag.cache import AnswerCache, Asked, TextCache, _Recent
from rag.ingest import ingest
from rag.settings import Settings
from rag.store import open_store
from rag.types import Answer, Filter, SentenceReading, Turn, Vectors
from tests.conftest import FakeEmbedder


def test_the_least_recently_read_is_dropped_and_many_threads_agree() -> None:
    recent: _Recent[str] = _Recent(10, len)
    assert [recent.get(key, lambda: "abcd") for key in "xyz"] == ["abcd"] * 3
    made: list[str] = []
    for key in "zyx":
        recent.get(key, lambda key=key: made.append(key) or "efgh")  # type: ignore[misc]
    assert made == ["x"]


def test_no_text_of_another_generation_or_store(tmp_path: Path) -> None:
    embedder, folder = FakeEmbedder(), tmp_path / "s"
    (tmp_path / "a.txt").write_text("旧的文字在这里。")
    with open_store(folder, fingerprint_of(embedder), write=True) as store:
        texts = TextCache(store)
        for text in ("旧的文字在这里。", "新的文字在那里。"):
            (tmp_path / "a.txt").write_text(text)
            ingest([tmp_path / "a.txt"], store, embedder, base=tmp_path, limit_mb=1)
            (document,) = store.documents()
            assert texts.document(document.id).text == text
            with ThreadPoolExecutor(4) as pool:
                read = pool.map(texts.document, [document.id] * 50)
                assert {found.text for found in read} == {text}


QUESTION = "博物馆几点开门？"


class CountingEmbedder(FakeEmbedder):
    def __init__(self) -> None:
        self.asked = 0

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        self.asked += 1
        return super().embed_passages(texts)


class NoReader:
    """Reads, and finds nothing."""

    name = "none"

    def read(
        self, question: str, context: str, text: str, sentences: Sequence[tuple[int, int]]
    ) -> tuple[SentenceReading, ...]:
        return tuple(SentenceReading(0.0, 0.0, span) for span in sentences)


class Desk:
    """A folder of documents, its store, and an assistant that reads the store as another process would."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.embedder = folder / "documents", CountingEmbedder()
        self.settings = Settings(store=folder / "store", min_confidence=0.0)
        self.folder.mkdir()
        self.opens_at(9)
        self.assistant = self.answering(2)

    def opens_at(self, hour: int, name: str = "a.txt") -> None:
        (self.folder / name).write_text(f"博物馆{hour}点开门。\n", "utf-8")
        self.take_in()

    @property
    def generation(self) -> int:
        """The newest, which a reader that is asked without a pause may be behind."""
        with open_store(self.settings.store, None) as store:
            return store.generation

    def take_in(self, rebuild: bool = False) -> None:
        fingerprint = fingerprint_of(self.embedder)
        with open_store(self.settings.store, fingerprint, write=True, rebuild=rebuild) as store:
            ingest([self.folder], store, self.embedder, base=self.folder, limit_mb=1)

    def answering(self, cached: int, **settings: object) -> LocalAssistant:
        store = open_store(self.settings.store, fingerprint_of(self.embedder))
        settings_ = self.settings.model_copy(update=settings)
        return LocalAssistant(store, self.embedder, settings_, reader=NoReader(), answers_cached=cached)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.assistant.close()


def was_cached(answer: Answer) -> bool:
    assert answer.timings_ms["total"] >= 0
    return "cached" in answer.timings_ms


def test_what_was_answered_is_given_again_without_work(desk: Desk) -> None:
    first, asked = desk.assistant.ask(QUESTION), desk.embedder.asked
    again = desk.assistant.ask(f" {QUESTION}\n")  # the answer's question is without them, too
    assert (was_cached(first), was_cached(again)) == (False, True)
    assert replace(again, timings_ms={}) == replace(first, timings_ms={})
    assert desk.embedder.asked == asked


def test_whatever_else_is_asked_is_worked_out(desk: Desk) -> None:
    wide = desk.answering(100)
    ways: list[dict[str, object]] = [
        {},
        {"history": [Turn("user", "博物馆在哪里？")]},
        {"history": [Turn("user", "博物馆在哪里？"), Turn("assistant", "东湖边。")]},
        {"mode": "fast"},
        {"filters": Filter(paths=("b*",))},
        {"filters": Filter(paths=("a*",))},
    ]
    for _ in range(2):
        answers = [wide.ask(QUESTION, **way) for way in ways]  # type: ignore[arg-type]
    assert all(map(was_cached, answers))
    assert [answer.reason for answer in answers].count("no_match") == 1
    fresh = desk.answering(100)
    assert not any(was_cached(fresh.ask(QUESTION, **way)) for way in ways)  # type: ignore[arg-type]
    assert was_cached(fresh.ask(QUESTION, mode="accurate"))  # which is what is done without a mode
    wide.close()
    fresh.close()


def test_never_across_an_ingest_a_removal_or_another_store(desk: Desk) -> None:
    def ask() -> Answer:
        answer = desk.assistant.ask(QUESTION)
        assert not was_cached(answer)
        assert was_cached(desk.assistant.ask(QUESTION))
        return answer

    assert "9点" in ask().text
    desk.opens_at(10)
    assert "10点" in ask().text
    (desk.folder / "a.txt").unlink()
    desk.take_in()
    assert ask().status == "abstained"
    desk.opens_at(9)
    ask()
    desk.take_in(rebuild=True)
    assert "9点" in ask().text


def test_an_answer_for_another_risk_is_worked_out(desk: Desk) -> None:
    assert desk.assistant.ask(QUESTION).status == "answered"
    careful = desk.answering(2, min_confidence=1.0)
    answer = careful.ask(QUESTION)
    assert (answer.status, was_cached(answer)) == ("abstained", False)
    careful.close()


def test_only_the_last_ones_are_kept(desk: Desk) -> None:
    one, two, three = (f"博物馆{what}？" for what in ("几点开门", "在哪里", "多少钱"))
    for question in (one, two, one, three):  # two was asked longest ago
        desk.assistant.ask(question)
    assert [was_cached(desk.assistant.ask(question)) for question in (one, three, two)] == [True, True, False]
    off = desk.answering(0)
    assert [was_cached(off.ask(one)) for _ in range(2)] == [False, False]
    off.close()


def test_an_answer_of_another_generation_than_was_asked_is_not_kept(desk: Desk) -> None:
    answer = desk.assistant.ask(QUESTION)
    asked = Asked("store", answer.index.generation, QUESTION, (), True, None)
    cache = AnswerCache(10)
    cache.put(replace(asked, generation=asked.generation + 1), answer)
    assert len(cache) == 0
    cache.put(asked, answer)
    assert cache.get(asked) is answer


def test_many_threads_get_the_answer_of_the_generation_they_are_told(desk: Desk) -> None:
    hours = {desk.generation: 9}
    done = Event()

    def ask() -> list[Answer]:
        answers = [desk.assistant.ask(QUESTION)]
        while not done.is_set():
            answers.append(desk.assistant.ask(QUESTION))
        return answers

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            for hour in (10, 11, 12):
                desk.opens_at(hour)
                hours[desk.generation] = hour
        finally:
            done.set()
        answers = [answer for one in asking for answer in one.result()]
    answers.append(desk.assistant.ask(QUESTION))
    assert "12点" in answers[-1].text
    assert any(map(was_cached, answers))
    for answer in answers:
        assert f"{hours[answer.index.generation]}点" in answer.text
