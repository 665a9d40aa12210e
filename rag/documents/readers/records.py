"""JSON and JSON Lines: a record with a text is a document of its own, any other reads as a row of a table."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.part import Part, Source, tidy
from rag.documents.readers.tables import sentence_of
from rag.documents.readers.text import loose_lines, text_of
from rag.errors import NoFieldError, QASetFoundError
from rag.text import find_date
from rag.types.filters import one_form

_NAMES = {
    "text": ("text", "content", "body", "article", "正文", "内容", "文本"),
    "title": ("title", "headline", "name", "标题", "题目"),
    "date": ("date", "published", "published_at", "pub_date", "time", "日期", "发布日期", "时间"),
}
_DEEPEST = 100  # lists in lists in lists
_WRAPPED = 3  # objects around the list of records
_STATUS = ("code", "msg", "message", "status", "success")  # what an answer of a server says beside them


def read(source: Source) -> Iterator[Part]:
    """One JSON value: a list of records, also within an object that is none itself, or one record."""
    value = _parsed(source, text_of(source))
    records = value if isinstance(value, list) else _wrapped(value, _names(source)["text"]) or [value]
    yield from parts_of_records(source, list(enumerate(records, 1)), "R")


def _wrapped(value: Any, names: Sequence[str]) -> list[Any]:
    """The one list of records within an object without a text; empty where there is none, or several.

    Records without a text are rows, of which what stands beside them may say more: they stay where anything does.
    """
    if not isinstance(value, Mapping) or _field(value, names) is not None:
        return []
    lists: list[list[Any]] = []
    beside: list[Any] = []
    level = [value]
    for _ in range(_WRAPPED):
        held = [(key, one) for each in level for key, one in each.items() if key not in _STATUS or _is_records(one)]
        level = [one for _, one in held if isinstance(one, Mapping)]
        lists.extend(one for _, one in held if _is_records(one))
        beside.extend(one for _, one in held if not isinstance(one, Mapping) and not _is_records(one))
    if len(lists) != 1:
        return []
    told = bool(level) or any(isinstance(one, str | list) and one for one in beside)
    return lists[0] if not told or any(_field(record, names) is not None for record in lists[0]) else []


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def read_lines(source: Source) -> Iterator[Part]:
    """One JSON value a line."""
    lines = [(n, line) for n, line in enumerate(text_of(source).split("\n"), 1) if line.strip()]
    yield from parts_of_records(source, [(n, _parsed(source, line, n)) for n, line in lines], "L")


def parts_of_records(source: Source, records: Sequence[tuple[int, Any]], unit: str) -> Iterator[Part]:
    """(number, record) -> a part for each record with a text, one for all the others together.

    Raises NoFieldError where the field that was named stands in no record, QASetFoundError for a set of questions.
    """
    if records and all(isinstance(record, Mapping) and {"question", "answers"} <= set(record) for _, record in records):
        raise QASetFoundError(path=source.path)
    names = _names(source)
    others: list[Paragraph] = []
    texts = 0
    for number, record in records:
        text = _field(record, names["text"])
        if text is None:
            line = _sentence(record)
            others.extend([Paragraph((Line(line, number),), Kind.ITEM, settled=True)] if line else [])
            continue
        texts += 1
        found = find_date(_field(record, names["date"]) or "")
        paragraphs = [Paragraph((Line(line.text, number),), gap=p.gap) for p in loose_lines(text) for line in p.lines]
        title = tidy(_field(record, names["title"]) or "")
        date = found[0] if found else None
        metadata = dict(_metadata(record, source.fields))
        yield Part(tuple(paragraphs), unit=unit, title=title, date=date, metadata=metadata, loose=True)
    if source.fields.get("text") and not texts:
        raise NoFieldError(path=source.path, field=source.fields["text"])
    if others:
        yield Part(tuple(others), unit=unit, title=source.stem)


def _names(source: Source) -> dict[str, tuple[str, ...]]:
    """What the fields may be called in which the text, the title and the date of a record stand."""
    return {key: (given,) if (given := source.fields.get(key)) else known for key, known in _NAMES.items()}


def _metadata(record: Any, fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What the record says in the fields that were named as metadata."""
    for key, name in fields.items():
        value = _at(record, name)
        if key not in _NAMES and isinstance(value, str | int | float) and (said := one_form(tidy(_said(value)))):
            yield key, said


def _parsed(source: Source, text: str, line: int | None = None) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        source.over("levels", "嵌套层数", _DEEPEST)
    except ValueError as error:
        if line is None:
            source.damaged(error)
        source.damaged(f"line {line}: {error}", f"第 {line} 行：{error}")


def _field(record: Any, names: Sequence[str]) -> str | None:
    """The first of `names` that the record has as a text; a dot leads into a record within it."""
    for name in names:
        value = _at(record, name)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            value = "\n".join(value)
        if isinstance(value, str) and value.strip():
            return value
    return None


def _at(record: Any, name: str) -> Any:
    """What the record has by that name; None where it has nothing."""
    for step in [name] if isinstance(record, Mapping) and name in record else name.split("."):
        record = record.get(step) if isinstance(record, Mapping) else None
    return record


def _sentence(record: Any) -> str:
    """A record as a row of a table reads, what lies within it with a dot."""
    cells: list[tuple[str, str]] = []
    waiting: list[tuple[str, Any]] = [("", record)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting.extend((f"{name}.{key}" if name else key, one) for key, one in reversed(list(value.items())))
        elif isinstance(value, list):
            waiting.extend((name, one) for one in reversed(value))
        elif value is not None and (said := tidy(" ".join(_said(value).split()))):
            cells.append((tidy(name), said))
    return sentence_of(cells)


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
