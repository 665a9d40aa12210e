import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rag.evaluate import Evaluation, finish, run_evaluation
from rag.evaluate.charts import milliseconds
from rag.evaluate.labels import FAILURES, METRICS
from rag.evaluate.report import asked_line, marked, overview, p_value, percent
from rag.evaluate.result import MEANS

from .fakes import FakeFactory, answer, citation, document
from .test_run import TEAMS, UNSAID, line, options, shifted, squad, write

EVIL = "<script>alert('x')</script> & \"quoted\""


class Page(HTMLParser):
    """What a browser would make of it: text, tags left open, addresses it would fetch."""

    _VOID = frozenset({"meta", "input", "circle", "rect", "line", "polyline", "polygon", "br", "link", "img"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.body, self.scripts, self.fetched = "", "", 0, []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.fetched += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in self._VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in self._VOID or self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        self.body += data if "main" in self._open else ""


def run(tmp_path: Path, *lines: dict[str, Any], language: Any = "en", reply: Any = shifted) -> tuple[Evaluation, Page]:
    path = write(tmp_path / "set.jsonl", *lines)
    evaluation = run_evaluation(options(path, out=tmp_path / "out", language=language), FakeFactory(TEAMS, reply))
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\(", html)  # self-contained
    return evaluation, Page(html)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_wrong_answer_is_there(tmp_path: Path, language: str) -> None:
    _, page = run(tmp_path, *(line(n) for n in range(1, 10)), UNSAID, language=language)
    for n in range(1, 10):
        assert f"第{n}队得了多少分？" in page.text
        assert f"第{n}队得了{n * 11}分。" in page.text  # gold and, one question on, given
        assert f"seeds/{n}.txt" in page.text
    assert FAILURES["wrong_sentence"][language == "zh"] in page.text
    assert page.fetched == []
    assert page.scripts == 1


def test_texts_are_escaped(tmp_path: Path) -> None:
    evil = document(f"{EVIL}.txt", f"{EVIL}。", EVIL)
    lines = [
        {**line(1), "id": EVIL, "question": EVIL, "kind": EVIL, "answers": [EVIL], "doc": None},
        {**line(2), "answers": [], "doc": None},
    ]
    path = write(tmp_path / "set.jsonl", *lines)
    cited = citation(1, evil, len(evil.text) - 1, len(evil.text))
    factory = FakeFactory([evil], lambda question, hits: answer(question, [cited]))
    run_evaluation(options(path, out=tmp_path / "out"), factory)
    page = Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert page.scripts == 1
    assert page.text.count(EVIL) >= 5


def test_all_right_and_all_abstained_leave_a_whole_page(tmp_path: Path) -> None:
    _, page = run(tmp_path, UNSAID)
    assert "None: every question came out right." in page.text
    _, page = run(tmp_path, line(1), reply=lambda question, hits: answer(question, [], 0.1))
    assert "abstained (too_unsure)" in page.text


def test_json_holds_every_metric_and_no_nan(tmp_path: Path) -> None:
    evaluation, _ = run(tmp_path, line(1), line(2))

    def refuse(name: str) -> None:
        raise AssertionError(name)

    text = (tmp_path / "out" / "metrics.json").read_text(encoding="utf-8")
    metrics = json.loads(text, parse_constant=refuse)["metrics"]
    assert set(metrics) == set(METRICS) == {*MEANS, "ece", "aurc"}
    assert metrics["abstention_recall"] == {"value": None, "low": None, "high": None, "n": 0}
    assert metrics["recall@1"]["value"] == evaluation.metrics["recall@1"].value == 1.0


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("own", [False, True])
def test_what_was_asked_stands_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], language: Any, own: bool
) -> None:
    path = squad(tmp_path / "set.json") if own else write(tmp_path / "set.jsonl", line(1))
    out = tmp_path / "out"
    evaluation = run_evaluation(options(path, out=out, language=language), FakeFactory(TEAMS))
    first = asked_line(evaluation.asked, language)
    for said in ("set.json", "9 ", "set/00003.txt") if own else ("vectorstore", "9 ", "seeds/3.txt"):
        assert said in first
    page = Page((out / "report.html").read_text("utf-8"))
    assert next(filter(None, map(str.strip, page.body.splitlines()))) == first
    assert (out / "summary.md").read_text("utf-8").splitlines()[0] == first
    finish(evaluation, (), as_json=False, language=language)
    assert capsys.readouterr().out.splitlines()[0] == first
    asked = {"store": "set.json" if own else "vectorstore", "built": own, "stores": 1, "documents": 9}
    for text in ((out / "metrics.json").read_text("utf-8"), json.dumps(evaluation.to_json())):
        name, value = next(iter(json.loads(text).items()))
        assert name == "asked"
        assert asked.items() <= value.items()


def test_overview_has_a_row_for_each_set_and_slice(tmp_path: Path) -> None:
    evaluation, _ = run(tmp_path, line(1), line(2))
    rows = overview([evaluation, evaluation]).splitlines()
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["set", "– odd", "– even"] * 2
    assert len({row.count("|") for row in rows}) == 1


def test_marks() -> None:
    assert marked("a<b>c", [(1, 4)]) == "a<mark>&lt;b&gt;</mark>c"
    assert marked("abc", [(2, 3), (0, 1)]) == "<mark>a</mark>b<mark>c</mark>"


def test_figures() -> None:
    assert (percent(0.7634), percent(float("nan"))) == ("76.3 %", "–")
    assert (p_value(0.0341), p_value(0.00001), p_value(1.0)) == (".034", "< .001", "1.000")
    assert [milliseconds(value) for value in (5.42, 54.2, 1234.0)] == ["5.4 ms", "54 ms", "1.2 s"]
