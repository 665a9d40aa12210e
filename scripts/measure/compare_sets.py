"""What compare.py asks: passages, which document each belongs to, and questions of which the right document is known.

Of a SQuAD-style file each paragraph is a document of one passage. Of news articles the passages are those this project
cuts, with their context line: each system embeds the same texts, so that splitters are not what is compared.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.corpora import Paragraph, as_document, news, reports

Groups = Sequence[Sequence[str]]
"""Wordings of an answer by fact, as `rag.evaluate.matching.holds_all` takes them."""


@dataclass(frozen=True, slots=True)
class Task:
    """The same for every system."""

    name: str
    documents: tuple[tuple[str, str | None], ...]  # text and date
    passages: tuple[str, ...]
    owners: tuple[int, ...]  # of each passage: the number of its document
    questions: tuple[str, ...]
    golds: tuple[int, ...]  # of each question: the number of the right document
    answers: tuple[Groups, ...]
    kinds: tuple[str, ...]  # of each question: what it is counted under

    def for_system(self, weights: Path, busy: bool) -> dict[str, Any]:
        """As compare_systems.py reads it; `busy`: processor seconds."""
        given = {name: getattr(self, name) for name in ("documents", "passages", "owners", "questions")}
        return given | {"weights": str(weights), "busy": busy}


def squad_task(path: Path, count: int) -> Task:
    """`count` answerable questions of a SQuAD-style file over all its paragraphs."""
    from rag.evaluate import checked, open_set

    opened = open_set(path)
    (bundle,) = opened.read()
    numbers = {document.name: i for i, document in enumerate(bundle.documents)}
    asked = _sample([question for question in checked(opened) if question.answerable], count)
    return Task(
        name=opened.name,
        documents=tuple((document.text, None) for document in bundle.documents),
        passages=tuple(document.text for document in bundle.documents),
        owners=tuple(range(len(numbers))),
        questions=tuple(question.question for question in asked),
        golds=tuple(numbers[question.documents[0]] for question in asked),
        answers=tuple(question.answers for question in asked),
        kinds=("R@1",) * len(asked),
    )


def news_task(data: Path, size: int, count: int) -> Task:
    """`count` answerable questions written by hand over news, the articles asked about among others, `size` in all.

    The questions are those of the validation part of `scripts.corpora.reports`: nothing was trained or fitted on them.
    """
    from rag.documents import passage_text, split_document
    from rag.models import load_embedder
    from rag.settings import load_settings

    embedder = load_embedder(load_settings())
    chosen = articles(data, size)
    documents = [as_document(one) for one in chosen]
    passages, owners = [], []
    for number, document in enumerate(documents):
        cut, _ = split_document(document, embedder.count_tokens, embedder.max_tokens)
        passages += [passage_text(document, passage) for passage in cut]
        owners += [number] * len(cut)
    pairs = [(number, asked) for number, one in enumerate(chosen) for asked in one.questions if asked.answer]
    pairs = _sample(pairs, count)
    return Task(
        name=f"{len(documents)} news articles",
        documents=tuple((one.text, one.date) for one in chosen),
        passages=tuple(passages),
        owners=tuple(owners),
        questions=tuple(asked.text for _, asked in pairs),
        golds=tuple(number for number, _ in pairs),
        answers=tuple([[asked.answer]] for _, asked in pairs),
        kinds=tuple("zh" if asked.language == "zh" else "other languages" for _, asked in pairs),
    )


def articles(data: Path, count: int) -> list[Paragraph]:
    """The articles that are asked about, then others by chance; always the same."""
    known = [one for one in reports(data) if one.part == "validation"]
    draw = random.Random(0)
    if len(known) > count:
        known = draw.sample(known, count)
    heads = {one.text[:60] for one in known}
    others = [(date, text) for date, text in news(data) if text[:60] not in heads]
    drawn = draw.sample(others, min(count - len(known), len(others)))
    return known + [
        Paragraph(f"news-{n:05d}.txt", "", text, "", (), _day(date)) for n, (date, text) in enumerate(drawn)
    ]


def _day(printed: str) -> str | None:
    """Of a line's head "[ 2023-07-28 16：40 ]" or "2023-07-28 16:40" the day."""
    day = printed.strip("[ ")[:10]
    return day if day[:4].isdigit() and day.count("-") == 2 else None


def _sample(found: list[Any], count: int) -> list[Any]:
    return random.Random(0).sample(found, count) if count < len(found) else found
