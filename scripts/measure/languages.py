#!/usr/bin/env python3
"""XQuAD's questions in twelve languages over its Chinese paragraphs: which paragraph comes first, by what.

    python -m scripts.measure.languages [--data ../shared/data] [--odd] [--mixed LANGUAGE ...]

All 240 paragraphs are in one store. "dense" ranks passages by the cosine of question and passage alone, "words" by BM25
alone, "fused" is what `rag ask` uses. `--odd` asks only the questions of articles with an odd index, which nothing was
fitted on.

`--mixed en ru`: instead, the questions of these languages over a store of the Chinese paragraphs and of the same in the
question's own language: which comes first of what is left when one of the two that answer is hidden.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rag.answering.retrieve import retrieve
from rag.answering.understand import prepare
from rag.cache import TextCache
from rag.evaluate import LocalSubjects
from rag.evaluate.questions import SourceDocument
from rag.progress import shown
from rag.settings import load_settings
from rag.store import LocalStore
from rag.types import Embedder
from rag.weights import load_weights

ROOT = Path(__file__).parents[2]
LANGUAGES = ("zh", "en", "ar", "de", "el", "es", "hi", "ro", "ru", "th", "tr", "vi")


def main() -> None:
    options = argparse.ArgumentParser(description="XQuAD's questions in twelve languages over its Chinese paragraphs.")
    options.add_argument("--data", type=Path, default=ROOT / ".." / "shared" / "data")
    options.add_argument("--odd", action="store_true", help="only articles with an odd index")
    options.add_argument("--mixed", nargs="+", choices=LANGUAGES[1:], default=[], help="over stores of two languages")
    given = options.parse_args()
    folder = given.data / "xquad"
    if not folder.exists():
        sys.exit(f"{folder}: XQuAD is not here; give the data folder with --data.")
    subjects = LocalSubjects(load_settings())
    with shown() as report:
        if given.mixed:
            print("| questions | only Chinese answers | only their own language |\n|---|--:|--:|")
        for language in given.mixed:
            files = [folder / f"xquad.{one}.json" for one in ("zh", language)]
            documents = [one for path in files for one in _documents(path, path.name)]
            store = subjects.build(documents, f"xquad-zh-{language}", report).library
            assert isinstance(store, LocalStore)
            asked, names = _asked(files[1], given.odd), [path.name for path in files]
            figures = list(_mixed(store, subjects.embedder, asked, names))
            print(f"| {language} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |", flush=True)
        if given.mixed:
            return
        store = subjects.build(list(_documents(folder / "xquad.zh.json")), "xquad-zh-paragraphs", report).library
        assert isinstance(store, LocalStore)
        print("| questions | dense R@1 | words R@1 | fused R@1 | fused R@5 |\n|---|--:|--:|--:|--:|")
        for done, language in enumerate(LANGUAGES):
            figures = _measure(store, subjects.embedder, _asked(folder / f"xquad.{language}.json", given.odd))
            print(f"| {language} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |", flush=True)
            report(language, done + 1, len(LANGUAGES))


def _paragraphs(path: Path) -> list[tuple[str, int, list[str]]]:
    """(text, index of the article, questions) of each paragraph."""
    return [
        (paragraph["context"], article, [qa["question"] for qa in paragraph["qas"]])
        for article, content in enumerate(json.loads(path.read_text("utf-8"))["data"])
        for paragraph in content["paragraphs"]
    ]


def _documents(path: Path, prefix: str = "") -> Iterator[SourceDocument]:
    for number, (text, *_) in enumerate(_paragraphs(path)):
        yield SourceDocument(f"{prefix}{number:04d}.txt", "", text)


def _asked(path: Path, odd: bool) -> list[tuple[str, str]]:
    """Questions, each with the path of its paragraph."""
    return [
        (question, f"{number:04d}.txt")
        for number, (_, article, questions) in enumerate(_paragraphs(path))
        if article % 2 or not odd
        for question in questions
    ]


def _mixed(
    store: LocalStore, embedder: Embedder, asked: Sequence[tuple[str, str]], prefixes: Sequence[str]
) -> Iterator[float]:
    """For each prefix the share of questions whose paragraph of that prefix comes first, the others' copies hidden."""
    texts, weights = TextCache(store), load_weights()
    found = []
    for question, gold in asked:
        hits = retrieve(prepare(question, store, embedder), store, texts, weights, 20)
        found.append(([texts.document(hit.passage.document_id).path for hit in hits], gold))
    for prefix in prefixes:
        right = 0
        for paths, gold in found:
            hidden = [other + gold for other in prefixes if other != prefix]
            right += next((path for path in paths if path not in hidden), "") == prefix + gold
        yield right / len(found)


def _measure(store: LocalStore, embedder: Embedder, asked: Sequence[tuple[str, str]]) -> list[float]:
    texts, weights = TextCache(store), load_weights()
    right = [0, 0, 0, 0]
    for question, gold in asked:
        query = prepare(question, store, embedder)
        fused = [texts.document(hit.passage.document_id).path for hit in retrieve(query, store, texts, weights, 20)]
        dense = store.passages([i for i, _ in store.search_dense(query.vector, 1)])
        words = store.passages([i for i, _ in store.search_words(query.terms, 1)])
        for place, found in enumerate((dense, words)):
            right[place] += bool(found) and texts.document(found[0].document_id).path == gold
        right[2] += fused[:1] == [gold]
        right[3] += gold in list(dict.fromkeys(fused))[:5]
    return [count / len(asked) for count in right]


if __name__ == "__main__":
    main()
