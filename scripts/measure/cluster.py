#!/usr/bin/env python3
"""What an ingest on a Ray cluster costs: the same news articles by this process and by workers of a Ray here.

python -m scripts.measure.cluster [--articles 60] [--rounds 3]
python -m scripts.measure.cluster --articles 5000 --rounds 1 --workers 2 --kill

Both in turn, round after round; medians, of the wall and of the processor, which is this process and the workers. As
many threads here as workers there, at the same priority (Ray's own is lower). Ray is started before the clock is, and
the workers have their model. The stores must hold the same, byte for byte, and verify. Says what a document costs more
by Ray, and what memory each process has (Pss: what is shared is shared out). `--kill` sends SIGKILL to a worker when
half of the articles are embedded; what it had worked goes with it, so the processor's seconds are left out.
"""

import argparse
import os
import signal
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from rag.assistant import fingerprint_of
from rag.ingest import Way, ingest
from rag.ingest.ray import open_cluster
from rag.models import load_embedder
from rag.settings import Settings, load_settings
from rag.store import files, open_store
from rag.text import build_dictionary, use_dictionary
from rag.types import Embedder
from scripts.measure.scale import NEWS, content, faults, stored, write_corpus

Took = tuple[float, float]
"""Seconds of the wall, and of the processor."""


def run(folder: Path, store: Path, embedder: Embedder, settings: Settings, way: Way | None = None) -> Took:
    with open_store(store, fingerprint_of(embedder), write=True) as opened:
        wall, busy = time.perf_counter(), processor()
        ingest([folder], opened, embedder, base=folder.parent, limit_mb=settings.max_file_mb, way=way)
        return time.perf_counter() - wall, processor() - busy


def workers() -> dict[int, float]:
    """The workers of the Ray that this process started, each with the seconds that it has worked."""
    parents: dict[int, int] = {}
    worked: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        try:
            stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            parents[int(entry.name)] = int(stat[1])
            if (entry / "cmdline").read_bytes().startswith(b"ray::Worker"):
                worked[int(entry.name)] = sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError):
            continue

    def is_ours(process: int) -> bool:
        while process in parents and process != os.getpid():
            process = parents[process]
        return process == os.getpid()

    return {process: seconds for process, seconds in worked.items() if is_ours(process)}


def processor() -> float:
    """Seconds of this process and of Ray's workers."""
    return time.process_time() + sum(workers().values())


class Killing:
    """A worker is killed when `after` files are embedded; meets `rag.ingest.values.Progress`."""

    def __init__(self, after: int | None) -> None:
        self._after = after
        self.embedded = 0

    def __call__(self, stage: str, _: str, done: int, of: int) -> None:
        if stage != "embed" or done < of:
            return
        self.embedded += 1
        if self.embedded == self._after:
            killed = min(workers())
            os.kill(killed, signal.SIGKILL)
            print(f"worker {killed} killed when {self.embedded} articles were embedded", flush=True)


def held(store: Path) -> str:
    """What a store holds, counted."""
    db = sqlite3.connect(store / files.DATABASE)
    counted = (db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("passages", "sentences"))
    passages, sentences = counted
    db.close()
    return f"{stored(store)} documents, {passages} passages, {sentences} sentences"


def memory() -> dict[str, float]:
    """MB of each of Ray's processes, by what it calls itself."""
    found: dict[str, float] = {}
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            pss = (entry / "smaps_rollup").read_text().split("Pss:")[1].split()[0]
        except (OSError, IndexError):
            continue
        names = {"rag.documents.worker": "a worker's reader", "gcs_server": "gcs_server", "raylet/raylet": "raylet"}
        own = command.split()[0] if command.startswith("ray::") else ""
        name = own or next((told for sign, told in names.items() if sign in command), "")
        if not name and "/ray/" in command:
            name = "other processes of Ray"
        if name:
            found[name] = found.get(name, 0.0) + int(pss) / 1024
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=60, help="how many, a file each (60)")
    parser.add_argument("--rounds", type=int, default=3, help="of both (3)")
    parser.add_argument("--workers", type=int, default=1, help="of Ray, and threads here (1)")
    parser.add_argument("--kill", action="store_true", help="kill a worker in the middle of each round by Ray")
    parser.add_argument("--news", type=Path, default=NEWS, help="the folder of the corpus")
    options = parser.parse_args()
    settings = load_settings(threads=options.workers)
    build_dictionary(settings.cache)
    use_dictionary(settings.cache)
    embedder = load_embedder(settings)
    here: list[Took] = []
    there: list[Took] = []
    os.environ.setdefault("RAY_worker_niceness", "0")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "news")
        write_corpus(options.news, folder, options.articles, 1)
        started = time.perf_counter()
        killing = Killing(options.articles // 2 if options.kill else None)
        with open_cluster("local", embedder, settings, fields={}, progress=killing) as way:
            print(f"Ray and its workers were there after {time.perf_counter() - started:.1f} s", flush=True)
            for number in range(options.rounds):
                mine, theirs = Path(scratch, f"here-{number}"), Path(scratch, f"there-{number}")
                here.append(run(folder, mine, embedder, settings))
                killing.embedded = 0
                there.append(run(folder, theirs, embedder, settings, way))
                print(f"here {here[-1]}, by Ray {there[-1]}", flush=True)
                if content(mine) != content(theirs):
                    raise SystemExit("the stores differ")
                if bad := faults(theirs):
                    raise SystemExit("; ".join(bad))
                print(f"the stores hold the same, byte for byte: {held(theirs)}", flush=True)
            for name, megabytes in sorted(memory().items()):
                print(f"{name}: {megabytes:.0f} MB")
    for place, what in enumerate(("of the wall", "of the processor")[: 1 if options.kill else 2]):
        alone, shared = (statistics.median(one[place] for one in several) for several in (here, there))
        more = (shared - alone) / options.articles * 1000
        print(
            f"{options.articles} articles, seconds {what}: {alone:.1f}, by Ray {shared:.1f}; {more:+.0f} ms a document"
        )


if __name__ == "__main__":
    main()
