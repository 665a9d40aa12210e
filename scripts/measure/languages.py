#!/usr/bin/env python3
"""XQuAD's questions in twelve languages over its Chinese paragraphs: which paragraph comes first, by what.

    python -m scripts.measure.languages [--data ../shared/data] [--odd]

All 240 paragraphs are in one store. "dense" ranks passages by the cosine of question and passage alone, "words" by BM25
alone, "fused" is what `rag ask` uses. `--odd` asks only the questions of articles with an odd index, which nothing was
fitted on.
"""

import argparse
import json
import sys
from collections.abc import Sequence
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
    given = options.parse_args()
    folder = given.data / "xquad"
    if not folder.exists():
        sys.exit(f"{folder}: XQuAD is not here; give the data folder with --data.")
    paragraphs = [text for text, *_ in _paragraphs(folder / "xquad.zh.json")]
    documents = [SourceDocument(f"{number:04d}.txt", "", text) for number, text in enumerate(paragraphs)]
    subjects = LocalSubjects(load_settings())
    with shown() as report:
        store = subjects.build(documents, "xquad-zh-paragraphs", report).library
        assert isinstance(store, LocalStore)
        print("| questions | dense R@1 | words R@1 | fused R@1 | fused R@5 |\n|---|--:|--:|--:|--:|")
        for done, language in enumerate(LANGUAGES):
            asked = [
                (question, f"{number:04d}.txt")
                for number, (_, article, questions) in enumerate(_paragraphs(folder / f"xquad.{language}.json"))
                if article % 2 or not given.odd
                for question in questions
            ]
            figures = _measure(store, subjects.embedder, asked)
            print(f"| {language} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |", flush=True)
            report(language, done + 1, len(LANGUAGES))


def _paragraphs(path: Path) -> list[tuple[str, int, list[str]]]:
    """(text, index of the article, questions) of each paragraph."""
    return [
        (paragraph["context"], article, [qa["question"] for qa in paragraph["qas"]])
        for article, content in enumerate(json.loads(path.read_text("utf-8"))["data"])
        for paragraph in content["paragraphs"]
    ]


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
