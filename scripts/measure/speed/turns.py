"""Things measured side by side, in turns, so that a busy machine is busy for all; ratios by turn, then the median."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

from scripts.measure.scale import Clock

Watched = tuple[object, str, str]
"""Whose function, its name, and the stage that its time counts for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One engine's figures, medians of the turns; by what they are called, unit included."""

    engine: str
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the benchmark. In `rows` ours comes first."""

    name: str  # as the command line calls it
    title: str  # with the sizes
    rows: tuple[Row, ...] = ()
    ratios: dict[str, float] = field(default_factory=dict)  # ours to the reference's
    costs: dict[str, float] = field(default_factory=dict)  # stage -> milliseconds, of ours
    per: str = ""  # what the costs are of


@dataclass(frozen=True, slots=True)
class Turns:
    """How often, and by which clock: `busy` counts processor seconds, for a machine that has other work too."""

    count: int
    busy: bool = False

    @property
    def now(self) -> Callable[[], float]:
        return time.process_time if self.busy else time.perf_counter

    def seconds(self, action: Callable[[], object]) -> float:
        started = self.now()
        action()
        return self.now() - started

    def of(self, actions: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
        """Seconds of each action, turn by turn: all actions once, then all again."""
        spent: dict[str, list[float]] = {name: [] for name in actions}
        for _ in range(self.count):
            for name, action in actions.items():
                spent[name].append(self.seconds(action))
        return spent

    def of_each(self, asks: Mapping[str, Callable[[str], object]], questions: Sequence[str]) -> dict[str, list[float]]:
        """Milliseconds of each question in each turn, one after the other; the engines take turns by question."""
        spent: dict[str, list[float]] = {name: [] for name in asks}
        for _ in range(self.count):
            for question in questions:
                for name, ask in asks.items():
                    spent[name].append(1000 * self.seconds(lambda ask=ask, question=question: ask(question)))
        return spent

    def of_process(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
        """Seconds of a new Python process, to its end. Raises SystemExit with what it told where it fails."""
        before, started = _children(), time.perf_counter()
        paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "HF_HUB_OFFLINE": "1"}
        told = subprocess.run(
            [sys.executable, *command],
            env=os.environ | paths | dict(environment or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode:
            raise SystemExit(f"{command[0]}: {told.stderr.strip() or told.stdout.strip()}")
        return _children() - before if self.busy else time.perf_counter() - started


def ratio(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios, turn by turn."""
    return statistics.median(a / b for a, b in zip(mine, theirs, strict=True))


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


@contextmanager
def watching(clock: Clock, watched: Sequence[Watched]) -> Iterator[None]:
    """While entered, the time of these functions counts for their stages; a stage within another for itself alone."""
    with ExitStack() as stack:
        for owner, name, stage in watched:
            stack.enter_context(patch.object(owner, name, clock.timed(stage, getattr(owner, name))))
        yield


def stages(clock: Clock, watched: Sequence[Watched], total: float, parts: int) -> dict[str, float]:
    """Milliseconds a part by stage, in the order they are watched in; what no stage took is "other"."""
    found = {stage: 1000 * clock.seconds[stage] / parts for _, _, stage in watched}
    return found | {"other": max(0.0, 1000 * total / parts - sum(found.values()))}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
