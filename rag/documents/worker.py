"""The process that reads files for `DocumentReader`: it has the library, the limits, and nothing else to lose."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from rag.documents.build import Reading, build
from rag.documents.readers import Drawn, draw
from rag.documents.reading import cited_of, reply, request_size, source_of
from rag.errors import DocumentError, LimitError
from rag.text import use_dictionary, words


def main() -> None:
    """Answer one request after the other until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    memory, dictionary = sys.argv[1:]
    if dictionary:
        use_dictionary(Path(dictionary))
    words("开始")  # without that file jieba makes its own now, and writes it beside the system's temporary files
    _bound(int(memory))
    requests = sys.stdin.buffer

    def alive(seconds: int) -> None:
        answers.write(b"\n")
        answers.flush()
        _clock(seconds)

    while line := requests.readline():
        data = requests.read(request_size(line))
        source = replace(source_of(line, data), alive=alive)
        _clock(source.limits.seconds)
        found: Reading | Drawn | DocumentError
        cited = cited_of(line)
        try:
            found = draw(source, cited) if cited else build(source)
        except DocumentError as error:
            found = error
        _clock(0)
        large = isinstance(found, LimitError) or _megabytes() > source.limits.memory_megabytes / 2
        answers.write(reply(found, spent=large))
        answers.flush()


def _bound(megabytes: int) -> None:
    """No more memory than this, no file written, no core left behind."""
    try:
        import resource
    except ImportError:  # no such limits on this system: the clock alone
        return
    limits = {resource.RLIMIT_AS: megabytes * 1_000_000, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    for what, most in limits.items():
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _megabytes() -> float:
    """The most memory that this process has held so far. Linux's getrusage begins with what its parent held."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return int(status.split("VmHWM:")[1].split()[0]) / 1000
    except (OSError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _clock(seconds: int) -> None:
    """The system ends this process when the time is up, whatever it is in the middle of. 0 stops the clock."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)
