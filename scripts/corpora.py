"""The public development data as paragraphs, questions and stores, and who may see what of it.

Parts of a set are told apart by place alone, so that every script cuts them alike:

    XQuAD   articles 1, 3, 5, ...      test: measured, read by nothing else
            articles 0, 8, 16, ...     fit: kept from the reader, for the weights that join its scores with others
            the other even articles    train
    DRCD    every tenth paragraph (9)  validation: kept from everything that is trained or fitted
            the one before it (8)      fit
            the others                 train
    reports articles 7, 15, 23, ...    validation
            articles 3, 11, 19, ...    fit
            the others                 train, with those of report_questions.jsonl
"""

import json
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.assistant import fingerprint_of
from rag.documents import text_document
from rag.errors import StoreError
from rag.ingest import index_document
from rag.store import LocalStore, open_store
from rag.types import Document, Embedder, Turn

ROOT = Path(__file__).parent.parent
DATA = ROOT / ".." / "shared" / "data"
REPORT_QUESTIONS = ROOT / "scripts" / "train" / "report_questions.jsonl"
REPORT_TRANSLATIONS = ROOT / "scripts" / "train" / "report_translations.jsonl"  # of Chinese ones, in 14 languages
HEAD = 60  # characters by which an article is known
_REPORT_CHARS = 900  # longer articles were cut there before they were asked about
LANGUAGES = ("zh", "en", "ar", "de", "el", "es", "hi", "ro", "ru", "th", "tr", "vi")


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    text: str
    answer: str  # "": the paragraph does not say
    start: int  # offset of the answer in the paragraph, or of the sentence that tempts where nothing answers
    language: str = "zh"
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    name: str  # as a document's path
    title: str
    text: str
    part: str  # "train", "fit", "validation" or "test"
    questions: tuple[Question, ...]
    date: str | None = None  # as printed above it


@dataclass(frozen=True, slots=True)
class Asked:
    """A question over a store."""

    question: str
    answers: tuple[str, ...]
    paths: tuple[str, ...]  # documents that may answer; none: unanswerable
    every: bool = False  # all answers are wanted
    history: tuple[Turn, ...] = ()


def xquad(data: Path, language: str) -> list[Paragraph]:
    """The 240 paragraphs of one language, in the order they have in every language."""

    def part(article: int, paragraph: int) -> str:
        return "test" if article % 2 else "fit" if article % 8 == 0 else "train"

    return list(_paragraphs(data / "xquad" / f"xquad.{language}.json", "xquad", part, 0))


def drcd(data: Path) -> list[Paragraph]:
    """The 2,000 paragraphs of the development and the test set, traditional Chinese."""

    def part(article: int, paragraph: int) -> str:
        return {9: "validation", 8: "fit"}.get(paragraph % 10, "train")

    found: list[Paragraph] = []
    for name in ("dev", "test"):
        found += _paragraphs(data / "drcd" / f"DRCD_{name}.json", "drcd", part, len(found))
    return found


def _paragraphs(path: Path, prefix: str, part: Callable[[int, int], str], first: int) -> Iterator[Paragraph]:
    number = first
    for place, article in enumerate(json.loads(path.read_text("utf-8"))["data"]):
        for paragraph in article["paragraphs"]:
            asked = tuple(
                Question(str(qa["id"]), qa["question"], qa["answers"][0]["text"], qa["answers"][0]["answer_start"])
                for qa in paragraph["qas"]
            )
            title = article.get("title", "").replace("_", " ")
            yield Paragraph(f"{prefix}-{number:04d}.txt", title, paragraph["context"], part(place, number), asked)
            number += 1


def news(data: Path) -> Iterator[tuple[str, str]]:
    """(date as printed, text) of each of the 23,152 articles."""
    for path in sorted((data / "news").glob("news_*.txt")):
        for line in path.read_text("utf-8").splitlines():
            date, mark, text = line.partition("，正文：")
            if mark:
                yield date.strip(), text.strip()


def reports(data: Path, translated: bool = False) -> list[Paragraph]:
    """The articles of reports/train.json, then those that report_questions.jsonl asks about.

    `translated`: with those questions of the training part once more that report_translations.jsonl has in another
    language.
    """
    found = _reports(data)
    if not translated:
        return found
    lines = map(json.loads, REPORT_TRANSLATIONS.read_text("utf-8").splitlines())
    other = {one["id"]: one for one in lines}
    return [
        replace(article, questions=article.questions + tuple(_translated(article.questions, other)))
        if article.part == "train"
        else article
        for article in found
    ]


def _translated(questions: Sequence[Question], other: dict[str, dict]) -> Iterator[Question]:
    for question in questions:
        if one := other.get(question.id):
            yield replace(question, id=f"{question.id}-{one['lang']}", text=one["question"], language=one["lang"])


def _reports(data: Path) -> list[Paragraph]:
    found = []
    for place, article in enumerate(json.loads((data / "reports" / "train.json").read_text("utf-8"))["data"]):
        paragraph = article["paragraphs"][0]
        asked = tuple(
            Question(
                qa["id"],
                qa["question"],
                qa["answers"][0]["text"] if qa["answers"] else "",
                qa["answers"][0]["answer_start"] if qa["answers"] else qa["sentence_start"],
                qa["lang"],
                qa["kind"],
            )
            for qa in paragraph["qas"]
        )
        part = {7: "validation", 3: "fit"}.get(place % 8, "train")
        found.append(
            Paragraph(f"reports-{place:04d}.txt", "", paragraph["context"], part, asked, _date(article["date"]))
        )
    return found + list(_more_reports(data, len(found)))


def _more_reports(data: Path, first: int) -> Iterator[Paragraph]:
    """Questions kept without their articles' text, which stands in news/ at the line that `source` names."""
    if not REPORT_QUESTIONS.exists():
        return
    asked: dict[str, list[dict]] = {}
    for line in REPORT_QUESTIONS.read_text("utf-8").splitlines():
        one = json.loads(line)
        asked.setdefault(one["source"], []).append(one)
    lines: dict[str, list[str]] = {}
    for number, (source, questions) in enumerate(asked.items(), first):
        name, _, place = source.partition(":")
        if name not in lines:
            lines[name] = (data / "news" / f"{name}.txt").read_text("utf-8").split("\n")
        date, _, text = lines[name][int(place) - 1].partition("，正文：")
        text = text.strip()[:_REPORT_CHARS]
        kept = tuple(
            Question(f"{source}-{n}", q["question"], q["answer"] or "", _start(text, q), q["lang"], q["kind"])
            for n, q in enumerate(questions)
        )
        yield Paragraph(f"reports-{number:04d}.txt", "", text, "train", kept, _date(date))


def _date(printed: str) -> str | None:
    """Some lines carry a place name or a source where others have the date."""
    found = re.match(r"\s*(\d{4}-\d\d-\d\d)", printed)
    return found[1] if found else None


def _start(text: str, question: dict) -> int:
    at = text.index(question["sentence"])
    return at + question["sentence"].index(question["answer"] or "")


def as_document(paragraph: Paragraph, titled: bool = True) -> Document:
    """`titled`: with its title and date."""
    if not titled:
        return text_document(paragraph.text, paragraph.name)
    return text_document(paragraph.text, paragraph.name, paragraph.title, paragraph.date)


def among_news(data: Path, articles: Sequence[Paragraph], many: int) -> list[Document]:
    """`articles`, and others of the news up to `many` in all, evenly taken; none of these is any of `reports`."""
    heads = {head_of(one.text) for one in _reports(data)}
    others = [(date, text) for date, text in news(data) if head_of(text) not in heads]
    beside = max(1, many - len(articles))
    return [as_document(one) for one in articles] + [
        text_document(others[place][1], f"news-{place:05d}.txt", "", _date(others[place][0]))
        for place in range(0, len(others), -(-len(others) // beside))
    ]


def head_of(text: str, characters: int = HEAD) -> str:
    """What an article is known by: reprints begin alike."""
    return re.sub(r"\s", "", text)[:characters]


_OWN = 5  # documents of each question's own


class OwnDocuments:
    """Five documents for one question (Chen et al. 2023, RGB).

    Some are beside the point, half of those near it and half news; the others are its true paragraph, again and again,
    as papers reprint what an agency wrote.
    """

    def __init__(self, data: Path) -> None:
        self._paragraphs = {one.name: one for one in xquad(data, "zh")}
        self._news = [text[:400] for _, text in news(data) if len(text) > 200]
        self._draw = random.Random(1)

    def __call__(self, path: str, near: Sequence[str], share: float) -> tuple[list[Document], tuple[str, ...]]:
        """The documents, `share` of them beside the point, and the paths of the true ones. `path`: the question's
        paragraph; `near`: those that the retriever finds, best first."""
        beside = round(_OWN * share)
        others = [name for name in dict.fromkeys(near) if name != path][: round(_OWN * share / 2)]
        documents = [as_document(self._paragraphs[name]) for name in others]
        while len(documents) < beside:
            documents.append(text_document(self._draw.choice(self._news), f"news-{len(documents)}.txt"))
        true = tuple(f"true-{number}.txt" for number in range(beside, _OWN))
        documents += [as_document(replace(self._paragraphs[path], name=name)) for name in true]
        return documents, true


def built(documents: Sequence[Document], embedder: Embedder, folder: Path) -> LocalStore:
    """A store of `documents` and nothing else in `folder`; what it holds already is not embedded again."""
    try:
        store = open_store(folder, fingerprint_of(embedder), write=True)
    except StoreError:  # of another version
        store = open_store(folder, fingerprint_of(embedder), write=True, rebuild=True)
    known = store.sources()
    for path in known.keys() - {document.path for document in documents}:
        store.remove(path)
    for done, document in enumerate(documents, 1):
        if known.get(document.path) != document.sha256:
            store.add(document.path, [index_document(document, embedder)])
            if done % 100 == 0:
                print(f"  {folder.name}: {done} of {len(documents)} documents", file=sys.stderr)
    store.refresh()
    return store
