"""What the command line shows in a terminal of 80 columns."""

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from rag.console import Screen
from rag.ingest import IngestReport
from rag.types import AlsoIn, Answer, AnswerSentence, Citation, Failure, IndexInfo, Run

COUNTS = {"added": 5, "updated": 0, "unchanged": 0, "removed": 0, "failed": 2, "passed": 3}
TITLE = "以工业高质量发展为主线全面提升产业企业数字经济发展能级两万亿之城力挺中部崛起，一季度开门红"


def shown(language: str, show: str, *given: object) -> list[str]:
    out = io.StringIO()
    screen = Screen(language, Console(file=out, force_terminal=True, color_system=None, width=80, highlight=False))
    getattr(screen, show)(*given)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert all(cell_len(line) <= 80 for line in lines)
    return lines


@pytest.mark.parametrize(
    ("language", "done", "counts", "nothing", "running"),
    [
        (
            "en",
            "done  105.3 s",
            "5 added, 2 failed, 3 passed over, 245 passages written",
            "no files",
            "at work, or killed",
        ),
        ("zh", "完成  105.3 秒", "新增 5，失败 2，跳过 3，写入 245 个段落", "没有文件", "正在运行或已被强行终止"),
    ],
)
def test_the_log_of_runs(language: str, done: str, counts: str, nothing: str, running: str) -> None:
    failed = (Failure("a.bin", "NotTextError", "not a text", "不是文本"),)
    long = Run(12, "2026-11-28T23:13:03+00:00", ("seeds", "reports " * 20), "done", 105.3, COUNTS, 245, failed)
    empty = Run(2, "2026-11-28T23:13:03+00:00", ("empty",), None, None, {}, 0, ())
    first, *lines = shown(language, "runs", [long, empty])
    assert re.fullmatch(rf" 12  2026-11-2\d \d\d:\d\d:03  {done}  seeds reports.*", first)
    told = next(n for n, line in enumerate(lines) if line.strip() == counts)
    assert all(line.startswith("     ") for line in lines[: told + 1])  # what goes on stands under where it began
    assert running in lines[told + 1]
    assert lines[-1].strip() == nothing


def test_a_long_title_goes_on_under_the_source_it_belongs_to() -> None:
    place = AlsoIn("e", "seeds/001_95ff07a8ed1d78dc.txt", TITLE, "2024-01-25", "L3", 0, 4, "一句话。")
    cited = Citation(1, "d", "seeds/000_41db2e3e070d3103.txt", TITLE, None, "L25", 0, 4, "一句话。", (place,))
    sentences = (AnswerSentence("一句话。", 1),)
    index = IndexInfo(1, 1, 1, "fake")
    answer = Answer("问？", "问？", "answered", None, 0.9, "一句话。", sentences, (cited,), (), index)
    lines = shown("zh", "answer", answer)
    first = next(n for n, line in enumerate(lines) if line.startswith("[1] seeds/000"))
    also = next(n for n, line in enumerate(lines) if line.startswith("    另见 seeds/001"))
    end = next(n for n, line in enumerate(lines) if line.startswith("置信度"))
    assert also - first > 1
    assert end - also > 1
    assert all(line.startswith("    ") for line in lines[first + 1 : also])
    assert all(line.startswith(" " * 9) for line in lines[also + 1 : end])


@pytest.mark.parametrize(
    ("language", "told"), [("en", "There were no files to take in."), ("zh", "没有可导入的文件。")]
)
def test_a_folder_without_files_is_said_to_be_one(language: str, told: str) -> None:
    assert shown(language, "taken", IngestReport(), (14, 245))[0] == told
    assert told not in shown(language, "taken", IngestReport(unchanged=["a.txt"]), (14, 245))
