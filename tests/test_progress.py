"""Progress where there is no terminal, by a clock that only moves when it is told to."""

import pytest

from rag import progress
from rag.models.build import STAGES, described


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_every_ten_seconds_with_rate_and_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.stages_shown(language="zh") as report:
        for done in range(41):
            report("read", f"{done}.txt", done, 40)
            clock[0] += 0.5
    assert capsys.readouterr().err.splitlines() == ["文件  20/40  2.0/s  剩余 10 秒", "文件  40/40  2.0/s  剩余 0 秒"]


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (99.4, "99 s left", "剩余 99 秒"),
        (100, "2 min left", "剩余 2 分钟"),
        (3599, "1 h 00 min left", "剩余 1 小时 00 分"),
        (7500, "2 h 05 min left", "剩余 2 小时 05 分"),
    ],
)
def test_time_left_in_the_unit_it_is_felt_in(seconds: float, english: str, chinese: str) -> None:
    assert (progress.time_left(seconds, chinese=False), progress.time_left(seconds, chinese=True)) == (english, chinese)


def test_every_stage_of_the_model_has_its_chinese(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown(language="zh") as report:
        for done, stage in enumerate(STAGES, 1):
            clock[0] += 20
            report(described(stage), done, len(STAGES))
        report("news.jsonl", 0, 2)
        clock[0] += 20
        report("news.jsonl", 1, 2)
    *stages, file = capsys.readouterr().err.splitlines()
    assert [line.split("：")[0] for line in stages] == ["构建模型"] * len(STAGES)
    assert not any(stage in line for stage, line in zip(STAGES, stages, strict=True))
    assert file.startswith("news.jsonl  1/2  0.1/s  剩余 20 秒")


def test_what_came_at_once_has_no_rate(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress.stages_shown() as report:
        clock[0] += 60
        report("embed", "a.txt", 0, 5000)  # by others, all of it
        clock[0] += 0.01
        report("embed", "a.txt", 5000, 5000)
        report("embed", "b.txt", 0, 5000)
        clock[0] += 20
        report("embed", "b.txt", 2000, 5000)
    assert capsys.readouterr().err.splitlines() == ["embedding b.txt  2000/5000  100.0/s  30 s left"]
