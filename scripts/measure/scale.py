#!/usr/bin/env python3
"""Take in the news, all of it: seconds by stage, memory, a second run that finds nothing to do, and kills on the way.

python -m scripts.measure.scale --fake [--articles N] [--together 1]     all but encoding, for all in minutes
python -m scripts.measure.scale --articles 2000 --kills 10            with the real model, killed ten times

`--fake` puts vectors of chance, the same for each text, in the model's place; texts are cut by the real tokenizer, and
what encoding would take is reckoned from their tokens (`--rate`). The stages: reading, splitting, words, encoding,
SQLite, the search indexes. With `--kills` a second store is made by runs that SIGKILL ends at random
moments, each gone on with by the next; it must be whole (`rag verify`), hold no passage twice, and hold the same as the
first, byte for byte. With `--once`, for hours of a real model, it is the first store that is made so, and the figures
are those of the run that comes to its end. Exit code 1 where that, the memory (1.5 GB), the second run (30 s) or the
total over encoding alone (1.10) does not hold.
"""

import argparse
import functools
import hashlib
import json
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.assistant import fingerprint_of
from rag.documents import DocumentReader
from rag.ingest import ingest, passages, plan
from rag.models import load_embedder
from rag.settings import Settings, load_settings
from rag.store import LocalStore, files, open_store
from rag.text import build_dictionary, use_dictionary
from rag.types import Embedder, Vectors
from scripts.measure.service import ROOT, verified

NEWS = ROOT.parent / "shared" / "data" / "news"
MOST_MEGABYTES, MOST_SECONDS, MOST_RATIO = 1500.0, 30.0, 1.10


class FakeEmbedder:
    """The real one's tokens and sizes, and vectors that cost nothing."""

    name = "scale-fake-1"

    def __init__(self, real: Embedder) -> None:
        self.dim, self.max_tokens, self.count_tokens = real.dim, real.max_tokens, real.count_tokens
        self.tokens = 0  # that the real one would have had to read

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.tokens += sum(self.count_tokens(texts))
        seeds = (int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) for text in texts)
        rows = np.array([np.random.Generator(np.random.SFC64(seed)).standard_normal(self.dim) for seed in seeds])
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    embed_questions = embed_passages

    def across(self, questions: Vectors) -> Vectors:
        return questions


def write_corpus(news: Path, folder: Path, articles: int, together: int) -> int:
    """The first `articles` lines of the corpus, spread evenly over its files, `together` to a file; how many."""
    sources = [file.read_text("utf-8").splitlines() for file in sorted(news.glob("*.txt"))]
    lines = [line for lines in sources for line in lines[: -(-articles // len(sources))]][:articles]
    folder.mkdir()
    for start in range(0, len(lines), together):
        (folder / f"news-{start + 1:06d}.txt").write_text("\n".join(lines[start : start + together]) + "\n", "utf-8")
    return len(lines)


# --- one run, in a process of its own -------------------------------------------------------------------------


class Clock:
    """Seconds by stage; a stage within another counts for itself alone. `now`: of the wall, or of this process."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]
        self.now = now

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*given: Any, **named: Any) -> Any:
            started = self.now()
            self._inner.append(0.0)
            try:
                return function(*given, **named)
            finally:
                took = self.now() - started
                self.seconds[stage] += took - self._inner.pop()
                self._inner[-1] += took

        return run

    def watch(self, embedder: Embedder) -> None:
        embedder.embed_passages = self.timed("encode", embedder.embed_passages)  # type: ignore[method-assign]
        for room, name, stage in (
            (passages, "split_document", "split"),
            (passages, "words", "words"),
            (plan, "sha256_of", "read"),
            (plan, "find_files", "read"),
        ):
            setattr(room, name, self.timed(stage, getattr(room, name)))
        for name in ("add", "keep", "kept", "forget", "sources"):
            setattr(LocalStore, name, self.timed("sqlite", getattr(LocalStore, name)))
        LocalStore.refresh = self.timed("index", LocalStore.refresh)  # type: ignore[method-assign]
        DocumentReader.read = self.timed("read", DocumentReader.read)  # type: ignore[method-assign]


def run_here(folder: Path, store: Path, fake: bool, busy: bool) -> dict[str, Any]:
    """One ingest, as `rag ingest` makes it; what it took."""
    settings: Settings = load_settings(store=store)
    use_dictionary(settings.cache)
    build_dictionary(settings.cache)
    use_dictionary(settings.cache)
    real = load_embedder(settings)
    embedder: Embedder = FakeEmbedder(real) if fake else real
    clock = Clock(time.process_time if busy else time.perf_counter)
    clock.watch(embedder)
    started = clock.now()
    with open_store(store, fingerprint_of(embedder), write=True) as opened:
        report = ingest([folder], opened, embedder, base=folder.parent, limit_mb=settings.max_file_mb)
        took = clock.now() - started
        held = opened.document_count(), opened.passage_count(), opened.generation
    return {
        "seconds": took,
        "stages": {name: round(seconds, 1) for name, seconds in clock.seconds.items()},
        "other": round(took - sum(clock.seconds.values()), 1),
        "tokens": embedder.tokens if isinstance(embedder, FakeEmbedder) else None,
        "unchanged": len(report.unchanged),
        "changed": report.changed,
        "failed": [str(error) for _, error in report.failed],
        "documents": held[0],
        "passages": held[1],
        "generation": held[2],
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def start(folder: Path, store: Path, flags: Sequence[str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "scripts.measure.scale", "--run", str(folder), "--store", str(store)]
    command += flags
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(folder: Path, store: Path, flags: Sequence[str]) -> dict[str, Any]:
    process = start(folder, store, flags)
    out, told = process.communicate()
    if process.returncode:
        raise SystemExit(f"The ingest ended with exit code {process.returncode}.\n{told}")
    found: dict[str, Any] = json.loads(out)
    return found


def killed(folder: Path, store: Path, flags: Sequence[str], kills: int, seconds: float, chance: random.Random) -> int:
    """Ingests that are killed at random moments, `kills` of them at most. Returns how many were."""
    done = 0
    for _ in range(kills):
        process, after = start(folder, store, flags), chance.uniform(0.5, seconds)
        try:
            process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            most = megabytes_of(process.pid)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            done += 1
            print(f"killed after {after:.1f} s: {stored(store)} documents stored, {most:.0f} MB at most", flush=True)
    return done


def megabytes_of(process: int) -> float:
    """The most memory that a running process has had."""
    told = Path(f"/proc/{process}/status").read_text("utf-8")
    return next(int(line.split()[1]) / 1024 for line in told.splitlines() if line.startswith("VmHWM"))


def stored(store: Path) -> int:
    """How many documents a store holds, however it was left."""
    if not (store / files.DATABASE).exists():
        return 0
    db = sqlite3.connect(store / files.DATABASE)
    tables: int = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'documents'").fetchone()[0]
    held: int = db.execute("SELECT count(*) FROM documents").fetchone()[0] if tables else 0
    db.close()
    return held


# --- what is in the store ------------------------------------------------------------------------------------------

_CONTENT = (
    "SELECT path, place, title, date, sha256, text_sha256, sections, places FROM documents ORDER BY path, place",
    'SELECT id, start, "end", context, words, vector FROM passages ORDER BY id',
    """SELECT passages.id, sentences.start, sentences."end", sentences.vector
       FROM sentences JOIN passages ON passages.key = passage ORDER BY passages.id, sentences.start""",
)


def content(store: Path) -> list[str]:
    """A digest of all documents, of all passages, of all sentences: equal where the stores hold the same."""
    db = sqlite3.connect(store / files.DATABASE)
    found = []
    for query in _CONTENT:
        digest = hashlib.sha256()
        for row in db.execute(query):
            digest.update(repr(row).encode())
        found.append(digest.hexdigest())
    db.close()
    return found


def faults(store: Path) -> list[str]:
    """What is wrong with a store by itself."""
    found = verified(store)
    db = sqlite3.connect(store / files.DATABASE)
    (twice,) = db.execute(
        "SELECT count(*) FROM (SELECT 1 FROM passages GROUP BY document, start HAVING count(*) > 1)"
    ).fetchone()
    (left,) = db.execute("SELECT count(*) FROM kept").fetchone()
    db.close()
    found += [f"{twice} passages stand twice"] if twice else []
    return found + ([f"{left} vectors were put by and not used"] if left else [])


def report(what: str, told: dict[str, Any]) -> None:
    print(
        f"{what}: {told['seconds']:.1f} s, {told['documents']} documents in {told['passages']} passages, "
        f"{told['megabytes']:.0f} MB at most"
    )
    stages = {**told["stages"], "other": told["other"]}
    print("  " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in stages.items()), flush=True)


def measure(options: argparse.Namespace, scratch: Path) -> list[str]:
    """Runs and reports; what does not hold."""
    folder, store = scratch / "news", scratch / "vectorstore"
    written = write_corpus(options.news, folder, options.articles, options.together)
    print(
        f"{written} articles, {options.together} to a file, {'a fake' if options.fake else 'the real'} model; "
        f"seconds of {'this process' if options.busy else 'the wall'}"
    )
    bad = []
    flags = [flag for flag, given in (("--fake", options.fake), ("--busy", options.busy)) if given]
    chance = random.Random(options.seed)
    if options.once:
        done = killed(folder, store, flags, options.kills, options.kill_within, chance)
        bad += [f"only {done} runs were killed"] if done < options.kills else []
    first = run(folder, store, flags)
    report("first", first)
    stages = first["stages"]
    tokens = first["tokens"]
    encoding = tokens / options.rate if options.fake else stages["encode"]
    ratio = (first["seconds"] - stages["encode"] + encoding) / encoding
    how = f"reckoned from {tokens:,} tokens at {options.rate:,.0f}/s" if options.fake else "measured"
    print(f"  encoding {encoding:.0f} s ({how}); total over encoding alone {ratio:.3f}", flush=True)
    bad += [f"total over encoding alone is {ratio:.3f}"] if ratio > MOST_RATIO else []
    bad += first["failed"]
    again = run(folder, store, flags)
    report("again", again)
    bad += (
        ["the second run changed something"] if again["changed"] or again["generation"] != first["generation"] else []
    )
    bad += [f"the second run took {again['seconds']:.0f} s"] if again["seconds"] > MOST_SECONDS else []
    most = max(first["megabytes"], again["megabytes"])
    bad += [f"memory reached {most:.0f} MB"] if most > MOST_MEGABYTES else []
    bad += faults(store)
    if options.kills and not options.once:
        other = scratch / "killed" / "vectorstore"
        most_seconds = options.kill_within or 2 * first["seconds"] / options.kills
        done = killed(folder, other, flags, options.kills, most_seconds, chance)
        run(folder, other, flags)
        names = ("documents", "passages", "sentences")
        differ = [name for name, a, b in zip(names, content(store), content(other), strict=True) if a != b]
        print(
            f"killed {done} times and gone on with; {', '.join(differ) or 'nothing'} differ from the first", flush=True
        )
        bad += faults(other) + [f"{name} differ after kills" for name in differ]
        bad += [f"only {done} runs were killed"] if done < options.kills / 2 else []
    return bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fake", action="store_true", help="without the model's work")
    parser.add_argument("--articles", type=int, default=23_152, help="how many (23152, all)")
    parser.add_argument("--together", type=int, default=1, help="articles in one file (1)")
    parser.add_argument("--kills", type=int, default=0, help="SIGKILLs in a second making of the store (0)")
    parser.add_argument("--once", action="store_true", help="kill the first making of the store; needs --kill-within")
    parser.add_argument("--kill-within", type=float, help="most seconds before each (twice its share of the first run)")
    parser.add_argument("--seed", type=int, default=7, help="of their moments (7)")
    parser.add_argument("--rate", type=float, default=7000.0, help="tokens a second, to reckon with (7000)")
    parser.add_argument("--news", type=Path, default=NEWS, help="the folder of the corpus")
    parser.add_argument("--busy", action="store_true", help="processor seconds, where the machine has other work too")
    parser.add_argument("--scratch", type=Path, help="folder to work in (a temporary one)")
    parser.add_argument("--keep", type=Path, help="where the corpus and its store are moved in the end")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once and not options.kill_within:
        parser.error("--once needs --kill-within SECONDS")
    if options.run:
        print(json.dumps(run_here(options.run, options.store, options.fake, options.busy)))
        return
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        bad = measure(options, Path(scratch))
        if options.keep:
            shutil.move(scratch, options.keep)
            Path(scratch).mkdir()
    print("; ".join(bad) or "all well")
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
