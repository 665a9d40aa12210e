"""Readers of the three kinds of Q&A sets: the project's JSON Lines, SQuAD style, RGB style."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rag.evaluate.questions import Bundle, GoldSpan, Question, SourceDocument
from rag.evaluate.records import Record, json_lines, parse
from rag.text import find_date
from rag.types import Turn

RgbMode = Literal["noise", "integration", "rejection"]


@dataclass(frozen=True, slots=True)
class RgbOptions:
    """Which of its documents a question of an RGB-style set is asked of (Chen et al. 2024, "Benchmarking Large Language
    Models in Retrieval-Augmented Generation", AAAI)."""

    mode: RgbMode | None = None  # None: integration where the positives come in groups, noise otherwise
    noise: float = 0.0  # share of negative documents
    documents: int = 5  # for each question
    pooled: bool = False  # every question over all these documents together, instead of each over its own


def read_project(path: Path) -> Iterator[Bundle]:
    """The project's own format: one question a line, read as a stream, no documents."""
    yield Bundle((), map(_project_question, json_lines(path)))


def _project_question(record: Record) -> Question:
    groups = record.groups("answers")
    if not record.flag("all") and groups:
        groups = [tuple(text for group in groups for text in group)]
    return Question(
        id=record.identifier(),
        question=record.text("question"),
        answers=tuple(groups),
        documents=tuple(record.texts("doc")) if record.fields.get("doc") is not None else (),
        kind=record.optional_text("kind"),
        history=_history(record),
        split=record.optional_text("split") or None,
        line=record.line,
    )


def _history(record: Record) -> tuple[Turn, ...]:
    turns = []
    for turn in record.items("history") if record.fields.get("history") is not None else []:
        match turn:
            case ["user" | "assistant" as role, str(text)]:
                turns.append(Turn(role, text))
            case _:
                record.fail(
                    '"history" must hold pairs ["user", text] and ["assistant", text].',
                    '“history”必须由 ["user", 文本] 和 ["assistant", 文本] 组成。',
                )
    return tuple(turns)


def read_squad(path: Path, documents: Path | None = None) -> Iterator[Bundle]:
    """SQuAD style (SQuAD, CMRC 2018, DRCD, XQuAD), each paragraph one document; `is_impossible` means no answer.

    An article's "date" becomes that of its documents; a question's "kind" and "lang" are those that the report tells
    apart. With `documents`, the questions' wording comes from `path` and everything else from the same question there.
    The files are read whole, as their format asks for.
    """
    gold = _whole(documents or path)
    wording = _squad_wording(path, gold, documents) if documents else None
    paragraphs: list[SourceDocument] = []
    questions: list[Question] = []
    for article in gold.records("data"):
        title, date = article.optional_text("title"), find_date(article.optional_text("date"))
        for paragraph in article.records("paragraphs"):
            name = f"{gold.path.stem}/{len(paragraphs) + 1:05}.txt"
            source = SourceDocument(name, title, paragraph.text("context"), date[0] if date else None)
            paragraphs.append(source)
            for record in paragraph.records("qas"):
                questions.append(_squad_question(record, source, wording[len(questions)] if wording else None))
    yield Bundle(tuple(paragraphs), questions)


def _whole(path: Path) -> Record:
    return parse(path, 1, path.read_bytes())


def _squad_wording(path: Path, gold: Record, documents: Path) -> list[str]:
    """The questions of `path`, checked to be those of `gold` one by one."""
    ours, theirs = (
        [qa for article in whole.records("data") for p in article.records("paragraphs") for qa in p.records("qas")]
        for whole in (_whole(path), gold)
    )
    if len(ours) != len(theirs):
        ours[-1].fail(
            f"{len(ours)} questions here, but {len(theirs)} in {documents}; both files must hold the same ones.",
            f"这里有 {len(ours)} 个问题，而 {documents} 有 {len(theirs)} 个；两个文件的问题必须一一对应。",
        )
    for mine, other in zip(ours, theirs, strict=True):
        if mine.identifier() != other.identifier():
            mine.fail(
                f'question "{mine.identifier()}" stands where {documents} has "{other.identifier()}".',
                f"问题“{mine.identifier()}”在 {documents} 的同一位置是“{other.identifier()}”。",
            )
    return [record.text("question") for record in ours]


def _squad_question(record: Record, source: SourceDocument, wording: str | None) -> Question:
    identifier = record.identifier()
    answers = [] if record.flag("is_impossible") else record.records("answers")
    texts = [answer.text("text") for answer in answers]
    if texts and not any(text in source.text for text in texts):
        record.fail(
            f'question "{identifier}": the answer "{texts[0]}" does not stand in its paragraph.',
            f"问题“{identifier}”：答案“{texts[0]}”不在它的段落里。",
        )
    spans = (_span(answer, text, source) for answer, text in zip(answers, texts, strict=True))
    return Question(
        id=identifier,
        question=wording or record.text("question"),
        answers=(tuple(dict.fromkeys(texts)),) if texts else (),
        documents=(source.name,) if texts else (),
        spans=tuple(span for span in spans if span),
        kind=record.optional_text("kind"),
        language="" if wording else record.optional_text("lang"),
        line=record.line,
    )


def _span(answer: Record, text: str, source: SourceDocument) -> GoldSpan | None:
    """At `answer_start` where the answer stands there, else (some sets have -1, or count bytes) where it does first."""
    start = answer.fields.get("answer_start")
    if not (isinstance(start, int) and start >= 0 and source.text.startswith(text, start)):
        start = source.text.find(text)
    return GoldSpan(source.name, start, text, len(source.text) - start - len(text)) if start >= 0 else None


def read_rgb(path: Path, options: RgbOptions) -> Iterator[Bundle]:
    """RGB style: one JSON object a line, `{query, answer, positive, negative}`, each with documents of its own.

    An answer need not stand word for word in a positive document: the set was labelled for systems that paraphrase.
    """
    if not options.pooled:
        for record in json_lines(path):
            question, documents = _rgb_question(record, options)
            yield Bundle(tuple(documents.values()), (question,))
        return
    pool: dict[str, SourceDocument] = {}
    for record in json_lines(path):
        pool |= _rgb_question(record, options)[1]
    yield Bundle(tuple(pool.values()), (_rgb_question(record, options)[0] for record in json_lines(path)))


def _rgb_question(record: Record, options: RgbOptions) -> tuple[Question, dict[str, SourceDocument]]:
    positives = record.groups("positive")
    grouped = any(isinstance(item, list) for item in record.items("positive"))
    mode = options.mode or ("integration" if grouped else "noise")
    positive, negative = _rgb_choice(positives, record.texts("negative"), mode, options)
    documents = {(source := _rgb_document(text)).name: source for text in (*positive, *negative)}
    question = Question(
        id=record.identifier(),
        question=record.text("query"),
        answers=() if mode == "rejection" else tuple(record.groups("answer")),
        documents=tuple(dict.fromkeys(_rgb_document(text).name for text in positive)),
        kind=mode,
        line=record.line,
    )
    return question, documents


def _rgb_choice(
    positives: list[tuple[str, ...]], negatives: list[str], mode: RgbMode, options: RgbOptions
) -> tuple[list[str], list[str]]:
    """The positive and negative documents, as many and in the order that the benchmark's own `processdata` takes them
    (without its shuffling, which changes nothing for a system that ranks)."""
    if mode == "rejection":
        return [], negatives[: options.documents]
    wanted_negative = math.ceil(options.documents * options.noise)
    wanted_positive = options.documents - wanted_negative
    if mode == "integration":
        # One document for each group first, then the groups' further documents in turn.
        depth = max(map(len, positives), default=0)
        in_turn = [group[i] for i in range(depth) for group in positives if i < len(group)]
        positive = in_turn[: max(wanted_positive, len(positives))]
        return positive, negatives[: max(0, options.documents - len(positive))]
    flat = [text for group in positives for text in group]
    if wanted_negative > len(negatives):
        wanted_positive = options.documents - len(negatives)
    elif wanted_positive > len(flat):
        wanted_negative = options.documents - len(flat)
    return flat[:wanted_positive], negatives[:wanted_negative]


def _rgb_document(text: str) -> SourceDocument:
    return SourceDocument(f"rgb/{hashlib.sha256(text.encode()).hexdigest()[:12]}.txt", "", text)
