"""Follows folders: what changes in them is taken in, or removed, when it has been quiet for a moment."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rag.errors import PathMissingError, StoreLockedError
from rag.ingest import IngestReport, cited_path, passed_over

QUIET_SECONDS = 1.0
"""How long a file must have been left alone: whoever writes it may not be done before."""

_TICK_MS = 250

Take = Callable[[Sequence[Path], Sequence[str]], IngestReport]
"""Takes in files and folders that are there, removes those (as they are cited) that are gone."""


def follow(
    paths: Sequence[Path],
    take: Take,
    *,
    base: Path,
    apart: Sequence[Path] = (),
    quiet_seconds: float = QUIET_SECONDS,
    waiting: Callable[[StoreLockedError], None] = lambda _: None,
) -> Iterator[IngestReport]:
    """First the report of bringing the store up to date with `paths`, then one of each change that did something.

    Goes on until it is closed or interrupted. Where another process writes, `waiting` is told once, and the changes
    wait. Raises PathMissingError where a path is, or goes, missing: that is no reason to remove what it held. Raises
    what `take` raises.
    """
    from watchfiles import watch

    _all_there(paths)
    folders = {path.absolute() if path.is_dir() else path.absolute().parent for path in paths}
    wanted = _Wanted(paths, apart)
    watched = watch(
        *folders,
        watch_filter=lambda _, path: wanted(Path(path)),
        debounce=_TICK_MS,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        raise_interrupt=True,
    )
    next(watched)  # it listens from here on: what changes during the first run is not missed
    yield take(paths, ())
    changed: dict[Path, float] = {}  # file or folder -> when it was last heard of
    told = False
    for changes in watched:
        now = time.monotonic()
        changed |= {Path(path): now for _, path in changes}
        quiet = sorted(path for path, when in changed.items() if now - when >= quiet_seconds)
        if not quiet:
            continue
        _all_there(paths)
        there = [path for path in quiet if path.exists()]
        gone = [cited_path(path, base) for path in quiet if path not in there]
        try:
            report = take([path for path in there if path.is_file() or not path.is_symlink()], gone)
        except StoreLockedError as error:
            if not told:
                waiting(error)
            told = True
            continue
        except PathMissingError:  # gone since: its going is a change of its own
            continue
        told = False
        for path in quiet:
            del changed[path]
        if report.changed or report.failed:
            yield report


def _all_there(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise PathMissingError(path=path)


class _Wanted:
    """Whether a path is one that an ingest of `paths` would look at."""

    def __init__(self, paths: Sequence[Path], apart: Sequence[Path]) -> None:
        self._folders = [path.absolute() for path in paths if path.is_dir()]
        self._files = {path.absolute() for path in paths if not path.is_dir()}
        self._apart = apart

    def __call__(self, path: Path) -> bool:
        if path in self._files:
            return True
        within = [folder for folder in self._folders if path.is_relative_to(folder) and path != folder]
        return any(not passed_over(path, folder, self._apart) for folder in within)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, and both end it without an error."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end) if threading.current_thread() is threading.main_thread() else None
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
