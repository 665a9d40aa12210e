"""Q&A sets: open one in whatever format it is, and check that it can be scored."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from rag.errors import PathMissingError
from rag.evaluate.formats import RgbOptions, read_project, read_rgb, read_squad
from rag.evaluate.library import Shelf
from rag.evaluate.matching import holds
from rag.evaluate.questions import QASet, Question
from rag.evaluate.records import Record

_SEARCH_BUDGET = 2_000_000_000
"""Characters searched for the answers of questions that name no document (some ten seconds); the rest go unchecked."""


def open_set(path: Path, documents: Path | None = None, rgb: RgbOptions | None = None) -> QASet:
    """Open `path`, whatever its format. `documents` is a second SQuAD-style file with the same questions in another
    language: the paragraphs and the gold come from there.

    Raises PathMissingError; later, while the set is read, QASetError.
    """
    for file in filter(None, (path, documents)):
        if not file.is_file():
            raise PathMissingError(path=file)
    first = _first_object(path)
    if documents is not None or "data" in first or (not first and path.suffix.lower() == ".json"):
        name = path.stem if documents is None else f"{path.stem} over {documents.stem}"
        return QASet(name, path, partial(read_squad, path, documents), own_documents=True)
    if "query" in first:
        return QASet(path.stem, path, partial(read_rgb, path, rgb or RgbOptions()), own_documents=True)
    return QASet(path.stem, path, partial(read_project, path), own_documents=False)


def _first_object(path: Path) -> Mapping[str, Any]:
    """The object on the first line with anything on it; empty where that line alone is none."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        line = next(filter(str.strip, file), "")
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def checked(qa_set: QASet, longest: int | None = None) -> Iterator[Question]:
    """The questions of one pass, one at a time, of which only the ids are kept.

    Raises QASetError at an id that was there before, and at a question of more than `longest` characters.
    """
    seen: dict[str, int] = {}
    for question in qa_set.questions():
        if longest is not None and len(question.question) > longest:
            english, chinese = f"has more than {longest} characters", f"超过 {longest} 个字符"
            _record(qa_set, question).fail(f"the question {english}.", f"问题{chinese}。")
        if question.id in seen:
            first = seen[question.id]
            english, chinese = (f", on line {first}", f"在第 {first} 行") if first else ("", "")
            _record(qa_set, question).fail(
                f'the id "{question.id}" was used before{english}; ids must differ.',
                f"编号“{question.id}”{chinese}已经用过，编号不能重复。",
            )
        seen[question.id] = question.line
        yield question


def check_against(qa_set: QASet, shelf: Shelf) -> None:
    """Check a set that brings no documents against those it will be asked of.

    Raises QASetError where a document that a question names is not stored, and where a gold answer stands in none of
    the documents it may come from (compared as an answer is, see `matching`).
    """
    characters = max(1, sum(summary.characters for summary in shelf.summaries))
    unnamed: list[Question] = []
    for question in checked(qa_set):
        for name in question.documents:
            if not shelf.named(name):
                _record(qa_set, question).fail(
                    f'the document "{name}" is not in the store; ingest it, or correct "doc".',
                    f"库中没有文件“{name}”，请先导入该文件，或更正“doc”。",
                )
        if question.documents:
            texts = [shelf.squeezed(i) for name in question.documents for i in shelf.named(name)]
            for group in question.answers:
                if not any(holds(text, group) for text in texts):
                    _no_gold(qa_set, question, group)
        elif len(unnamed) < _SEARCH_BUDGET // characters:
            unnamed.append(question)
    # The other way round: each document is read once, however many questions may be answered by it.
    missing = [(question, group) for question in unnamed for group in question.answers]
    for summary in shelf.summaries if missing else ():
        text = shelf.squeezed(summary.id)
        missing = [(question, group) for question, group in missing if not holds(text, group)]
    for question, group in missing:
        _no_gold(qa_set, question, group)


def _no_gold(qa_set: QASet, question: Question, group: Sequence[str]) -> NoReturn:
    _record(qa_set, question).fail(
        f'the answer "{group[0]}" stands in none of the documents; copy it as it stands there.',
        f"答案“{group[0]}”不在任何文档中，请照原文填写。",
    )


def _record(qa_set: QASet, question: Question) -> Record:
    return Record(qa_set.path, question.line, {"id": question.id})
