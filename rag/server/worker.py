"""Work that would hold up the event loop, done by one thread with a bounded queue in front of it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from rag.server.refusals import OverloadedError

Result = TypeVar("Result")


class Worker:
    """Runs jobs one at a time, in the order they came.

    One thread and not several: a question is encoded by itself whatever waits beside it (batch mates would change its
    vector), and the encoder gives all cores to one text already. What one thread reads comes from one generation of
    the store, and the next job sees the newest.
    """

    def __init__(self, name: str, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._most = waiting + 1
        self._pending: set[Future[Any]] = set()

    async def run(self, job: Callable[[], Result]) -> Result:
        """The result of `job`. A caller that goes away takes a job with it that was not begun.

        Raises OverloadedError.
        """
        if self.pending >= self._most:
            raise OverloadedError()
        try:
            future = self._executor.submit(job)
        except RuntimeError:  # closed
            raise OverloadedError() from None
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return await asyncio.wrap_future(future)

    @property
    def pending(self) -> int:
        """Jobs that wait, and the one that runs."""
        return len(self._pending)

    def close(self) -> None:
        """Finish what was taken on."""
        self._executor.shutdown()
