"""Progress where there is no terminal, by a clock that only moves when it is told to."""

import pytest

from rag import progress


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
    assert capsys.readouterr().err.splitlines() == ["文件  20/40  2.0/s  10 s left", "文件  40/40  2.0/s  0 s left"]


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
