#!/usr/bin/env python3
"""The same questions over the same documents from each kind of store: are the answers the same, and what does it cost?

    python -m scripts.measure.stores [--milvus milvus://HOST:PORT/NAME] [--split dev] [--store FOLDER]

The seeds are ingested once into a folder (`--store` names one that holds them already) and copied from there; the rate
is that of storing alone, without embedding. Copies go into milvus-lite, and into the server that `--milvus` names or
that the package `milvus` brings. What --milvus names is written over. Answers are compared whole, the timings and the
generation left out.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median, quantiles

from rag.assistant import LocalAssistant, fingerprint_of
from rag.ingest import ingest
from rag.models import load_embedder, load_reader
from rag.progress import stages_shown
from rag.settings import load_settings
from rag.store import AnyStore, open_store
from rag.text import build_dictionary, use_dictionary
from rag.types import Embedder, Reader
from rag.weights import load_weights

ROOT = Path(__file__).parents[2]
_SERVE = """
import sys
from milvus import MilvusServer, MilvusServerConfig
server = MilvusServer(MilvusServerConfig(data_dir=sys.argv[1]))
server.start()
print(server.listen_port, flush=True)
sys.stdin.read()
server.stop()
"""


def main() -> None:
    options = argparse.ArgumentParser(description="The same questions from each kind of store.")
    options.add_argument("--milvus", help="a server's address; without it one is started")
    options.add_argument("--split", default="dev")
    options.add_argument("--store", type=Path, help="a store that holds the seeds already")
    given = options.parse_args()
    lines = (ROOT / "seeds" / "qa.jsonl").read_text("utf-8").splitlines()
    questions = [one["question"] for one in map(json.loads, lines) if one.get("split") == given.split]
    settings = load_settings(milvus="")
    build_dictionary(settings.cache)
    use_dictionary(settings.cache)
    embedder, reader = load_embedder(settings), load_reader(settings)
    with (
        tempfile.TemporaryDirectory() as folder,
        stages_shown() as report,
        _server(given.milvus, Path(folder)) as server,
    ):
        local = given.store or Path(folder) / "local"
        if given.store is None:
            with open_store(local, fingerprint_of(embedder), write=True) as store:
                ingest([ROOT / "seeds"], store, embedder, base=ROOT, limit_mb=settings.max_file_mb, progress=report)
        places = {"folder": str(Path(folder) / "copy"), "milvus-lite": f"milvus://{folder}/lite.db", "Milvus": server}
        print(f"{len(questions)} questions of the seeds' {given.split} half\n")
        print("| store | passages/s stored | open s | answer p50 ms | p90 | same answers |\n|---|--:|--:|--:|--:|--:|")
        first: list[str] = []
        for name, where in places.items():
            with open_store(local, None) as source:
                rate = _store(source, where)
            begin = time.perf_counter()
            with open_store(where, fingerprint_of(embedder)) as opened:
                opened.search_words(["词"], 1)  # derives the index of words
                took = time.perf_counter() - begin
                answers, spent = _ask(opened, embedder, reader, questions)
            first = first or answers
            same = sum(mine == theirs for mine, theirs in zip(first, answers, strict=True))
            figures = f"{rate:.0f} | {took:.2f} | {median(spent):.0f} | {quantiles(spent, n=10)[8]:.0f}"
            print(f"| {name} | {figures} | {same}/{len(answers)} |", flush=True)
            for question, mine, theirs in zip(questions, first, answers, strict=True):
                if mine != theirs:
                    print(f"{question}\n  {mine}\n  {theirs}", file=sys.stderr)


def _store(source: AnyStore, where: str) -> float:
    """Passages a second, stored."""
    with open_store(where, source.fingerprint, write=True, rebuild=True) as target:
        begin = time.perf_counter()
        for path in source.sources():
            target.add(path, source.stored(path))
        target.refresh()
        return target.passage_count() / (time.perf_counter() - begin)


def _ask(
    store: AnyStore, embedder: Embedder, reader: Reader | None, questions: list[str]
) -> tuple[list[str], list[float]]:
    """Every answer as text, and the milliseconds that it took."""
    assistant = LocalAssistant(store, embedder, load_settings(milvus=""), load_weights(), reader)
    answers, spent = [], []
    for question in questions:
        begin = time.perf_counter()
        answer = asdict(assistant.ask(question))
        spent.append((time.perf_counter() - begin) * 1000)
        del answer["timings_ms"], answer["index"]["generation"]
        answers.append(json.dumps(answer, ensure_ascii=False))
    return answers, spent


@contextmanager
def _server(given: str | None, folder: Path) -> Iterator[str]:
    if given:
        yield given
        return
    command = [sys.executable, "-c", _SERVE, str(folder / "server")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip() or sys.exit("The package milvus is not installed; give --milvus.")
        yield f"milvus://127.0.0.1:{port}/rag"
        server.communicate()


if __name__ == "__main__":
    main()
