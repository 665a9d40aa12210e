#!/usr/bin/env python3
"""Questions written by hand, asked over all the news at once: what is found, how fast, in how much memory.

    python -m scripts.measure.scale --keep DIR                 all 23,152 articles into DIR/vectorstore, hours
    python -m scripts.measure.whole DIR/vectorstore [--data ../shared/data] [--busy]

The questions are those of the validation part of `scripts.corpora.reports`, which nothing was trained or fitted on;
for each all articles but one are beside the point. Rows: by the vectors of passages alone, which is what the systems of
compare.py do; by words alone; by both, ranked; and whole answers, of which the first sentence must hold what was asked,
so that an abstention counts as wrong.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rag.answering.understand import prepare
from rag.assistant import LocalAssistant, fingerprint_of
from rag.models import load_embedder, load_reader
from rag.settings import load_settings
from rag.store import open_store
from rag.text import use_dictionary
from rag.types import Mode
from scripts.corpora import DATA, HEAD, Question, head_of, reports
from scripts.measure.compare import quantile
from scripts.measure.compare_systems import peak_memory

_DEPTH = 5
_BEFORE = 60  # characters that may stand before those by which an article is known: a date, a label


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--busy", action="store_true", help="processor seconds, where the machine has other work too")
    given = parser.parse_args()
    if not given.data.exists():
        sys.exit(f"{given.data}: no data there; say where it lies with --data.")
    now = time.process_time if given.busy else time.perf_counter
    settings = load_settings()
    use_dictionary(settings.cache)
    embedder, reader = load_embedder(settings), load_reader(settings)
    started = now()
    store = open_store(given.store, fingerprint_of(embedder))
    assistant = LocalAssistant(store, embedder, settings, reader=reader)
    assistant.search("开始", 1)
    opened = now() - started

    def articles(passages: Sequence[str]) -> list[str]:
        found = (store.document(passage.document_id) for passage in store.passages(passages))
        return [head_of(document.text, HEAD + _BEFORE) for document in found if document]

    def by_vectors(question: str) -> list[str]:
        found = store.search_dense(prepare(question, store, embedder).vector, _DEPTH)
        return articles([passage for passage, _ in found])

    def by_words(question: str) -> list[str]:
        found = store.search_words(prepare(question, store, embedder).terms, _DEPTH)
        return articles([passage for passage, _ in found])

    def by_both(question: str) -> list[str]:
        return articles([hit.passage.id for hit in assistant.search(question, _DEPTH)])

    def answered(mode: Mode) -> Callable[[str], list[str]]:
        def first(question: str) -> list[str]:
            sentences = assistant.ask(question, mode=mode).sentences
            return [sentences[0].text] if sentences else []

        return first

    asked = [
        (one, head_of(article.text))
        for article in reports(given.data)
        if article.part == "validation"
        for one in article.questions
        if one.answer
    ]
    print(
        f"{store.document_count():,} documents in {store.passage_count():,} passages, {len(asked)} questions; "
        f"opened and searched in {opened:.2f} s\n"
    )
    print(f"| | right first: zh | other languages | among {_DEPTH} | p50 ms | p95 ms |\n|---|--:|--:|--:|--:|--:|")
    for name, find in (("vectors of passages alone", by_vectors), ("words alone", by_words), ("both, ranked", by_both)):
        _row(name, asked, find, lambda one, article, found: article in found, now)
    for mode in ("fast", "accurate"):
        _row(f"answer, `{mode}`", asked, answered(mode), lambda one, article, found: _holds(found, one.answer), now)
    print(f"\n{peak_memory():.0f} MB at most")


def _row(
    name: str,
    asked: Sequence[tuple[Question, str]],
    find: Callable[[str], list[str]],
    right: Callable[[Question, str, str], bool],
    now: Callable[[], float],
) -> None:
    spent, among = [], []
    first: dict[bool, list[bool]] = {True: [], False: []}
    for one, article in asked:
        begun = now()
        found = find(one.text)
        spent.append(1000 * (now() - begun))
        first[one.language == "zh"].append(any(right(one, article, text) for text in found[:1]))
        among.append(any(right(one, article, text) for text in found))
    shares = [sum(those) / max(1, len(those)) for those in (first[True], first[False], among)]
    figures = [*(f"{share:.3f}" for share in shares), *(f"{quantile(spent, share):.1f}" for share in (0.5, 0.95))]
    print(f"| {name} | {' | '.join(figures)} |", flush=True)


def _holds(text: str, answer: str) -> bool:
    return re.sub(r"\s", "", answer) in re.sub(r"\s", "", text)


if __name__ == "__main__":
    main()
