from pathlib import Path

import pytest

from rag.errors import PathMissingError
from rag.evaluate import compare, load_run, run_evaluation
from rag.evaluate.report import comparison_markdown

from .fakes import FakeFactory
from .test_run import TEAMS, UNSAID, line, options, reply, shifted, write


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    path = write(tmp_path / "set.jsonl", *(line(n) for n in range(1, 10)), UNSAID)
    run_evaluation(options(path, out=tmp_path / "good"), FakeFactory(TEAMS, reply))
    run_evaluation(options(path, out=tmp_path / "bad", baseline=tmp_path / "good"), FakeFactory(TEAMS, shifted))
    return tmp_path


def test_a_regression_is_more_than_noise(runs: Path) -> None:
    comparison = compare(load_run(runs / "good"), load_run(runs / "bad"))
    changes = {change.metric: change for change in comparison.changes}
    lost = changes["accuracy"]
    assert (comparison.questions, lost.better, lost.worse, lost.test) == (10, 0, 9, "McNemar")
    assert lost.p == pytest.approx(2 * 0.5**9, abs=1e-9)
    assert not lost.noise
    assert lost.difference.high < 0
    assert not changes["recall@1"].changed
    assert (changes["f1"].test, changes["f1"].worse) == ("paired bootstrap", 9)
    assert changes["brier"].test == "paired bootstrap"
    assert changes["brier"].worse == 9  # lower is better: a rise is worse
    assert [one.id for one in comparison.worse] == [f"q{n}" for n in range(1, 10)]
    assert (comparison.worse[0].before, comparison.worse[0].after) == ("第1队得了11分。", "第2队得了22分。")


def test_a_run_compared_with_itself_changed_nothing(runs: Path) -> None:
    good = load_run(runs / "good")
    comparison = compare(good, good)
    assert not any(change.changed for change in comparison.changes)
    assert all(change.p == 1.0 for change in comparison.changes)
    assert comparison.better == comparison.worse == ()


def test_only_common_questions_are_compared(runs: Path) -> None:
    fewer = write(runs / "fewer.jsonl", *(line(n) for n in range(3, 12) if n < 10))
    run_evaluation(options(fewer, out=runs / "fewer"), FakeFactory(TEAMS, reply))
    comparison = compare(load_run(runs / "good"), load_run(runs / "fewer"))
    assert (comparison.questions, comparison.only_before, comparison.only_after) == (7, 3, 0)


def test_the_report_shows_the_comparison(runs: Path) -> None:
    for name in ("report.html", "summary.md"):
        text = (runs / "bad" / name).read_text(encoding="utf-8")
        assert "Compared with good" in text
        assert "Questions that got better: 0; worse: 9." in text
        assert "more than noise" in text
    lines = comparison_markdown(compare(load_run(runs / "bad"), load_run(runs / "good")), "zh")
    assert "变好的问题：9；变差的：0。" in lines


def test_a_run_may_be_compared_with_the_one_it_replaces(runs: Path) -> None:
    again = options(runs / "set.jsonl", out=runs / "bad", baseline=runs / "bad")
    run_evaluation(again, FakeFactory(TEAMS, reply))
    assert "better: 9; worse: 0" in (runs / "bad" / "summary.md").read_text(encoding="utf-8")


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(PathMissingError):
        load_run(tmp_path)
