"""The questions that weights.json is fitted on, each with what is retrieved and read for it."""

import json
import os
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rag.answering.read import Readings, read_passages, steps
from rag.answering.retrieve import retrieve
from rag.answering.understand import prepare
from rag.assistant import LocalAssistant
from rag.cache import TextCache
from rag.settings import Settings, load_settings
from rag.types import Embedder, Hit, Query, Reader, Store, Turn
from rag.weights import Weights
from scripts.corpora import Asked, OwnDocuments, Paragraph, built, xquad

MOST: int = Settings.model_fields["top_k"].default
_NOISE = (0.2, 0.4, 0.6, 0.8, 1.0, 1.0)  # shares of few documents that are beside the point

Kind = Literal["dev", "hard", "public", "few", "reports"]


@dataclass(frozen=True, slots=True)
class Case:
    """A question over a store with all that was retrieved and read for it."""

    asked: Asked
    query: Query
    hits: tuple[Hit, ...]
    read: Readings
    store: Store
    texts: TextCache
    kind: Kind


def questions_of(paragraph: Paragraph) -> list[Asked]:
    return [
        Asked(one.text, (one.answer,), (paragraph.name,)) if one.answer else Asked(one.text, (), ())
        for one in paragraph.questions
    ]


def translated(data: Path, languages: Sequence[str], parts: Sequence[str]) -> Iterator[Asked]:
    """Questions in several languages over the Chinese paragraphs; of those but Chinese and English, every sixth."""
    chinese = xquad(data, "zh")
    for language in languages:
        questions = [
            Asked(asked.text, (gold.answer,), (over.name,))
            for paragraph, over in zip(xquad(data, language), chinese, strict=True)
            for asked, gold in zip(paragraph.questions, over.questions, strict=True)
            if over.part in parts
        ]
        yield from questions if language in ("zh", "en") else questions[::6]


def development(path: Path) -> list[Asked]:
    """The development questions over the seeds in the file `path`."""
    asked = []
    for line in path.read_text("utf-8").splitlines():
        one = json.loads(line)
        if one["split"] == "dev":
            paths = tuple(f"seeds/{name}" for name in one["doc"] or ())
            history = tuple(Turn(role, text) for role, text in one["history"])
            asked.append(Asked(one["question"], tuple(one["answers"]), paths, one["all"], history))
    return asked


class Bench:
    """Finds and reads what the cases need."""

    def __init__(self, weights: Weights, embedder: Embedder, reader: Reader) -> None:
        self._weights, self._embedder, self._reader = weights, embedder, reader
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def cases(self, store: Store, questions: Sequence[Asked], kind: Kind) -> Iterator[Case]:
        """Each question as asked; a public one once more without its document, so that nothing answers it."""
        texts = TextCache(store)
        understands = LocalAssistant(store, self._embedder, load_settings(), self._weights)
        for number, one in enumerate(questions, 1):
            asked = one.question
            if one.history:
                asked = understands.ask(one.question, one.history, "fast").standalone_question
            query = prepare(asked, store, self._embedder)
            found = retrieve(query, store, texts, self._weights, MOST + 4)
            others = [hit for hit in found if path_of(texts, hit) not in one.paths] if kind == "public" else []
            deepest = steps(asked)[-1]
            needed = dict.fromkeys([*found[:deepest], *others[:deepest]])
            read = read_passages(asked, list(needed), self._reader, store, texts, self._pool)
            yield Case(one, query, tuple(found[:MOST]), read, store, texts, kind)
            if kind == "public":
                nowhere = replace(one, answers=(), paths=())
                yield Case(nowhere, query, tuple(others[:MOST]), read, store, texts, kind)
            if number % 200 == 0:
                print(f"  {number} of {len(questions)}", file=sys.stderr)

    def few(self, questions: Sequence[Asked], documents_of: OwnDocuments, whole: Store, folder: Path) -> Iterator[Case]:
        """Each question over five documents of its own."""
        draw, texts = random.Random(1), TextCache(whole)
        for number, one in enumerate(questions):
            query = prepare(one.question, whole, self._embedder)
            near = [path_of(texts, hit) for hit in retrieve(query, whole, texts, self._weights, 12)]
            documents, true = documents_of(one.paths[0], near, draw.choice(_NOISE))
            store = built(documents, self._embedder, folder / str(number))
            yield from self.cases(store, [replace(one, paths=true, answers=one.answers if true else ())], "few")


def path_of(texts: TextCache, hit: Hit) -> str:
    return texts.document(hit.passage.document_id).path
