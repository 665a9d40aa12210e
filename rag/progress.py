"""Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

Report = Callable[[str, int, int], None]
"""Called with (what is being done, done so far, of how many)."""

_PLAIN_SECONDS = 10.0


@contextmanager
def shown(quiet: bool = False) -> Iterator[Report]:
    """A Report that shows what it is told until the block ends."""
    if quiet:
        yield lambda what, done, total: None
    elif sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
    else:
        yield _Lines()


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


class _Lines:
    """`xquad.zh  300/1190  25.3/s  35 s left`, at most every ten seconds."""

    def __init__(self) -> None:
        self._started = self._said = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done and now - self._said >= _PLAIN_SECONDS:
            self._said = now
            rate = done / (now - self._started)
            left = (total - done) / rate
            print(f"{what}  {done}/{total}  {rate:.1f}/s  {left:.0f} s left", file=sys.stderr, flush=True)
