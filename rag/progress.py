"""Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Report = Callable[[str, int, int], None]
"""Called with (what is being done, done so far, of how many)."""

_PLAIN_SECONDS = 10.0
_RATED_SECONDS = 1.0  # a rate over less says nothing
_SECONDS_TOLD = 100.0  # time left is told in seconds below this


_ZH = {
    "copying": "复制",
    "embedding": "计算向量",
    "building the model: weights": "构建模型：读取权重",
    "building the model: quantise": "构建模型：量化",
    "building the model: check": "构建模型：检查",
    "building the model: reader": "构建模型：阅读模型",
}
"""What is told in words; anything else is a name."""


@contextmanager
def shown(quiet: bool = False, language: str = "en") -> Iterator[Report]:
    """A Report that shows what it is told until the block ends."""
    chinese = language == "zh"
    said = _ZH if chinese else {}
    if quiet:
        yield lambda what, done, total: None
    elif sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda what, done, total: bar.update(
                task, description=said.get(what, what), completed=done, total=total
            )
    else:
        lines = _Lines(chinese)
        yield lambda what, done, total: lines(said.get(what, what), done, total)


Stages = Callable[[str, str, int, int], None]
"""Called with (stage, file, done, of how many): see `rag.ingest.Progress`."""

_STAGES = {
    "read": ("reading", "读取"),
    "split": ("splitting", "切分"),
    "embed": ("embedding", "计算向量"),
    "index": ("indexing", "建索引"),
}
_FILES = ("files", "文件")


@contextmanager
def stages_shown(quiet: bool = False, language: str = "en") -> Iterator[Stages]:
    """As `shown`, for an ingest: how many files are done, and what is done with the present one."""
    chinese = language == "zh"
    if quiet:
        yield lambda stage, file, done, total: None
    elif sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            files, stages = bar.add_task(_FILES[chinese], total=None), bar.add_task("", visible=False)
            yield _Bars(bar, files, stages, chinese)
    else:
        yield _StageLines(_Lines(chinese), chinese)


class _Bars:
    """Two bars, one under the other: of the files, and of what is done with one of them."""

    def __init__(self, bar: Progress, files: TaskID, stages: TaskID, chinese: bool) -> None:
        self._bar, self._files, self._stages, self._chinese = bar, files, stages, chinese
        self._shown = ""

    def __call__(self, stage: str, file: str, done: int, total: int) -> None:
        if stage == "read":
            self._bar.update(self._files, completed=done, total=total)
        what = f"{_STAGES[stage][self._chinese]} {file}".rstrip()
        if what != self._shown:  # the rate is that of this stage
            self._shown = what
            self._bar.reset(self._stages, description=escape(what), visible=True)
        if stage != "read":
            self._bar.update(self._stages, completed=done, total=total)


class _StageLines:
    """`files  300/1190  25.3/s  35 s left`, and of a file that takes long `embedding news.txt  640/12000  ...`."""

    def __init__(self, lines: "_Lines", chinese: bool) -> None:
        self._lines, self._chinese = lines, chinese

    def __call__(self, stage: str, file: str, done: int, total: int) -> None:
        what = _FILES[self._chinese] if stage == "read" else f"{_STAGES[stage][self._chinese]} {file}".rstrip()
        self._lines(what, done, total)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed and (task.elapsed or 0) >= _RATED_SECONDS else "")


class _Lines:
    """`xquad.zh  300/1190  25.3/s  35 s left`, at most every ten seconds. The rate is since this was first heard of."""

    def __init__(self, chinese: bool) -> None:
        self._chinese = chinese
        self._said = time.monotonic()
        self._began: dict[str, tuple[float, int]] = {}  # what -> when, and how many were done then

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        # Heard of for the first time when some is done already, it began when there was last something to say.
        began, before = self._began.setdefault(what, (self._said, 0) if done else (now, 0))
        if done > before and now - self._said >= _PLAIN_SECONDS and now - began >= _RATED_SECONDS:
            self._said = now
            rate = (done - before) / (now - began)
            left = time_left((total - done) / rate, self._chinese)
            print(f"{what}  {done}/{total}  {rate:.1f}/s  {left}", file=sys.stderr, flush=True)
        if done >= total:
            del self._began[what]


def time_left(seconds: float, chinese: bool) -> str:
    """ "35 s left", "12 min left", "1 h 05 min left"; or "剩余 35 秒"."""
    if seconds < _SECONDS_TOLD:
        return f"剩余 {seconds:.0f} 秒" if chinese else f"{seconds:.0f} s left"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"剩余 {minutes} 分钟" if chinese else f"{minutes} min left"
    return f"剩余 {hours} 小时 {minutes:02} 分" if chinese else f"{hours} h {minutes:02} min left"
