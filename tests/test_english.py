"""English words in Chinese: what the dictionary gives, and what an English question over Chinese text finds by it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.answering.retrieve import retrieve
from rag.answering.understand import prepare
from rag.assistant import fingerprint_of
from rag.cache import TextCache
from rag.ingest import ingest
from rag.store import LocalStore, open_store
from rag.text import content_words, in_chinese, says, search_words, word_share
from rag.types import Vectors
from rag.weights import load_weights
from tests.conftest import FakeEmbedder


@pytest.mark.parametrize(
    ("question", "word", "chinese"),
    [
        ("Where is the reservoir?", "reservoir", "水库"),
        ("Which reservoirs were built?", "reservoirs", "水库"),
        ("What did the companies donate?", "companies", "公司"),
        ("When was the industrial park planned?", "planned", "计划"),
        ("How many base stations are there?", "stations", "基站"),
        ("What was China's gross domestic product?", "gross", "国内生产总值"),
        ("What did the industrial park cost?", "park", "工业园区"),
        ("Who lives in Wuhan?", "wuhan", "武汉"),
        ("What happened on 9 August?", "august", "8月"),
    ],
)
def test_a_word_is_known_by_what_chinese_says_for_it(question: str, word: str, chinese: str) -> None:
    assert chinese in in_chinese(question)[word]


def test_a_phrase_stands_under_its_words_before_what_each_is_alone() -> None:
    said = in_chinese("How many base stations?")["base"]
    assert said[0] == "基站"
    assert in_chinese("base")["base"][0] in said[1:]


@pytest.mark.parametrize(
    ("question", "word", "text", "other"),
    [
        ("How high is Lantiangou Reservoir?", "lantiangou", "思南县烂田沟水库大坝", "思南县花溪水库大坝"),
        ("What does Wang Weihang's firm own?", "weihang's", "王维航持有股份", "王伟持有股份"),
        ("What does Wang Weihang own?", "wang", "王维航持有股份", "国王持有股份"),
    ],
)
def test_a_name_in_pinyin_is_known_by_its_sound(question: str, word: str, text: str, other: str) -> None:
    said_as = in_chinese(question)
    assert says(text, word, said_as)
    assert not says(other, word, said_as)


@pytest.mark.parametrize(
    "question",
    ["水库在哪里？", "Где находится плотина в Wuhan?", "2023?", "Zxqv?", "", "what is it", "\t", "1\t"],
)
def test_what_the_dictionary_does_not_know_has_nothing(question: str) -> None:
    assert in_chinese(question) == {}


def test_the_dictionary_is_opened_when_it_is_needed_and_not_before() -> None:
    code = """
import rag.text.english as english
from rag.text import in_chinese
in_chinese("武汉的水库在哪里？")
assert english._dictionary.cache_info().currsize == 0
in_chinese("Where is the reservoir?")
assert english._dictionary.cache_info().currsize == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)


class Speechless(FakeEmbedder):
    """All texts are alike to it, so that nothing but words tells passages apart."""

    def embed_passages(self, texts: list[str]) -> Vectors:
        return self._alike(len(texts))

    def embed_questions(self, texts: list[str]) -> Vectors:
        return self._alike(len(texts))

    def _alike(self, count: int) -> Vectors:
        vectors = np.zeros((count, self.dim), dtype=np.float32)
        vectors[:, 0] = 1.0
        return vectors


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    texts = (
        "天气很好，适合出行。",
        "水库的大坝高五十米，由县政府出资修建。",
        "Dams are built by beavers.",
        "公司产品销往海外。",
    )
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.txt").write_text(text)
    with open_store(tmp_path / "vectorstore", fingerprint_of(Speechless()), write=True) as opened:
        ingest([tmp_path], opened, Speechless(), base=tmp_path, limit_mb=1, apart=[opened.path])
        yield opened


def paths(question: str, store: LocalStore) -> list[str]:
    texts = TextCache(store)
    hits = retrieve(prepare(question, store, Speechless()), store, texts, load_weights(), 4)
    return [texts.document(hit.passage.document_id).path for hit in hits]


def test_an_english_question_finds_chinese_text_by_its_words(store: LocalStore) -> None:
    assert paths("How high is the dam of the reservoir?", store)[0] == "1.txt"
    assert paths("Where are the company's products sold?", store)[0] == "3.txt"


def test_english_words_still_find_english_text(store: LocalStore) -> None:
    assert paths("What do beavers build?", store)[0] == "2.txt"


def test_a_question_weighs_what_it_says_by_what_chinese_says_for_it(store: LocalStore) -> None:
    query = prepare("How high is the dam of the reservoir?", store, Speechless())
    assert {"水库", "大坝"} <= set(query.terms)
    assert sum(query.words.values()) == pytest.approx(1)
    assert word_share(query.words, "水库的大坝", query.said_as) == pytest.approx(
        query.words["dam"] + query.words["reservoir"]
    )
    assert word_share(query.words, "水库的大坝") == 0


def test_a_chinese_question_is_left_as_it_is(store: LocalStore) -> None:
    question = "水库的大坝（dam）有多高？"
    query = prepare(question, store, Speechless())
    assert query.terms == tuple(search_words(question))
    assert list(query.words) == content_words(question)
    assert not query.said_as
