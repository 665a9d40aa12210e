"""A run from the set to the files it leaves, with an assistant that does as it is told."""

import json
import sys
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag.errors import OptionError, QASetError, SettingError
from rag.evaluate import EvaluationOptions, RgbOptions, finish, open_set, run_evaluation
from rag.evaluate.report import asked_line
from rag.evaluate.result import missed, parse_floor
from rag.types import Answer, Filter, Hit

from .fakes import FakeFactory, answer, chance, citation, document

TEAMS = [
    document(f"seeds/{n}.txt", f"第{n}队昨天去了城里。第{n}队得了{n * 11}分。第{n}队然后回家了。") for n in range(1, 10)
]
BY_ID = {one.id: one for one in TEAMS}


def line(n: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"q{n}",
        "question": f"第{n}队得了多少分？",
        "answers": [f"{n * 11}分"],
        "doc": [f"{n}.txt"],
        "kind": "odd" if n % 2 else "even",
        **fields,
    }


UNSAID = {"id": "unsaid", "question": "谁没有来？", "answers": []}


def write(path: Path, *lines: Mapping[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), encoding="utf-8")
    return path


def reply(question: str, hits: list[Hit]) -> Answer:
    """The second sentence of the best passage, its figure highlighted; abstains where it is asked who did not come."""
    if question.startswith("谁没有来"):
        return answer(question, [], 0.1)
    source = BY_ID[hits[0].passage.document_id]
    start = source.text.index("。") + 1
    end = source.text.index("。", start) + 1
    figure = source.text.index("得了", start) + 2 - start
    return answer(question, [citation(1, source, start, end)], 0.9, [(figure, end - start - 1)])


def shifted(question: str, hits: list[Hit]) -> Answer:
    """The regression to catch: the answer of the next team."""
    found = reply(question, hits)
    if found.status == "abstained":
        return found
    n = int(found.citations[0].path.split("/")[1].split(".")[0]) % 9 + 1
    passage = replace(hits[0].passage, document_id=f"seeds/{n}.txt")
    return reply(question, [replace(hits[0], passage=passage)])


def options(path: Path, **fields: Any) -> EvaluationOptions:
    return EvaluationOptions(path=path, resamples=50, quiet=True, **fields)


def test_a_run_over_the_current_store(tmp_path: Path) -> None:
    path = write(tmp_path / "set.jsonl", *(line(n) for n in range(1, 10)), UNSAID)
    factory = FakeFactory(TEAMS, reply)
    out, answers = tmp_path / "out", tmp_path / "answers.jsonl"
    evaluation = run_evaluation(options(path, out=out, answers=answers), factory)
    assert (evaluation.questions, evaluation.right, evaluation.failures) == (10, 10, {})
    values = {name: estimate.value for name, estimate in evaluation.metrics.items()}
    ones = (
        "accuracy",
        "answer_accuracy",
        "sentence@1",
        "citation@1",
        "citation",
        "em",
        "f1",
        "verbatim",
        "document@1",
        "recall@1",
    )
    assert {name: values[name] for name in ones} == dict.fromkeys(ones, 1.0)
    assert values["abstention_precision"] == values["abstention_recall"] == 1.0
    assert values["document@1"] == 1.0
    assert values["answered"] == pytest.approx(0.9)
    assert values["ece"] == pytest.approx(0.1)
    assert set(evaluation.latency_ms) == {"retrieve", "read", "total"}
    assert {(one.by, one.value, one.questions) for one in evaluation.slices} == {
        ("kind", "odd", 5),
        ("kind", "even", 4),
        ("kind", "–", 1),
    }
    assert factory.closed == 1
    assert sorted(file.name for file in out.iterdir()) == [
        "metrics.json",
        "questions.jsonl",
        "report.html",
        "summary.md",
    ]
    written = [json.loads(one) for one in answers.read_text(encoding="utf-8").splitlines()]
    assert [one["id"] for one in written] == [f"q{n}" for n in range(1, 10)] + ["unsaid"]
    assert written[0]["citations"][0]["quote"] == written[0]["text"] == "第1队得了11分。"
    assert written[0]["timings_ms"]["total"] > 0


def test_equal_runs_leave_equal_files_timings_aside(tmp_path: Path) -> None:
    path = write(tmp_path / "set.jsonl", *(line(n) for n in range(1, 10)))
    runs = [run_evaluation(options(path), FakeFactory(TEAMS, shifted)) for _ in range(2)]
    first, second = (replace(one, latency_ms={}, facts={}) for one in runs)
    assert repr(first) == repr(second)  # NaN is not equal to itself


def test_history_split_and_sample(tmp_path: Path) -> None:
    followed = line(1, question="第1队呢？得了多少分？", history=[["user", "你好"]], split="test")
    path = write(tmp_path / "set.jsonl", *(line(n, split="dev") for n in range(2, 9)), followed)
    factory = FakeFactory(TEAMS, reply)
    assert run_evaluation(options(path, split="test"), factory).questions == 1
    assert {question for question, _ in factory.assistants[0].asked} == {"第1队呢？得了多少分？"}
    assert factory.assistants[0].asked[-1][1][0].text == "你好"
    drawn = []
    for _ in range(2):
        factory = FakeFactory(TEAMS, reply)
        assert run_evaluation(options(path, sample=3), factory).questions == 3
        drawn.append(factory.assistants[0].asked)
    assert drawn[0] == drawn[1]
    with pytest.raises(QASetError, match='no question with "split": "train"'):
        run_evaluation(options(path, split="train"), FakeFactory(TEAMS, reply))


def test_a_broken_set_is_found_before_anything_is_asked_or_written(tmp_path: Path) -> None:
    path = write(tmp_path / "set.jsonl", *(line(n) for n in range(1, 7)), line(7, doc=["none.txt"]))
    factory, out = FakeFactory(TEAMS, reply), tmp_path / "out"
    with pytest.raises(QASetError, match="line 7"):
        run_evaluation(options(path, out=out), factory)
    assert factory.assistants[0].asked == []
    assert factory.closed == 1
    assert not out.exists()


def test_failures_are_told_apart(tmp_path: Path) -> None:
    def fails(question: str, hits: list[Hit]) -> Answer:
        if question.startswith("第1"):
            return answer(question, [], 0.2, near=shifted(question, hits).citations)
        if question.startswith("第5"):
            return answer(question, [], 0.4, near=reply(question, hits).citations)
        if question.startswith(("谁", "完全无关")):
            return answer(question, [citation(1, TEAMS[0], 0, 9)])
        return shifted(question, hits)

    lost = {**line(3), "question": "完全无关", "doc": ["9.txt"], "answers": ["99分"]}
    part = {**line(4), "answers": ["55分", "44分"], "all": True, "doc": None}
    path = write(tmp_path / "set.jsonl", line(1), line(2), lost, part, line(5), UNSAID)
    many = [document(f"other/{n:02}.txt", "无关的文字。" * 3) for n in range(30)]
    evaluation = run_evaluation(options(path), FakeFactory([*TEAMS, *many], fails))
    expected = ("abstained", "wrong_sentence", "not_retrieved", "incomplete", "answered_unsaid")
    assert evaluation.failures == dict.fromkeys(expected, 1) | {"abstained": 2}
    assert (evaluation.metrics["nearest"].value, evaluation.metrics["nearest"].n) == (0.5, 2)


# --- a set's own documents ---------------------------------------------------------------------------------------


def squad(path: Path) -> Path:
    paragraphs = [
        {"context": one.text, "qas": [{**line(n), "answers": [{"text": f"{n * 11}分", "answer_start": 14}]}]}
        for n, one in enumerate(TEAMS, 1)
    ]
    path.write_text(
        json.dumps({"data": [{"title": "", "paragraphs": paragraphs}]}, ensure_ascii=False), encoding="utf-8"
    )
    return path


def test_a_store_built_from_the_set(tmp_path: Path) -> None:
    path = squad(tmp_path / "set.json")
    factory = FakeFactory()
    evaluation = run_evaluation(options(path), factory)
    assert len(factory.built) == factory.closed == 1
    assert evaluation.metrics["recall@1"].value == 1.0
    again = FakeFactory()
    run_evaluation(options(path), again)
    assert again.built == factory.built  # the same key: a store built once may be used again


def test_over_the_current_store_gold_counts_wherever_it_stands(tmp_path: Path) -> None:
    factory = FakeFactory(TEAMS, reply)
    evaluation = run_evaluation(options(squad(tmp_path / "set.json"), over="store"), factory)
    assert factory.built == []
    assert evaluation.metrics["accuracy"].value == evaluation.metrics["recall@1"].value == 1.0
    assert evaluation.metrics["citation"].n == 0


def test_only_some_documents_of_a_store_are_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "set.jsonl", *(line(n) for n in range(1, 10)))
    only = Filter(paths=("seeds/1.txt", "seeds/2.txt"))
    evaluation = run_evaluation(options(path, filters=only), FakeFactory(TEAMS, reply))
    assert evaluation.metrics["recall@1"].value == evaluation.metrics["accuracy"].value == pytest.approx(2 / 9)
    assert asked_line(evaluation.asked, "en").endswith("; of these only path=seeds/1.txt path=seeds/2.txt")
    assert asked_line(evaluation.asked, "zh").endswith("；其中只问 path=seeds/1.txt path=seeds/2.txt")


def test_a_set_of_its_own_documents_is_not_filtered_unless_a_store_is_asked(tmp_path: Path) -> None:
    path, only = squad(tmp_path / "set.json"), Filter(since="2023")
    factory = FakeFactory(TEAMS)
    with pytest.raises(OptionError, match="brings its own documents; only a store can be filtered: add --store"):
        run_evaluation(options(path, filters=only), factory)
    assert factory.assistants == []
    only = Filter(paths=("seeds/*",))
    evaluation = run_evaluation(options(path, filters=only, over="store"), FakeFactory(TEAMS, reply))
    assert evaluation.asked.only == "path=seeds/*"


def test_a_set_without_documents_cannot_be_built(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--build"):
        run_evaluation(options(write(tmp_path / "set.jsonl", line(1)), over="set"), FakeFactory())


def test_rgb_questions_are_asked_of_their_own_documents(tmp_path: Path) -> None:
    records = [
        {
            "id": n,
            "query": f"第{n}队得了多少分？",
            "answer": [f"{n * 11}分"],
            "positive": [one.text],
            "negative": ["无关。"],
        }
        for n, one in enumerate(TEAMS, 1)
    ]
    path = write(tmp_path / "zh.json", *records)
    factory = FakeFactory()
    assert run_evaluation(options(path), factory).metrics["citation"].value == 1.0
    assert len(set(factory.built)) == 9
    rejection = options(path, rgb=RgbOptions(mode="rejection"))
    evaluation = run_evaluation(rejection, FakeFactory())
    assert evaluation.failures == {"answered_unsaid": 9}
    assert (evaluation.asked.stores, evaluation.asked.documents) == (9, 9)


def test_a_date_kind_and_language_of_the_set_are_taken_over(tmp_path: Path) -> None:
    path = squad(tmp_path / "set.json")
    whole = json.loads(path.read_text("utf-8"))
    whole["data"][0]["date"] = "2023年7月26日"
    whole["data"][0]["paragraphs"][0]["qas"][0]["lang"] = "ja"
    path.write_text(json.dumps(whole), "utf-8")
    (bundle,) = open_set(path).read()
    assert {one.date for one in bundle.documents} == {"2023-07-26"}
    slices = {(one.by, one.value, one.questions) for one in run_evaluation(options(path), FakeFactory()).slices}
    assert {("kind", "odd", 5), ("kind", "even", 4), ("language", "ja", 1)} <= slices
    whole["data"][0]["date"] = "2023-07-27"
    path.write_text(json.dumps(whole), "utf-8")
    (other,) = open_set(path).read()
    assert other.key != bundle.key  # a store of documents with another date is another store


# --- floors ------------------------------------------------------------------------------------------------------


def test_a_regression_does_not_pass_the_floor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "set.jsonl", *(line(n) for n in range(1, 10)))
    floors = ["sentence@1=0.9", "recall@1=0.9", "brier=0.5"]
    good = run_evaluation(options(path), FakeFactory(TEAMS, reply))
    assert finish(good, floors, as_json=True) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["metrics"]["sentence@1"]["value"] == 1.0
    assert printed.err == ""
    bad = run_evaluation(options(path), FakeFactory(TEAMS, shifted))
    assert finish(bad, floors, as_json=False) == 1
    assert capsys.readouterr().err.splitlines() == ["sentence@1 is 0, under 0.9", "brier is 0.81, over 0.5"]


def test_a_metric_that_was_not_measured_holds_no_floor(tmp_path: Path) -> None:
    evaluation = run_evaluation(options(write(tmp_path / "set.jsonl", line(1))), FakeFactory(TEAMS, reply))
    floors = [parse_floor(text) for text in ("abstention_recall=0", "total.p95=60000", "none.p95=1")]
    assert missed(evaluation, floors) == ["abstention_recall is nan, under 0", "none.p95 is nan, over 1"]


@pytest.mark.parametrize("text", ["sentence@1", "nonsense=1", "f1=high", "f1=nan"])
def test_a_floor_that_makes_no_sense_is_refused_before_the_run(tmp_path: Path, text: str) -> None:
    factory = FakeFactory(TEAMS, reply)
    with pytest.raises(SettingError, match="METRIC=VALUE"):
        run_evaluation(options(write(tmp_path / "set.jsonl", line(1)), fail_under=(text,)), factory)
    assert factory.assistants == []


# --- size --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_thousands_of_questions_in_bounded_memory(tmp_path: Path) -> None:
    """All of them wrong: more than 50 MB of answers and report pass through."""
    long = document("long.txt", "长" * 2400 + "。答案在这里。")
    hits = FakeFactory([long]).open().assistant.search("?", 1)

    class Assistant:
        def ask(self, question: str, history: object = (), *, filters: object = None) -> Answer:
            return answer(question, [citation(1, long, 0, 2401)], chance(question))

        def search(self, question: str, k: int, filters: object = None) -> list[Hit]:
            return hits

    class Factory(FakeFactory):
        def open(self):  # type: ignore[no-untyped-def]
            return replace(super().open(), assistant=Assistant())

    path = write(
        tmp_path / "set.jsonl", *({**line(1), "id": str(i), "doc": None, "answers": ["答案"]} for i in range(2_000))
    )
    out, answers = tmp_path / "out", tmp_path / "answers.jsonl"
    tracemalloc.start()
    run_evaluation(replace(options(path, out=out, answers=answers), resamples=2), Factory([long]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30_000_000
    assert sum(file.stat().st_size for file in (*out.iterdir(), answers)) > 50_000_000


def test_progress_is_plain_lines_where_there_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.progress._PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("rag.progress._RATED_SECONDS", 1e-9)
    path = write(tmp_path / "set.jsonl", *(line(n) for n in range(1, 10)))
    run_evaluation(replace(options(path), quiet=False), FakeFactory(TEAMS, reply))
    assert not sys.stderr.isatty()
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("set  9/9  ")
