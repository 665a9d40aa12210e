"""Reads files, and draws their pages: those that need a library in a process of its own, which may die of it."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import rag.errors
from rag.documents.build import Reading, build, content_sha256, holds, read_bytes
from rag.documents.readers import Cited, Drawn, Limits, Source, needs_no_library
from rag.errors import DocumentError, LimitError, ReaderCrashedError
from rag.text import dictionary_folder
from rag.types import Document, Section

_FRUGAL = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}  # each thread asks for address space, which is limited
_START_SECONDS = 30  # for Python and the dictionary, the first time


class DocumentReader:
    """Reads one file after the other. Not to be shared between threads.

    Plain text and Markdown are read here. All else goes to a worker process (`rag.documents.worker`) with limits of
    memory and time: a file that makes it crash or hang costs that file, and the next one gets a new worker.
    """

    def __init__(self, limits: Limits, fields: Mapping[str, str] | None = None, *, keep: bool = False) -> None:
        """With `keep`, a file that is read again, of the same path and content, is not read twice."""
        self._limits = limits
        self._kept: dict[tuple[str, str], Reading] | None = {} if keep else None
        self._fields = dict(fields or {})
        self._worker: subprocess.Popen[bytes] | None = None

    @property
    def fields(self) -> Mapping[str, str]:
        return self._fields

    def read(self, file: Path, path: str) -> Reading:
        """The documents of `file`, cited by `path`. Raises PathMissingError or DocumentError, naming `path`."""
        return self.read_content(read_bytes(file, path, self._limits.megabytes), path)

    def read_content(self, data: bytes, path: str) -> Reading:
        """The documents of a file of these bytes, cited by `path`. Raises DocumentError."""
        source = Source(path, data, self._limits, self._fields)
        if needs_no_library(source):
            return build(source)
        if self._kept is None:
            return _reading(self._ask(source))
        key = path, content_sha256(source.data, self._fields)
        if key not in self._kept:
            self._kept[key] = _reading(self._ask(source))
        return self._kept[key]

    def draw(self, file: Path, path: str, sha256: str, cited: Cited) -> Drawn | None:
        """A page of `file`, from which a document of `sha256` was read; None where it has changed since then. Raises
        PathMissingError or DocumentError."""
        source = Source(path, read_bytes(file, path, self._limits.megabytes), self._limits)
        if not holds(source.data, sha256):
            return None
        told = self._ask(source, cited)
        return Drawn(base64.b64decode(told["png"]), told["marked_at"])

    def close(self) -> None:
        """End the worker. Reading goes on with a new one."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()
            worker.wait()
            for stream in (worker.stdin, worker.stdout):
                if stream is not None:
                    with suppress(BrokenPipeError):  # what was still to be sent to it
                        stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, source: Source, cited: Cited | None = None) -> dict[str, Any]:
        """What the worker answers. Raises DocumentError."""
        worker = self._worker = self._worker or _started(self._limits)
        assert worker.stdin is not None
        assert worker.stdout is not None
        late = threading.Event()
        try:
            with _watched(worker, self._limits.seconds + _START_SECONDS, late):
                worker.stdin.write(request(source, cited))
                worker.stdin.write(source.data)
                worker.stdin.flush()
                answer = worker.stdout.readline()
            while answer == b"\n":  # long work goes on: the worker's own clock began anew, and so does this one
                with _watched(worker, max(self._limits.seconds, self._limits.scan_seconds) + _START_SECONDS, late):
                    answer = worker.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer.endswith(b"\n"):
            with suppress(subprocess.TimeoutExpired):  # so that what it died of is known
                worker.wait(1)
            self.close()
            seconds = self._limits.seconds
            if late.is_set() or worker.returncode == -_ALARM:
                raise LimitError(path=source.path, what_en="seconds", what_zh="读取时间（秒）", limit=seconds)
            code = worker.returncode
            raise ReaderCrashedError(path=source.path, reason=f"exit code {code}", reason_zh=f"退出码 {code}")
        found: dict[str, Any] = json.loads(answer)
        if found["spent"]:
            self.close()
        if "error" in found:
            raise _error(found["error"])
        return found


@contextmanager
def _watched(worker: subprocess.Popen[bytes], seconds: int, late: threading.Event) -> Iterator[None]:
    """The worker is ended, and `late` set, unless what is done here is done in so many seconds."""

    def stop() -> None:
        late.set()
        worker.kill()

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


_ALARM = 14  # SIGALRM: the worker's own clock, which a worker that hangs outlives by nothing


def _started(limits: Limits) -> subprocess.Popen[bytes]:
    """A worker of this very package, wherever Python was started."""
    root = str(Path(rag.errors.__file__).parents[1])
    begin = f"import sys; sys.path.insert(0, {root!r}); from rag.documents.worker import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", begin, str(limits.memory_megabytes), str(dictionary_folder() or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | _FRUGAL,
    )


# --- what goes between the two processes: a line of JSON, and to the worker the bytes of the file --------------------


def request(source: Source, cited: Cited | None) -> bytes:
    told = {
        "path": source.path,
        "size": len(source.data),
        "limits": asdict(source.limits),
        "fields": dict(source.fields),
        "cited": cited and asdict(cited),
    }
    return json.dumps(told).encode() + b"\n"


def request_size(line: bytes) -> int:
    """How many bytes follow the line."""
    return int(json.loads(line)["size"])


def source_of(line: bytes, data: bytes) -> Source:
    told = json.loads(line)
    return Source(told["path"], data, Limits(**told["limits"]), told["fields"])


def cited_of(line: bytes) -> Cited | None:
    """What is to be drawn; None where the file is to be read."""
    told = json.loads(line)["cited"]
    return told and Cited(**told)


def reply(found: Reading | Drawn | DocumentError, *, spent: bool) -> bytes:
    """`spent`: the worker has grown so large that it is better replaced."""
    if isinstance(found, DocumentError):
        told: dict[str, Any] = {"error": _told(found)}
    elif isinstance(found, Drawn):
        told = {"png": base64.b64encode(found.png).decode(), "marked_at": found.marked_at}
    else:
        told = {"documents": [asdict(one) for one in found.documents], "failed": [_told(e) for e in found.failed]}
    return json.dumps(told | {"spent": spent}).encode() + b"\n"


def _told(error: DocumentError) -> dict[str, Any]:
    return {"kind": type(error).__name__, "facts": {name: str(value) for name, value in error.facts.items()}}


def _reading(told: Mapping[str, Any]) -> Reading:
    return Reading(tuple(_document(one) for one in told["documents"]), tuple(_error(one) for one in told["failed"]))


def _error(told: Mapping[str, Any]) -> DocumentError:
    kind = getattr(rag.errors, told["kind"])
    if not issubclass(kind, DocumentError):
        raise TypeError(f"{told['kind']} is no error of a document")
    error: DocumentError = kind(**told["facts"])
    return error


def _document(told: dict[str, Any]) -> Document:
    told["sections"] = tuple(Section(**one) for one in told["sections"])
    told["places"] = tuple((offset, number) for offset, number in told["places"])
    return Document(**told)
