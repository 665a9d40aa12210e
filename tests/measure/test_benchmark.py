"""The benchmark: turns, ratios, costs and how they are shown; and once, over next to nothing, all of it."""

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from scripts.measure.scale import Clock
from scripts.measure.speed.show import figure, markdown, picture
from scripts.measure.speed.turns import Row, Section, Turns, quantile, ratio, stages, watching
from tests.conftest import ROOT

SECTION = Section(
    "answer",
    "A question",
    (Row("ours", {"p50 ms": 12.34, "p95 ms": 1234.5}), Row("theirs", {"p50 ms": 0.1234})),
    {"ours": 2.0},
    {"read": 30.0, "judge": 9.0, "other": 1.0},
    "question",
)


def test_engines_take_turns() -> None:
    order: list[str] = []
    Turns(2).of({name: lambda name=name: order.append(name) for name in "ab"})  # type: ignore[misc]
    assert order == ["a", "b", "a", "b"]
    order.clear()
    asks = {name: lambda question, name=name: order.append(name + question) for name in "ab"}  # type: ignore[misc]
    spent = Turns(1).of_each(asks, ["1", "2"])
    assert order == ["a1", "b1", "a2", "b2"]
    assert {name: len(times) for name, times in spent.items()} == {"a": 2, "b": 2}


def test_a_ratio_is_taken_turn_by_turn_before_the_median() -> None:
    assert ratio([1.0, 10.0, 2.0], [2.0, 2.0, 2.0]) == 1.0
    assert ratio([1.0, 9.0, 4.0], [1.0, 3.0, 2.0]) == 2.0  # where medians alone would say 4 / 2 and means 14 / 6
    assert ratio([1.0, 4.0, 5.0], [4.0, 1.0, 5.0]) == 1.0  # where medians alone would say 4 / 4
    assert quantile([5.0, 1.0, 3.0], 0.5) == 3.0
    assert quantile(list(map(float, range(100))), 0.95) == 95.0


def test_processor_seconds_leave_waiting_out() -> None:
    assert Turns(1).seconds(lambda: time.sleep(0.05)) >= 0.05
    assert Turns(1, busy=True).seconds(lambda: time.sleep(0.05)) < 0.05
    assert 0 < Turns(1, busy=True).of_process(["-c", "import time; time.sleep(0.5)"]) < 0.5
    with pytest.raises(SystemExit, match="no_such_module"):
        Turns(1).of_process(["-c", "import no_such_module"])


def test_a_stage_within_another_counts_for_itself_alone_and_all_is_put_back() -> None:
    class Work:
        now = 0.0

        def outer(self) -> None:
            self.inner()
            Work.now += 1.0

        def inner(self) -> None:
            Work.now += 2.0

    work, plain = Work(), (Work.outer, Work.inner)
    clock = Clock(lambda: Work.now)
    watched = [(Work, "inner", "in"), (Work, "outer", "out")]
    with watching(clock, watched):
        work.outer()
        work.outer()
    assert (Work.outer, Work.inner) == plain
    assert stages(clock, watched, 7.0, 2) == {"in": 2000.0, "out": 1000.0, "other": 500.0}


def test_figures_keep_three_digits_that_mean_something() -> None:
    assert [figure(value) for value in (7790.2, 98.62, 3.071, 0.1766)] == ["7,790", "98.6", "3.07", "0.177"]


def test_a_section_in_markdown() -> None:
    told = markdown([SECTION]).splitlines()
    assert told[:6] == [
        "A question.",
        "",
        "|  | p50 ms | p95 ms |",
        "| --- | --: | --: |",
        "| ours | 12.3 | 1,234 |",
        "| theirs | 0.123 |  |",
    ]
    assert "Milliseconds a question: read 30.0 (75%), judge 9.00 (22%), other 1.00 (2%)." in told


def test_the_picture_shows_each_stage_by_its_share() -> None:
    bare = Section("retrieve", "no costs")
    root = ElementTree.fromstring(picture([SECTION, bare]))
    bars = [one for one in root if one.find("{*}title") is not None]
    assert [one.findtext("{*}title") for one in bars] == ["read 30.0 ms", "judge 9.00 ms", "other 1.00 ms"]
    wide = [float(one.attrib["width"]) for one in bars]
    assert wide[0] / sum(wide) == pytest.approx(0.75, abs=0.01)
    edges = [float(one.attrib["x"]) for one in bars]
    assert edges[1] == pytest.approx(edges[0] + wide[0], abs=0.2)
    assert "retrieve" not in "".join(root.itertext())


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "scripts.measure.benchmark", *map(str, arguments)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.model
def test_all_of_it_over_next_to_nothing(tmp_path: Path) -> None:
    """Also without development data: then the seeds are asked. One passage is encoded."""
    drawn = tmp_path / "stages.svg"
    sizes = ["--turns", "1", "--articles", "2", "--questions", "1", "--passages", "1"]
    told = run("encode", "ingest", "retrieve", "answer", "limits", *sizes, "--json", "--picture", drawn)
    assert told.returncode == 0, told.stderr
    sections = {one["name"]: one for one in json.loads(told.stdout)}
    assert list(sections) == ["encode", "ingest", "retrieve", "answer", "limits"]
    for one in sections.values():
        assert all(value > 0 for row in one["rows"] for value in row["figures"].values()), one
        assert all(value > 0 for value in one["ratios"].values()), one
    assert list(sections["ingest"]["costs"]) == ["read", "split", "words", "encode", "store", "index", "other"]
    assert sections["ingest"]["costs"]["encode"] > sections["ingest"]["costs"]["read"] > 0
    assert list(sections["answer"]["costs"]) == ["embed", "dense", "words", "fetch", "read", "judge", "other"]
    assert sections["answer"]["costs"]["read"] > sections["answer"]["costs"]["judge"] > 0
    assert len(ElementTree.parse(drawn).getroot()) > 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "line"), [(["encodes"], "no such part: encodes"), (["--turns", "0"], "--turns, --articles")]
)
def test_a_wrong_call_is_told(given: list[str], line: str) -> None:
    told = run(*given)
    assert told.returncode == 2
    assert line in told.stderr
