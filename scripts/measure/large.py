#!/usr/bin/env python3
"""What a question costs as a store grows: 10 thousand, 100 thousand, 1 million passages.

python -m scripts.measure.large --folder DIR                         makes the stores that are not there, measures all
python -m scripts.measure.large --folder DIR --sizes 10000 --change  adds a file and removes it, too

No corpus here has a million passages, so most of them are made. A document is drawn from the articles of the reports
and taken with its passages, sentences and offsets as reader and splitter made them. Its vectors are moved, seeded: to
each passage's, and to those of its sentences, the difference of two other passages' vectors is added, times
0.5, and the length made 1 again, so that they spread as real ones do. Of a passage's index words every fifth is
replaced by one drawn from all. Texts stay as they are, signatures of sentences are drawn (of texts that stand there
hundreds of times every sentence would be "also in" hundreds of documents). The 240 paragraphs of XQuAD are in each
store once, unchanged: the hundred questions are theirs.

Opening and memory are measured in a process for each store; times of questions in one process that asks all stores in
turn, so that what else the machine does hits all alike. Recall is against the exact order of all stored vectors.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rag.answering.retrieve import POOL, retrieve
from rag.answering.understand import prepare
from rag.assistant import LocalAssistant, fingerprint_of
from rag.cache import TextCache
from rag.models import load_embedder, load_reader
from rag.settings import load_settings
from rag.store import LocalStore, open_store, rows, signatures
from rag.store.database import advance, close_writer, transaction
from rag.store.opening import lock_for_writing, open_writer
from rag.text import use_dictionary
from rag.types import Document, Embedder, IndexedDocument, Passage, Query, Sentence, Vectors
from rag.weights import load_weights
from scripts.corpora import ROOT, as_document, built, reports, xquad

SIZES = (10_000, 100_000, 1_000_000)
MOVED, SWAPPED = 0.5, 0.2
WARM = 10  # questions asked before any is counted
_BANDS = tuple(f"b{band}" for band in range(signatures.BANDS))
_TOGETHER = 500  # documents written in one transaction


# --- making ------------------------------------------------------------------------------------------------------


class Drawn:
    """Documents like those of `source`, as many as are asked for; the same for the same seed."""

    def __init__(self, source: Sequence[IndexedDocument], seed: int) -> None:
        self._source, self._draw = source, np.random.default_rng(seed)
        vectors = np.concatenate([one.vectors for one in source])
        pairs = self._draw.integers(len(vectors), size=(20_000, 2))
        self._moves = (MOVED * (vectors[pairs[:, 0]] - vectors[pairs[:, 1]])).astype(np.float32)
        self._words = np.array([word for one in source for words in one.words for word in words], dtype=object)
        self._homes = [
            np.array(
                [home[0] for home in rows.home_passages([(p.start, p.end) for p in one.passages], _spans(one))],
                dtype=np.int64,
            )
            for one in source
        ]

    def document(self, number: int) -> IndexedDocument:
        place = int(self._draw.integers(len(self._source)))
        one = self._source[place]
        path = f"made/{number // 1000:04d}/{number:07d}.txt"
        name = f"{number:016x}"
        moves = self._moves[self._draw.integers(len(self._moves), size=len(one.passages))]
        return IndexedDocument(
            document=_renamed(one.document, name, path),
            passages=tuple(
                Passage(f"{name}-{p.ordinal:04d}", name, p.ordinal, p.start, p.end, p.context) for p in one.passages
            ),
            sentences=tuple(Sentence(name, s.start, s.end) for s in one.sentences),
            vectors=_moved(one.vectors, moves),
            sentence_vectors=_moved(one.sentence_vectors, moves[self._homes[place]]),
            words=tuple(self._swapped(words) for words in one.words),
        )

    def _swapped(self, words: Sequence[str]) -> tuple[str, ...]:
        made = np.array(words, dtype=object)
        at = self._draw.random(len(made)) < SWAPPED
        made[at] = self._words[self._draw.integers(len(self._words), size=int(at.sum()))]
        return tuple(made)

    def signatures(self, count: int) -> list[list[int]]:
        found: list[list[int]] = self._draw.integers(2**32, size=(count, signatures.BANDS)).tolist()
        return found


def _spans(one: IndexedDocument) -> list[tuple[int, int]]:
    return [(sentence.start, sentence.end) for sentence in one.sentences]


def _renamed(one: Document, name: str, path: str) -> Document:
    return Document(name, path, one.title, one.date, one.text, one.sections, one.places, name, one.unit)


def _moved(vectors: Vectors, moves: Vectors) -> Vectors:
    made = vectors + moves
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def make(folder: Path, passages: int, source: Sequence[IndexedDocument], asked: LocalStore) -> None:
    """A store of `passages` in `folder`: those of `asked`, the rest drawn; what is there already stays. By the
    statements that every ingest writes with, but many documents in one transaction, nothing synced, and signatures and
    their indexes made at the end."""
    started = time.perf_counter()
    if not folder.exists():
        open_store(folder, asked.fingerprint, write=True).close()
    with unsigned():
        lock, db = lock_for_writing(folder), open_writer(folder, asked.fingerprint, rebuild=False)
        try:
            db.execute("PRAGMA synchronous=OFF")
            db.execute("PRAGMA journal_mode=MEMORY")
            for name in _BANDS:
                db.execute(f"DROP INDEX IF EXISTS signatures_{name}")
            done, number = rows.passage_count(db), rows.document_count(db)
            drawn = Drawn(source, seed=passages + number)
            real = [] if number else [one for path in asked.sources() for one in asked.stored(path)]
            while done < passages:
                with transaction(db):
                    for _ in range(_TOGETHER):
                        one = real.pop() if real else drawn.document(number)
                        rows.insert_document(db, 0, one)
                        number, done = number + 1, done + len(one.passages)
                    advance(db, removed=False)
                print(f"{done:,} passages", end="\r", file=sys.stderr, flush=True)
            signed(db, drawn)
            db.execute("PRAGMA journal_mode=WAL")
        finally:
            close_writer(folder, db)
            lock.release()
    print(f"{done:,} passages written in {time.perf_counter() - started:.0f} s", flush=True)
    (folder / "made").touch()


@contextmanager
def unsigned() -> Iterator[None]:
    """No signatures are made meanwhile."""
    usual = signatures.sign, signatures.complete
    signatures.sign = lambda db, document_id: None
    signatures.complete = lambda db: None
    try:
        yield
    finally:
        signatures.sign, signatures.complete = usual


def signed(db: sqlite3.Connection, drawn: Drawn) -> None:
    """Signatures of chance for the sentences that have none, and the indexes of all."""
    slots = ", ".join("?" * (1 + signatures.BANDS))
    first, last = (
        int(db.execute(f"SELECT coalesce(max({key}), 0) FROM {table}").fetchone()[0])
        for key, table in (("sentence", "signatures"), ("key", "sentences"))
    )
    for start in range(first + 1, last + 1, 50_000):
        keys = range(start, min(start + 50_000, last + 1))
        made = zip(keys, drawn.signatures(len(keys)), strict=True)
        with transaction(db):
            db.executemany(f"INSERT INTO signatures VALUES ({slots})", ((key, *bands) for key, bands in made))
    for name in _BANDS:
        db.execute(f"CREATE INDEX signatures_{name} ON signatures ({name})")


# --- measuring -----------------------------------------------------------------------------------------------------


class Models:
    def __init__(self) -> None:
        self.settings = load_settings(min_confidence=0.0, threads=1)
        use_dictionary(self.settings.cache)
        self.embedder: Embedder = load_embedder(self.settings)

    def assistant(self, store: LocalStore) -> LocalAssistant:
        return LocalAssistant(store, self.embedder, self.settings, reader=load_reader(self.settings))


def questions(data: Path, count: int) -> list[str]:
    asked = [one.text for paragraph in xquad(data, "zh") for one in paragraph.questions]
    return asked[:: len(asked) // count][:count]


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
    asked = questions(data, 100)
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
    """The ids of the `k` nearest by all stored vectors, ties by id; kept beside the store."""
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
    asked = questions(data, 100)[:: 100 // count]
    vectors = models.embedder.embed_questions(asked)
    stores = {folder: open_store(folder, fingerprint_of(models.embedder)) for folder in folders}
    found: dict[str, dict[str, float]] = {folder.name: {} for folder in folders}
    for folder, store in stores.items():
        nearest = exact(folder, vectors, store, 10)
        hits = [
            len({i for i, _ in store.search_dense(vector, 10)} & set(own)) / len(own)
            for vector, own in zip(vectors, nearest, strict=True)
        ]
        found[folder.name]["recall@10"] = float(np.mean(hits))
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
    parser.add_argument("--questions", type=int, default=100, help="asked (100)")
    parser.add_argument("--modes", nargs="*", default=("fast", "accurate"), help="of answers that are timed")
    parser.add_argument("--make", action="store_true", help="make the stores, measure nothing")
    parser.add_argument("--change", action="store_true", help="measure adding and removing a file, too")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--opening", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--changing", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.opening:
        print(json.dumps(opening(options.opening, options.data)))
        return
    sources = Sources(options.folder, options.data)
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


class Sources:
    """What the stores are made from, in stores of its own beside them."""

    def __init__(self, folder: Path, data: Path) -> None:
        self._folder, self._data = folder, data

    def reports(self) -> list[IndexedDocument]:
        store = self._store("reports", (as_document(one) for one in reports(self._data)))
        with store:
            return [one for path in store.sources() for one in store.stored(path)]

    def asked(self) -> LocalStore:
        return self._store("xquad", (as_document(one) for one in xquad(self._data, "zh")))

    def _store(self, name: str, documents: Iterator[Document]) -> LocalStore:
        folder = self._folder / f"source-{name}"
        if not (folder / "made").exists():
            built(list(documents), Models().embedder, folder).close()
            (folder / "made").touch()
        return open_store(folder, None)


if __name__ == "__main__":
    main()
