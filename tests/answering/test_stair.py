"""Retrieval, selection and the assistant, over a small store with the fake embedder: what holds whatever the model."""

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.answering.cite import highlights, locator
from rag.answering.judge import EVIDENCE as NAMES
from rag.answering.judge import Evidence, confidence, gather_evidence, judge_nearest, reason
from rag.answering.rank import SentenceFeatures
from rag.answering.retrieve import PASSAGE_FEATURES, support, years_missing
from rag.assistant import LocalAssistant, fingerprint_of
from rag.cache import TextCache
from rag.errors import QuestionError
from rag.ingest import ingest
from rag.settings import Settings
from rag.store import open_store
from rag.text import idf
from rag.types import Citation, Document, Filter, Query, SentenceReading, Turn
from rag.weights import ByScript, Linear, load_weights, softmax
from tests.conftest import FakeEmbedder

REPORT = """市政府工作报告
2024-01-25

2023年回顾

去年，全市新能源汽车产量突破30万辆。老旧小区改造完成53个。

2024年目标

今年，全市新能源汽车产量突破50万辆。老旧小区改造计划260个以上。
"""
COMPANY = """智新科技介绍

“感谢支持。”智新科技有关负责人介绍,去年销量连续迈过三道10万级大关,达到53万套。

公司成立于2004年，总部设在武汉经开区。
"""


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[LocalAssistant]:
    (tmp_path / "a.txt").write_text(REPORT)
    (tmp_path / "b.txt").write_text(COMPANY)
    embedder = FakeEmbedder()
    with open_store(tmp_path / "vectorstore", fingerprint_of(embedder), write=True) as store:
        ingest([tmp_path], store, embedder, base=tmp_path, limit_mb=1, apart=[store.path])
        yield LocalAssistant(store, embedder, Settings(store=tmp_path / "vectorstore", min_confidence=0.0))


def test_an_answer_is_verbatim_and_says_where_it_stands(assistant: LocalAssistant) -> None:
    answer = assistant.ask("智新科技去年的销量是多少？")
    assert answer.status == "answered"
    assert answer.sentences[0].text.endswith("达到53万套。")
    citation = answer.citations[0]
    assert (citation.path, citation.locator, citation.title) == ("b.txt", "L3", "智新科技介绍")
    store = assistant._store
    for c in answer.citations:
        document = store.document(c.document_id)
        assert document is not None
        assert document.text[c.start : c.end] == c.quote
    assert [s.citation for s in answer.sentences] == [c.number for c in answer.citations]
    assert json.loads(json.dumps(dataclasses.asdict(answer)))["index"]["documents"] == 2


def test_the_period_asked_for_wins(assistant: LocalAssistant) -> None:
    assert "50万辆" in assistant.ask("2024年新能源汽车产量的目标是多少？").sentences[0].text
    assert "30万辆" in assistant.ask("2023年新能源汽车产量是多少？").sentences[0].text


def test_abstaining_gives_a_reason_and_no_answer(assistant: LocalAssistant) -> None:
    assistant._settings = Settings(store=assistant._settings.store, min_confidence=1.0)
    answer = assistant.ask("2019年宜昌市的地铁里程是多少公里？")
    assert (answer.status, answer.reason, answer.text) == ("abstained", "other_period", "")
    assert (answer.sentences, answer.citations) == ((), ())


class LiteralReader:
    """Finds words: a sentence that holds one answers as surely as is told, and nothing else does."""

    name = "literal"

    def __init__(self, **scores: float) -> None:
        self._scores = scores

    def read(
        self, question: str, context: str, text: str, sentences: Sequence[tuple[int, int]]
    ) -> tuple[SentenceReading, ...]:
        found = []
        for start, end in sentences:
            word = next((word for word in self._scores if text.find(word, start, end) >= 0), "")
            at = text.find(word, start, end) if word else start
            score = self._scores.get(word, -12.0)
            found.append(SentenceReading(score, score, (at, at + len(word))))
        return tuple(found)


def silent(assistant: LocalAssistant, reader: LiteralReader) -> LocalAssistant:
    """Never sure enough; finds passages by words, ranks sentences by the reader, and takes the log-odds of the reader
    for those of the confidence."""

    def by(feature: str, names: tuple[str, ...]) -> ByScript:
        linear = Linear(names, tuple(float(name == feature) for name in names))
        return ByScript(linear, linear)

    weights = load_weights()
    accurate = dataclasses.replace(
        weights.accurate,
        sentence=by("relevance", SentenceFeatures._fields),
        confidence=by("relevance", NAMES),
    )
    settings = Settings(store=assistant._settings.store, min_confidence=1.0)
    weights = dataclasses.replace(weights, passage=by("word_share", PASSAGE_FEATURES), accurate=accurate)
    return LocalAssistant(assistant._store, assistant._embedder, settings, weights, reader)


def test_beside_an_abstention_stand_the_nearest_sentences_each_with_its_probability(assistant: LocalAssistant) -> None:
    reader = LiteralReader(总部设在武汉经开区=2.0, 突破30万辆=1.0, 达到53万套=0.0, 突破50万辆=-1.0)
    answer = silent(assistant, reader).ask("总部设在哪里？")
    assert (answer.status, answer.text, answer.sentences, answer.citations) == ("abstained", "", (), ())
    marked = [[near.text[a:b] for a, b in near.highlights] for near in answer.nearest]
    assert marked == [["总部设在武汉经开区"], ["突破30万辆"], ["达到53万套"]]
    for near, log_odds in zip(answer.nearest, (2.0, 1.0, 0.0), strict=True):
        assert near.confidence == pytest.approx(1 / (1 + math.exp(-log_odds)), abs=1e-4)
        document = assistant._store.document(near.citation.document_id)
        assert document is not None
        assert document.text[near.citation.start : near.citation.end] == near.citation.quote == near.text
    assert [near.citation.number for near in answer.nearest] == [1, 2, 3]
    assert answer.confidence == answer.nearest[0].confidence
    assert silent(assistant, reader).ask("总部设在哪里？").nearest == answer.nearest


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (
            "白鹭县的茶叶是多少？",
            "白鹭县，茶叶：198吨。",
        ),  # says all of the question that the reader's row says, and more
        ("茶叶是多少？", "石桥乡，茶叶：259吨。"),  # the words cannot tell
        ("白鹭县去年的茶叶是多少，石桥乡呢？", "石桥乡，茶叶：259吨。"),  # each says something that the other does not
    ],
)
def test_of_the_rows_of_a_table_the_one_that_was_asked_for(assistant: LocalAssistant, asked: str, shown: str) -> None:
    folder = assistant._settings.store.parent
    (folder / "c.csv").write_text("地区,茶叶\n石桥乡,259吨\n白鹭县,198吨\n云岭市,320吨\n")
    ingest([folder], assistant._store, assistant._embedder, base=folder, limit_mb=1)
    reader = LiteralReader(**{"259吨": 2.0, "198吨": 1.0, "320吨": 0.0})
    near = silent(assistant, reader).ask(asked).nearest
    assert near[0].text == shown
    assert len({one.text for one in near}) == len(near) == 3


def test_what_hardly_answers_is_not_shown_as_near(assistant: LocalAssistant) -> None:
    nothing = silent(assistant, LiteralReader()).ask("总部设在哪里？")
    assert (nothing.status, nothing.nearest) == ("abstained", ())
    assert nothing.reason
    one = silent(assistant, LiteralReader(总部设在武汉经开区=-1.0)).ask("总部设在哪里？")
    assert [near.text for near in one.nearest] == ["公司成立于2004年，总部设在武汉经开区。"]


def test_a_stray_bracket_is_not_shown_as_near(assistant: LocalAssistant) -> None:
    found = assistant.explain("总部设在哪里？")
    stray = dataclasses.replace(found.candidates[0], text="（")
    candidates = [stray, *found.candidates]
    texts, weights = TextCache(assistant._store), silent(assistant, LiteralReader())._weights.accurate
    even = Linear(NAMES, (0.0,) * len(NAMES))
    weights = dataclasses.replace(weights, confidence=ByScript(even, even))
    near = judge_nearest(found.query, candidates, assistant._store, texts, weights)
    assert [candidate for candidate, _ in near] == list(found.candidates[:3])


def test_a_reprint_is_shown_once_beside_an_abstention(assistant: LocalAssistant) -> None:
    folder = assistant._settings.store.parent
    (folder / "c.txt").write_text(f"转载\n{COMPANY}")
    ingest([folder], assistant._store, assistant._embedder, base=folder, limit_mb=1)
    answer = silent(assistant, LiteralReader(总部设在武汉经开区=2.0, 达到53万套=1.0)).ask("总部设在哪里？")
    assert len(answer.nearest) == 2
    assert len({near.text for near in answer.nearest}) == 2


def test_any_candidate_is_judged_among_all(assistant: LocalAssistant) -> None:
    found = assistant.explain("去年销量达到多少？")
    texts = TextCache(assistant._store)
    for place, candidate in enumerate(found.candidates):
        first = [candidate, *found.candidates[:place], *found.candidates[place + 1 :]]
        here = gather_evidence(found.query, found.candidates, assistant._store, texts, place)
        there = gather_evidence(found.query, first, assistant._store, texts)
        assert here.vector() == pytest.approx(there.vector())
        assert here.cosine == candidate.features.cosine


def test_nothing_is_quoted_but_what_meets_the_filter(assistant: LocalAssistant) -> None:
    question = "智新科技去年的销量是多少？"
    (path,) = {one.path for one in assistant.ask(question).citations}
    assert path == "b.txt"
    assert assistant.ask(question, filters=Filter(paths=("b*",))).citations == assistant.ask(question).citations
    elsewhere = assistant.ask(question, filters=Filter(paths=("a.txt",)))
    assert {one.path for one in elsewhere.citations} == {"a.txt"}
    assert {one.path for _, one in assistant.find(question, 9, Filter(since="2024-01"))} == {"a.txt"}
    assert {one.path for _, one in assistant.find(question, 9)} == {"a.txt", "b.txt"}
    assert elsewhere.index == assistant.ask(question).index


def test_the_nearest_sentences_keep_to_the_filter(assistant: LocalAssistant) -> None:
    reader = LiteralReader(达到53万套=2.0, 产量突破30万辆=1.0)
    answer = silent(assistant, reader).ask("去年是多少？", filters=Filter(since="2024"))
    assert (answer.status, {one.citation.path for one in answer.nearest}) == ("abstained", {"a.txt"})


def test_a_filter_that_no_document_meets_is_the_reason(assistant: LocalAssistant) -> None:
    history = [Turn("user", "智新科技去年的销量是多少？")]
    for filters in (Filter(paths=("c/*",)), Filter(until="2019"), Filter(metadata=(("source", ("x",)),))):
        answer = assistant.ask("那今年呢？", history, filters=filters)
        assert (answer.status, answer.reason, answer.confidence) == ("abstained", "no_match", 0.0)
        assert (answer.nearest, answer.citations) == ((), ())


def test_an_empty_store_has_no_passage(tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    with open_store(tmp_path / "s", fingerprint_of(embedder), write=True) as store:
        assistant = LocalAssistant(store, embedder, Settings(store=tmp_path / "s"))
        answer = assistant.ask("有什么？")
        assert assistant.ask("有什么？", filters=Filter(since="2020")).reason == "no_passage"
    assert (answer.status, answer.reason, answer.confidence) == ("abstained", "no_passage", 0.0)


def test_the_same_question_gives_the_same_bytes(assistant: LocalAssistant) -> None:
    first, second = (dataclasses.replace(assistant.ask("老旧小区改造多少个？"), timings_ms={}) for _ in range(2))
    assert json.dumps(dataclasses.asdict(first)) == json.dumps(dataclasses.asdict(second))


@pytest.mark.parametrize("question", ["", "  \n", "问" * 2001])
def test_unusable_questions_are_refused(assistant: LocalAssistant, question: str) -> None:
    with pytest.raises(QuestionError):
        assistant.ask(question)


def test_search_gives_what_scores_were_made_of(assistant: LocalAssistant) -> None:
    hits = assistant.search("老旧小区改造", 3)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert hits[0].lexical_rank is not None
    assert 0 < hits[0].word_share <= 1


def test_a_follow_up_is_answered_as_the_question_it_stands_for(assistant: LocalAssistant) -> None:
    history = [Turn("user", "智新科技去年的销量是多少？"), Turn("assistant", "达到53万套。")]
    answer = assistant.ask("它成立于哪一年？", history)
    assert answer.question == "它成立于哪一年？"
    assert answer.standalone_question.startswith("智新科技")
    assert answer.standalone_question.endswith("成立于哪一年？")


def test_what_a_follow_up_says_itself_counts_again(assistant: LocalAssistant) -> None:
    """So that a reading that only repeats the question before does not win by that question's passage."""
    hits, texts = assistant.search("老旧小区改造", 1), TextCache(assistant._store)
    said, unsaid = (support(hits, {word: 1.0}, texts) for word in ("小区", "总部"))
    assert said > unsaid == hits[0].score
    assert support([], {"小区": 1.0}, texts) == -math.inf


def test_a_follow_up_over_nothing_has_no_passage(tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    with open_store(tmp_path / "s", fingerprint_of(embedder), write=True) as store:
        found = LocalAssistant(store, embedder, Settings(store=tmp_path / "s")).ask(
            "面积呢？", [Turn("user", "在哪？")]
        )
    assert (found.status, found.reason) == ("abstained", "no_passage")


def query(text: str, *words: str) -> Query:
    vector = FakeEmbedder().embed_questions([text])[0]
    return Query(text, vector, vector, words, {word: 1 / len(words) for word in words})


@pytest.mark.parametrize(
    ("question", "words", "text", "marked"),
    [
        ("销量是多少？", ["销量"], "去年销量连续迈过三道10万级大关,达到53万套。", ["达到53万套"]),
        ("哪一年成立？", ["成立"], "公司成立于2004年，总部设在武汉。", ["2004年"]),
        ("谁说的？", ["说"], "周耿说，投入5亿元。", []),
        ("目标是多少？", ["目标"], "没有数字。", []),
    ],
)
def test_highlights_mark_what_was_asked_for(question: str, words: list[str], text: str, marked: list[str]) -> None:
    assert [text[a:b] for a, b in highlights(query(question, *words), text)] == marked


@pytest.mark.parametrize(
    ("unit", "span", "expected"),
    [
        ("L", (0, 2), "L3"),
        ("L", (1, 6), "L3-L9"),
        ("L", (4, 6), "L9"),
        ("p", (0, 3), "p3-p5"),
        ("slide", (2, 4), "slide5"),
        ("二季度 (draft)!R", (0, 2), "二季度 (draft)!R3"),
        ("二季度 (draft)!R", (0, 4), "二季度 (draft)!R3-R5"),
    ],
)
def test_locator_names_the_place_in_the_file(unit: str, span: tuple[int, int], expected: str) -> None:
    document = Document("i", "p", "t", None, "一二三四五六", (), ((0, 3), (2, 5), (4, 9)), "", unit)
    assert locator(document, *span) == expected


def test_a_joined_line_from_further_back_does_not_turn_the_range_round() -> None:
    document = Document("i", "p", "t", None, "一二三四五六", (), ((0, 7), (3, 2)), "")
    assert locator(document, 0, 6) == "L2-L7"


EVIDENCE = Evidence(
    cosine=0.9,
    stands_out=0.1,
    passage_stands_out=0.1,
    lead=0.8,
    word_share=0.8,
    passage_word_share=0.9,
    missing=0.0,
    name_missing=0.0,
    unknown=0.0,
    focus_missing=0.0,
    years_missing=0.0,
    years_differ=0.0,
    kind_missing=0.0,
)


@pytest.mark.parametrize("mode", ["fast", "accurate"])
def test_confidence_grows_with_what_speaks_for_an_answer(mode: str) -> None:
    weights = getattr(load_weights(), mode)
    sure = confidence(EVIDENCE, weights)
    assert 0 < confidence(dataclasses.replace(EVIDENCE, years_missing=1.0), weights) < sure < 1
    assert confidence(dataclasses.replace(EVIDENCE, name_missing=0.3), weights) < sure
    assert confidence(dataclasses.replace(EVIDENCE, cosine=0.8), weights) < sure


@pytest.mark.parametrize("mode", ["fast", "accurate"])
def test_a_question_in_another_script_is_weighed_by_weights_of_its_own(mode: str) -> None:
    weights = getattr(load_weights(), mode)
    foreign = dataclasses.replace(EVIDENCE, foreign=True)
    assert confidence(foreign, weights) != confidence(EVIDENCE, weights)
    swapped = dataclasses.replace(weights, confidence=ByScript(weights.confidence.same, weights.confidence.same))
    assert confidence(foreign, swapped) == confidence(EVIDENCE, weights)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"years_missing": 1.0}, "other_period"),
        ({"name_missing": 0.2}, "other_entity"),
        ({"missing": 0.4}, "not_covered"),
        ({"kind_missing": 1.0}, "no_answer"),
        ({"relevance": -3.0}, "no_answer"),
        ({"foreign": True, "missing": 0.4}, "too_unsure"),
        ({}, "too_unsure"),
    ],
)
def test_reasons(change: dict[str, Any], expected: str) -> None:
    assert reason(dataclasses.replace(EVIDENCE, **change)) == expected


def test_small_formulas() -> None:
    assert idf(0, 0) == pytest.approx(0.6931, abs=1e-3)
    assert idf(1000, 1) > idf(1000, 500) > 0
    assert years_missing({"2023", "2024"}, "2024年的目标") == 0.5
    assert years_missing(set(), "2024") == 0.0
    assert years_missing({"2023"}, "投资12023亿元,订单202356号") == 1.0
    assert softmax([1.0, 1.0]).tolist() == [0.5, 0.5]
    assert Linear(("a", "b"), (1.0, 2.0), 0.5)(softmax([0.0, 0.0])[None, :]).tolist() == [2.0]


def test_the_weights_name_the_features_in_their_order() -> None:
    from rag.answering.rank import SentenceFeatures
    from rag.answering.retrieve import PASSAGE_FEATURES

    weights = load_weights()
    assert weights.passage.same.names == weights.passage.other.names == PASSAGE_FEATURES
    for mode in (weights.fast, weights.accurate):
        assert mode.sentence.same.names == mode.sentence.other.names == SentenceFeatures._fields
        assert mode.confidence.same.names == mode.confidence.other.names == NAMES
        risks = [risk for _, risk, _ in mode.risks]
        assert risks == sorted(risks, reverse=True)


def test_the_threshold_is_the_lowest_that_keeps_the_risk() -> None:
    weights = dataclasses.replace(load_weights().fast, risks=((0.2, 0.3, 1.0), (0.5, 0.05, 0.7), (0.9, 0.01, 0.2)))
    assert [weights.min_confidence(risk) for risk in (1.0, 0.3, 0.05, 0.02, 0.0)] == [0.2, 0.2, 0.5, 0.9, 1.0]


def test_the_reader_decides_the_sentence_and_marks_the_words(assistant: LocalAssistant) -> None:
    assistant._reader = LiteralReader(总部设在武汉经开区=12.0)
    answer = assistant.ask("总部设在哪里？")
    first = answer.sentences[0]
    assert [first.text[a:b] for a, b in first.highlights] == ["总部设在武汉经开区"]
    assert "read" in answer.timings_ms
    fast = assistant.ask("总部设在哪里？", mode="fast")
    assert "read" not in fast.timings_ms
    assert fast.index == answer.index


def test_a_figure_that_the_reader_cuts_is_marked_whole() -> None:
    text = "去年销量达到53万套。"
    assert [text[a:b] for a, b in highlights(query("销量是多少？"), text, (6, 8))] == ["达到53万套"]
    text = "连续迈过三道10万级大关,销量达到53万套。"
    assert [text[a:b] for a, b in highlights(query("销量是多少？", "销量"), text, (4, 9))] == ["达到53万套"]


def test_every_year_asked_for_gets_its_sentence(assistant: LocalAssistant) -> None:
    text = assistant.ask("2023年和2024年新能源汽车产量各突破多少万辆？").text
    assert "30万辆" in text
    assert "50万辆" in text


def test_a_reprint_speaks_for_an_answer_and_not_against_it(tmp_path: Path, fake_embedder: FakeEmbedder) -> None:
    text = "星河公司去年在武汉生产了三百台机器人。\n它的员工都住在附近。\n"
    evidence = []
    with open_store(tmp_path / "s", fingerprint_of(fake_embedder), write=True) as store:
        for number in range(3):
            (tmp_path / f"{number}.txt").write_text(f"第{number}份报纸\n{text}", "utf-8")
            ingest([tmp_path / f"{number}.txt"], store, fake_embedder, base=tmp_path, limit_mb=1)
            assistant = LocalAssistant(store, fake_embedder, Settings(store=tmp_path / "s", min_confidence=0.0))
            found = assistant.explain("星河公司去年生产了多少台机器人？")
            evidence.append(gather_evidence(found.query, found.candidates, store, TextCache(store)))
            assert len(assistant.ask("星河公司去年生产了多少台机器人？").sentences) == 1
    assert min(one.lead for one in evidence) > 0.8 * max(one.lead for one in evidence)
    assert all(one.contested < 0.1 for one in evidence)


PAPER = """{head}

智新科技有关负责人在接受采访时介绍，公司去年销量连续迈过三道10万级大关，达到{sold}万套，创下历史新高。

公司成立于2004年，总部设在武汉经开区，主要生产电机和电控，员工大多住在附近。
"""


def test_a_citation_names_the_other_documents_that_hold_the_sentence(tmp_path: Path) -> None:
    folder, embedder = tmp_path, FakeEmbedder()
    papers = {
        "a.txt": PAPER.format(head="智新科技介绍", sold=53),
        "转载.txt": "\n\n" + PAPER.format(head="一家企业的故事", sold=53).replace("，", ","),
        "误读.txt": PAPER.format(head="报纸扫描", sold=53).replace("连续", "连绩"),
        "另一个数.txt": PAPER.format(head="另一家企业", sold=35),
    }
    for name, text in papers.items():
        (folder / name).write_text(text)
    question = "智新科技去年的销量达到多少万套？"
    with open_store(folder / "s", fingerprint_of(embedder), write=True) as store:

        def asked(assistant: LocalAssistant) -> tuple[Citation, list[tuple[str, str, str]]]:
            answer = assistant.ask(question)
            citation = answer.citations[0] if answer.citations else answer.nearest[0].citation
            for one in (citation, *citation.also_in):
                document = store.document(one.document_id)
                assert document is not None
                assert document.text[one.start : one.end] == one.quote
            return citation, [(one.path, one.title, one.locator) for one in citation.also_in]

        assistant = LocalAssistant(store, embedder, Settings(store=folder / "s", min_confidence=0.0))
        ingest([folder / "a.txt"], store, embedder, base=folder, limit_mb=1)
        assert asked(assistant)[1] == []
        ingest([folder], store, embedder, base=folder, limit_mb=1, apart=[store.path])
        citation, places = asked(assistant)
        cited = citation.path
        assert [path for path, _, _ in places] == sorted({"a.txt", "误读.txt", "转载.txt"} - {cited})
        assert ("转载.txt", "一家企业的故事", "L5") in places
        near, beside = asked(silent(assistant, LiteralReader(达到53万套=2.0)))
        assert len(beside) == 2
        assert {near.path, *(path for path, _, _ in beside)} == {"a.txt", "误读.txt", "转载.txt"}
        store.remove("转载.txt")
        assert [path for path, _, _ in asked(assistant)[1]] == sorted({"a.txt", "误读.txt"} - {cited})
        store.remove("误读.txt")
        assert asked(assistant)[1] == []
