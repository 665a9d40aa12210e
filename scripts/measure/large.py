#!/usr/bin/env python3
"""What a question costs as a store grows: 10 thousand, 100 thousand, 1 million passages.

python -m scripts.measure.large --folder DIR                         makes the stores that are not there, measures all
python -m scripts.measure.large --folder DIR --sizes 10000 --change  adds a file and removes it, too

What the stores are made of is told in resampled.py; the hundred questions are those of XQuAD's paragraphs in them.

Opening and memory are measured in a process for each store; times of questions in one process that asks all stores in
turn, so that what else the machine does hits all alike. Recall is against the exact order of all stored vectors.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from rag.answering.retrieve import POOL, retrieve
from rag.answering.understand import prepare
from rag.assistant import LocalAssistant, fingerprint_of
from rag.cache import TextCache
from rag.models import load_embedder, load_reader
from rag.settings import load_settings
from rag.store import LocalStore, open_store, rows
from rag.text import use_dictionary
from rag.types import Embedder, IndexedDocument, Query, Vectors
from rag.weights import load_weights
from scripts.corpora import ROOT, xquad
from scripts.measure.resampled import Drawn, Sources, make

SIZES = (10_000, 100_000, 1_000_000)
QUESTIONS = 100
WARM = 10  # questions asked before any is counted


class Models:
    def __init__(self) -> None:
        self.settings = load_settings(min_confidence=0.0, threads=1)
        use_dictionary(self.settings.cache)
        self.embedder: Embedder = load_embedder(self.settings)

    def assistant(self, store: LocalStore) -> LocalAssistant:
        return LocalAssistant(store, self.embedder, self.settings, reader=load_reader(self.settings))


def questions(data: Path) -> list[str]:
    asked = [one.text for paragraph in xquad(data, "zh") for one in paragraph.questions]
    return asked[:: len(asked) // QUESTIONS][:QUESTIONS]


def memory() -> dict[str, float]:
    """MB of this process, now and at most; what of it is files mapped, which the system takes back where it must."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = {
        key: int(value.split()[0]) / 1024 for key, _, value in (line.partition(":") for line in lines) if " kB" in value
    }
    return {"RSS": found["VmRSS"], "of files": found["RssFile"], "at most": found["VmHWM"]}


def spread(name: str, seconds: Sequence[float]) -> dict[str, float]:
    ms = 1000 * np.array(seconds)
    return {f"{name} p50 ms": float(np.median(ms)), f"{name} p95 ms": float(np.percentile(ms, 95))}


def opening(folder: Path, data: Path) -> dict[str, float]:
    """Opening, the first search and what a process that asks has in memory. The files may be in the system's memory."""
    models = Models()
    asked = questions(data)
    vectors = models.embedder.embed_questions(asked)
    before = memory()["RSS"]
    started = time.perf_counter()
    store = open_store(folder, fingerprint_of(models.embedder))
    opened = time.perf_counter()
    store.search_dense(vectors[0], POOL)
    searched = time.perf_counter()
    found = {"open s": opened - started, "first search s": searched - opened}
    with closing(models.assistant(store)) as assistant:
        for question in asked[:50]:
            assistant.ask(question, mode="accurate")
        found |= {f"{name} MB": value for name, value in memory().items()}
    return found | {"models alone MB": before}


def exact(folder: Path, vectors: Vectors, store: LocalStore, k: int) -> list[list[str]]:
    """The ids of the `k` nearest by all stored vectors to each of `vectors`, ties by id; kept beside the store."""
    kept = folder / "exact.json"
    if not kept.exists():
        best: list[list[tuple[float, int]]] = [[] for _ in vectors]
        for keys, stored in rows.vector_batches(store._db, 0, vectors.shape[1]):
            scores = stored @ vectors.T
            for place in range(len(vectors)):
                top = np.argpartition(-scores[:, place], min(2 * k, len(keys) - 1))[: 2 * k]
                best[place] += [(float(-scores[i, place]), int(keys[i])) for i in top]
                best[place] = sorted(best[place])[: 2 * k]
        found = []
        for place, vector in enumerate(vectors):
            ids, own = rows.vectors(store._db, [key for _, key in best[place]], len(vector))
            order = sorted(
                zip(own.astype(np.float64) @ vector.astype(np.float64), ids, strict=True),
                key=lambda one: (-round(float(one[0]), 6), one[1]),
            )
            found.append([passage_id for _, passage_id in order[:k]])
        kept.write_text(json.dumps(found))
    nearest: list[list[str]] = json.loads(kept.read_text())
    return nearest


def asking(folders: Sequence[Path], data: Path, modes: Sequence[str], count: int) -> dict[str, dict[str, float]]:
    models = Models()
    every = slice(None, None, QUESTIONS // count)
    asked = questions(data)
    vectors = models.embedder.embed_questions(asked)
    stores = {folder: open_store(folder, fingerprint_of(models.embedder)) for folder in folders}
    found: dict[str, dict[str, float]] = {folder.name: {} for folder in folders}
    for folder, store in stores.items():
        nearest = exact(folder, vectors, store, 10)
        hits = [
            len({i for i, _ in store.search_dense(vector, 10)} & set(own)) / len(own)
            for vector, own in list(zip(vectors, nearest, strict=True))[every]
        ]
        found[folder.name]["recall@10"] = float(np.mean(hits))
    asked = asked[every]
    weights = load_weights()
    queries: dict[tuple[Path, str], Query] = {}
    parts: dict[str, Callable[[LocalStore, TextCache, Query], object]] = {
        "dense": lambda store, texts, query: store.search_dense(query.vector, POOL),
        "words": lambda store, texts, query: store.search_words(query.terms, POOL),
        "retrieval": lambda store, texts, query: retrieve(query, store, texts, weights, 8),
    }
    for name, part in parts.items():
        texts = {folder: TextCache(store) for folder, store in stores.items()}
        took: dict[Path, list[float]] = {folder: [] for folder in stores}
        for number, question in enumerate([*asked[-WARM:], *asked]):
            for folder, store in stores.items():
                query = queries.setdefault((folder, question), prepare(question, store, models.embedder))
                started = time.perf_counter()
                part(store, texts[folder], query)
                if number >= WARM:
                    took[folder].append(time.perf_counter() - started)
        for folder, seconds in took.items():
            found[folder.name] |= spread(name, seconds)
    for mode in modes:
        for folder, seconds in answering({f: models.assistant(s) for f, s in stores.items()}, asked, mode).items():
            found[folder.name] |= spread(mode, seconds)
    return found


def answering(assistants: dict[Path, LocalAssistant], asked: Sequence[str], mode: Any) -> dict[Path, list[float]]:
    took: dict[Path, list[float]] = {folder: [] for folder in assistants}
    for number, question in enumerate([*asked[-WARM:], *asked]):
        for folder, assistant in assistants.items():
            started = time.perf_counter()
            assistant.ask(question, mode=mode)
            if number >= WARM:
                took[folder].append(time.perf_counter() - started)
    return took


def changing(folder: Path, source: Sequence[IndexedDocument]) -> dict[str, float]:
    """Seconds for a file more and for a file less, until a question finds it so."""
    new = Drawn(source, seed=1).document(2**32)
    started = time.perf_counter()
    with open_store(folder, None, write=True) as store:
        found = {"open to write s": time.perf_counter() - started}
        for name, change in (
            ("add s", lambda: store.add(new.document.path, [new])),
            ("remove s", lambda: store.remove(new.document.path)),
        ):
            started = time.perf_counter()
            change()
            store.refresh()
            found[name] = time.perf_counter() - started
        found["to write, at most MB"] = memory()["at most"]
    return found


def bandwidth(megabytes: int = 768) -> float:
    """GB/s at which one core reads memory: the sum of float32 numbers, the best of five."""
    numbers = np.ones(megabytes * 250_000, dtype=np.float32)
    took = []
    for _ in range(5):
        started = time.perf_counter()
        numbers.sum()
        took.append(time.perf_counter() - started)
    return numbers.nbytes / min(took) / 1e9


def alone(*arguments: object) -> dict[str, float]:
    command = [sys.executable, "-m", "scripts.measure.large", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def show(found: dict[str, dict[str, float]]) -> None:
    columns = list(found)
    print("| |" + "|".join(columns) + "|\n|---|" + "--:|" * len(columns))
    for name in dict.fromkeys(name for figures in found.values() for name in figures):
        print(f"| {name} | " + " | ".join(f"{found[column].get(name, float('nan')):.4g}" for column in columns) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the stores are made and kept")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="passages in each")
    parser.add_argument("--questions", type=int, default=QUESTIONS, help="asked (100)")
    parser.add_argument("--modes", nargs="*", default=("fast", "accurate"), help="of answers that are timed")
    parser.add_argument("--make", action="store_true", help="make the stores, measure nothing")
    parser.add_argument("--change", action="store_true", help="measure adding and removing a file, too")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--opening", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--changing", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not WARM < options.questions <= QUESTIONS:
        parser.error(f"--questions: more than {WARM}, which are asked before any is counted, and {QUESTIONS} at most.")
    if options.opening:
        print(json.dumps(opening(options.opening, options.data)))
        return
    sources = Sources(options.folder, options.data, Models().embedder)
    if options.changing:
        print(json.dumps(changing(options.changing, sources.reports())))
        return
    folders = [options.folder / str(size) for size in options.sizes]
    for size, folder in zip(options.sizes, folders, strict=True):
        if not (folder / "made").exists():
            make(folder, size, sources.reports(), sources.asked())
            started = time.perf_counter()
            with open_store(folder, None, write=True):  # makes the search indexes
                print(f"indexed in {time.perf_counter() - started:.0f} s, {memory()['at most']:.0f} MB", flush=True)
    if options.make:
        return
    found = asking(folders, options.data, options.modes, options.questions)
    for folder in folders:
        found[folder.name] |= alone("--folder", options.folder, "--opening", folder)
        if options.change:
            found[folder.name] |= alone("--folder", options.folder, "--changing", folder)
    show(found)
    print(f"one core reads memory at {bandwidth():.1f} GB/s")


if __name__ == "__main__":
    main()
