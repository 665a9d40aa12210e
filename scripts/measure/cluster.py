#!/usr/bin/env python3
"""What an ingest on a Ray cluster costs: the same news articles by this process and by one worker of a Ray here.

python -m scripts.measure.cluster [--articles 60] [--rounds 3]

Both in turn, round after round; medians, of the wall and of the processor, which is this process and the worker. One
thread each, at the same priority (Ray's own is lower). Ray is started before the clock is, and the worker has its
model. The stores must be equal. Says what a document costs more by Ray, and what memory each process has (Pss: what
is shared is shared out).
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from rag.assistant import fingerprint_of
from rag.ingest import Way, ingest
from rag.ingest.ray import open_cluster
from rag.models import load_embedder
from rag.settings import Settings, load_settings
from rag.store import open_store
from rag.text import build_dictionary, use_dictionary
from rag.types import Embedder
from scripts.measure.scale import NEWS, content, write_corpus

Took = tuple[float, float]
"""Seconds of the wall, and of the processor."""


def run(folder: Path, store: Path, embedder: Embedder, settings: Settings, way: Way | None = None) -> Took:
    with open_store(store, fingerprint_of(embedder), write=True) as opened:
        wall, busy = time.perf_counter(), processor()
        ingest([folder], opened, embedder, base=folder.parent, limit_mb=settings.max_file_mb, way=way)
        return time.perf_counter() - wall, processor() - busy


def processor() -> float:
    """Seconds of this process and of Ray's workers."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        try:
            if (entry / "cmdline").read_bytes().startswith(b"ray::Worker"):
                ticks += sum(map(int, (entry / "stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        except OSError:
            continue
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


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
    parser.add_argument("--news", type=Path, default=NEWS, help="the folder of the corpus")
    options = parser.parse_args()
    settings = load_settings(threads=1)
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
        with open_cluster("local", embedder, settings, fields={}) as way:
            print(f"Ray and its worker were there after {time.perf_counter() - started:.1f} s", flush=True)
            for number in range(options.rounds):
                mine, theirs = Path(scratch, f"here-{number}"), Path(scratch, f"there-{number}")
                here.append(run(folder, mine, embedder, settings))
                there.append(run(folder, theirs, embedder, settings, way))
                print(f"here {here[-1]}, by Ray {there[-1]}", flush=True)
                if content(mine) != content(theirs):
                    raise SystemExit("the stores differ")
            for name, megabytes in sorted(memory().items()):
                print(f"{name}: {megabytes:.0f} MB")
    for place, what in enumerate(("of the wall", "of the processor")):
        alone, shared = (statistics.median(one[place] for one in several) for several in (here, there))
        more = (shared - alone) / options.articles * 1000
        print(
            f"{options.articles} articles, seconds {what}: {alone:.1f}, by Ray {shared:.1f}; {more:+.0f} ms a document"
        )


if __name__ == "__main__":
    main()
