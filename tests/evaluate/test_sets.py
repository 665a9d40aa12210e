import json
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rag.errors import PathMissingError, QASetError
from rag.evaluate.formats import RgbOptions
from rag.evaluate.library import Shelf
from rag.evaluate.questions import GoldSpan, Question, SourceDocument
from rag.evaluate.sets import check_against, checked, open_set
from rag.types import Turn

from .fakes import FakeLibrary, document

LINE = {"id": "1", "question": "谁得了分？", "answers": ["甲队"]}


def write(path: Path, *lines: Mapping[str, Any] | str) -> Path:
    texts = (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def questions(path: Path, **options: Any) -> list[Question]:
    return list(checked(open_set(path, **options)))


# --- the project's format ----------------------------------------------------------------------------------------


def test_every_field_of_the_projects_format(tmp_path: Path) -> None:
    full = {
        "id": 7,
        "question": "那么乙队呢？",
        "answers": ["20分", ["三十分", "30分"]],
        "doc": ["a.txt", "b.txt"],
        "all": True,
        "kind": "figure",
        "history": [["user", "甲队得了多少分？"], ["assistant", "10分。"]],
        "split": "dev",
        "unknown": 1,
    }
    one, bare = questions(write(tmp_path / "set.jsonl", full, "", {**LINE, "answers": [], "doc": None}))
    assert one == Question(
        id="7",
        question="那么乙队呢？",
        answers=(("20分",), ("三十分", "30分")),
        documents=("a.txt", "b.txt"),
        kind="figure",
        history=(Turn("user", "甲队得了多少分？"), Turn("assistant", "10分。")),
        split="dev",
        line=1,
    )
    assert (bare.answerable, bare.documents, bare.line) == (False, (), 3)


def test_without_all_any_answer_will_do(tmp_path: Path) -> None:
    assert questions(write(tmp_path / "set.jsonl", {**LINE, "answers": ["a", "b"]}))[0].answers == (("a", "b"),)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"id": "2", "question": ', "not valid JSON"),
        ('{"id": "2", "question": "\\ud83d谁？", "answers": []}', "holds half a character"),
        ("[" * 200_000, "nested too deeply"),
        ("[1]", "not a JSON object"),
        ({"id": "2", "answers": []}, 'the field "question" is missing'),
        ({**LINE, "id": "2", "answers": None}, '"answers" must be a list'),
        ({**LINE, "id": "2", "answers": [""]}, '"answers" holds something other than non-empty texts'),
        ({**LINE, "id": "2", "answers": [[]]}, '"answers" holds an empty list'),
        ({**LINE, "id": "2", "question": " "}, '"question" is empty'),
        ({**LINE, "id": ["2"]}, '"id" must be a text'),
        ({**LINE, "id": "2", "all": "yes"}, '"all" must be true or false'),
        ({**LINE, "id": "2", "doc": [3]}, '"doc" holds something other than'),
        ({**LINE, "id": "2", "history": [["system", "x"]]}, '"history" must hold pairs'),
        (LINE, 'the id "1" was used before, on line 1'),
    ],
)
def test_a_broken_line_is_one_clear_line(tmp_path: Path, line: Any, problem: str) -> None:
    good = ({**LINE, "id": f"good {i}"} for i in range(5))
    path = write(tmp_path / "set.jsonl", LINE, *good, line)
    with pytest.raises(QASetError) as caught:
        questions(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line 7: ")
    assert problem in message
    assert "\n" not in message
    assert "第 7 行" in caught.value.message("zh")


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_bytes(json.dumps(LINE).encode() + b"\n" + json.dumps(LINE, ensure_ascii=False).encode("gbk"))
    with pytest.raises(QASetError, match="line 2: not UTF-8"):
        questions(path)


def test_a_missing_file_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(PathMissingError):
        open_set(tmp_path / "none.jsonl")


# --- against the documents ---------------------------------------------------------------------------------------

SHELF = Shelf(FakeLibrary([document("seeds/a.txt", "甲队得了 1,234\n分。"), document("seeds/b.txt", "乙队没有得分。")]))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({**LINE, "doc": ["c.txt"]}, 'the document "c.txt" is not in the store'),
        ({**LINE, "doc": ["b.txt"]}, 'the answer "甲队" stands in none of the documents'),
        ({**LINE, "answers": ["丙队"]}, 'the answer "丙队" stands in none of the documents'),
        ({**LINE, "answers": ["甲队", "丙队"], "all": True, "doc": ["a.txt"]}, 'the answer "丙队"'),
    ],
)
def test_gold_that_is_not_there(tmp_path: Path, line: Mapping[str, Any], problem: str) -> None:
    good = {**LINE, "id": "good", "answers": ["1234分", "丁队"], "doc": ["a.txt"]}
    path = write(tmp_path / "set.jsonl", good, line)
    with pytest.raises(QASetError, match="line 2: ") as caught:
        check_against(open_set(path), SHELF)
    assert problem in str(caught.value)


def test_gold_that_is_there(tmp_path: Path) -> None:
    lines = [
        {**LINE, "id": "named", "answers": ["１２３４分"], "doc": ["seeds/a.txt"]},
        {**LINE, "id": "anywhere", "answers": ["乙队"]},
        {**LINE, "id": "both", "answers": ["甲队", "乙队"], "all": True, "doc": ["a.txt", "b.txt"]},
        {**LINE, "id": "unsaid", "answers": []},
    ]
    check_against(open_set(write(tmp_path / "set.jsonl", *lines)), SHELF)


# --- SQuAD style -------------------------------------------------------------------------------------------------


def squad(
    *qas: Mapping[str, Any], context: str = "甲队得分。乙队失分。甲队赢了。", title: str = "比赛"
) -> dict[str, Any]:
    return {"data": [{"title": title, "paragraphs": [{"context": context, "qas": list(qas)}]}]}


def qa(identifier: str = "q1", text: str = "甲队", start: int = 10, question: str = "谁赢了？") -> dict[str, Any]:
    return {"id": identifier, "question": question, "answers": [{"text": text, "answer_start": start}]}


def write_json(path: Path, value: object, indent: int | None = None) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent), encoding="utf-8")
    return path


def test_squad_style(tmp_path: Path) -> None:
    unsaid = {"id": "q2", "question": "谁没来？", "is_impossible": True, "answers": []}
    path = write_json(tmp_path / "set.json", squad(qa(), unsaid))
    (bundle,) = open_set(path).read()
    assert bundle.documents == (SourceDocument("set/00001.txt", "比赛", "甲队得分。乙队失分。甲队赢了。"),)
    first, second = bundle.questions
    assert first.answers == (("甲队",),)
    assert first.documents == ("set/00001.txt",)
    assert first.spans == (GoldSpan("set/00001.txt", 10, "甲队", behind=3),)
    assert (second.answerable, second.documents) == (False, ())


@pytest.mark.parametrize("start", [-1, 3, 99])
def test_a_wrong_answer_start_is_mended(tmp_path: Path, start: int) -> None:
    (one,) = questions(write_json(tmp_path / "set.json", squad(qa(start=start))))
    assert one.spans[0].start == 0


def test_questions_in_another_language(tmp_path: Path) -> None:
    ours = write_json(
        tmp_path / "en.json", squad(qa(text="Team A", start=0, question="Who won?"), context="Team A won.")
    )
    theirs = write_json(tmp_path / "zh.json", squad(qa()))
    opened = open_set(ours, documents=theirs)
    assert opened.name == "en over zh"
    (one,) = checked(opened)
    assert (one.question, one.answers, one.documents) == ("Who won?", (("甲队",),), ("zh/00001.txt",))


@pytest.mark.parametrize(
    ("english", "problem"),
    [
        (squad(qa("q1"), qa("q3")), "2 questions here, but 1 in"),
        (squad(qa("q9")), 'question "q9" stands where'),
    ],
)
def test_files_that_do_not_belong_together(tmp_path: Path, english: object, problem: str) -> None:
    ours, theirs = write_json(tmp_path / "en.json", english), write_json(tmp_path / "zh.json", squad(qa("q1")))
    with pytest.raises(QASetError, match=problem):
        questions(ours, documents=theirs)


@pytest.mark.parametrize(
    ("value", "line", "problem"),
    [
        (squad(qa(), qa("q2", "丙队")), 20, 'question "q2": the answer "丙队" does not stand in its paragraph'),
        (squad(qa(), qa()), 10, 'the id "q1" was used before'),
        ({"data": [{"paragraphs": [{"context": "甲队"}]}]}, 6, 'the field "qas" is missing'),
        ({"data": [3]}, 1, '"data" holds something that is no object'),
    ],
)
def test_a_broken_squad_file_names_the_line(tmp_path: Path, value: object, line: int, problem: str) -> None:
    path = write_json(tmp_path / "set.json", value, indent=1)
    with pytest.raises(QASetError) as caught:
        questions(path)
    assert str(caught.value).startswith(f"{path}, line {line}: {problem}")


def test_json_broken_in_the_middle(tmp_path: Path) -> None:
    path = write(tmp_path / "set.json", '{"data": [', ' {"title": "x"}', ' {"title": "y"}]}')
    with pytest.raises(QASetError, match="line 3: not valid JSON"):
        questions(path)


# --- RGB style ---------------------------------------------------------------------------------------------------

NOISE = {
    "id": 0,
    "query": "谁？",
    "answer": ["甲", ["乙", "丙"]],
    "positive": ["甲乙"],
    "negative": ["无一", "无二", "无三"],
}
GROUPED = {**NOISE, "positive": [["甲一", "甲二"], ["乙一", "乙二"]]}


def rgb(tmp_path: Path, record: Mapping[str, Any], **options: Any) -> tuple[Question, list[str]]:
    path = write(tmp_path / "zh.json", record)
    (bundle,) = open_set(path, rgb=RgbOptions(**options)).read()
    (one,) = bundle.questions
    return one, [source.text for source in bundle.documents]


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({"noise": 0.4}, ["甲乙", "无一", "无二", "无三"]),  # one positive: the rest is noise, as in the benchmark
        ({"noise": 0.4, "documents": 2}, ["甲乙", "无一"]),
        ({"noise": 0.0, "documents": 1}, ["甲乙"]),
        ({"mode": "rejection"}, ["无一", "无二", "无三"]),
        ({"mode": "rejection", "documents": 2}, ["无一", "无二"]),
    ],
)
def test_rgb_chooses_documents_as_the_benchmark_does(tmp_path: Path, options: dict[str, Any], texts: list[str]) -> None:
    one, chosen = rgb(tmp_path, NOISE, **options)
    assert chosen == texts
    rejection = options.get("mode") == "rejection"
    assert one.answers == (() if rejection else (("甲",), ("乙", "丙")))
    assert one.kind == ("rejection" if rejection else "noise")


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({}, ["甲一", "乙一", "甲二", "乙二", "无一"]),
        ({"noise": 0.6}, ["甲一", "乙一", "无一", "无二", "无三"]),
        ({"noise": 0.6, "documents": 3}, ["甲一", "乙一", "无一"]),  # each answer keeps a document
    ],
)
def test_rgb_integration_takes_a_document_for_each_answer(
    tmp_path: Path, options: dict[str, Any], texts: list[str]
) -> None:
    one, chosen = rgb(tmp_path, GROUPED, **options)
    assert (one.kind, chosen) == ("integration", texts)


def test_rgb_questions_have_their_own_documents_or_share_a_pool(tmp_path: Path) -> None:
    path = write(tmp_path / "zh.json", NOISE, {**NOISE, "id": 1, "positive": ["丁"]})
    apart = list(open_set(path).read())
    assert [len(list(bundle.questions)) for bundle in apart] == [1, 1]
    assert apart[0].key != apart[1].key
    (pooled,) = open_set(path, rgb=RgbOptions(pooled=True)).read()
    assert [source.text for source in pooled.documents] == ["甲乙", "无一", "无二", "无三", "丁"]
    assert [one.id for one in pooled.questions] == ["0", "1"]


# --- size --------------------------------------------------------------------------------------------------------


def test_a_large_set_is_read_as_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for i in range(10_000):
            print(json.dumps({**LINE, "id": str(i), "question": "问" * 1000}), file=file)  # 60 MB
    tracemalloc.start()
    assert sum(1 for _ in checked(open_set(path))) == 10_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_question_longer_than_may_be_asked_names_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "set.jsonl", LINE, {**LINE, "id": "2", "question": "长" * 21})
    assert len(list(checked(open_set(path), 21))) == 2
    with pytest.raises(QASetError, match="line 2: the question has more than 20 characters"):
        list(checked(open_set(path), 20))
