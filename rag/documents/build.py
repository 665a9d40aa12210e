"""A file's paragraphs -> its documents: articles told apart, titles and dates found, canonical text laid out."""

import hashlib
import io
import os
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import regex

from rag.documents.articles import Article, articles_of
from rag.documents.lines import display_width
from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers import Limits, Part, Source, read_parts
from rag.documents.readers.part import tidy
from rag.documents.readers.text import loose_lines
from rag.errors import (
    DocumentError,
    EmptyFileError,
    FileTooLargeError,
    PathMissingError,
    ScanError,
    UnreadableFileError,
)
from rag.text import one_line
from rag.types import Document, Section

TEXT = "text:"
"""How the sha256 of a document begins that no file holds, so that none is missed when its folder is read again."""

_NAME_DATE = regex.compile(
    r"(?<![\da-zA-Z])(?P<y>(?:19|20)\d{2})(?P<s>[-_.]?)(?P<m>0[1-9]|1[0-2])(?P=s)(?P<d>0[1-9]|[12]\d|3[01])(?![\da-zA-Z])"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of one file: its documents in order, and the files within it that could not be read."""

    documents: tuple[Document, ...]
    failed: tuple[DocumentError, ...] = ()


def read_documents(file: Path, path: str, limit_mb: int) -> list[Document]:
    """The documents of one file, in order, read in this process. `path` is the name they are cited by.

    Raises PathMissingError (exit code 2), or a DocumentError where this file cannot be read.
    """
    limits = Limits(megabytes=limit_mb)
    return list(build(Source(path, read_bytes(file, path, limits.megabytes), limits)).documents)


def read_bytes(file: Path, path: str, limit_mb: int) -> bytes:
    """The bytes of a file, as they are now. Raises PathMissingError or DocumentError, naming `path`."""
    try:
        waiting = getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for whoever writes to it
        with os.fdopen(os.open(file, os.O_RDONLY | waiting), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise UnreadableFileError(path=path, reason="not a regular file")
            data = stream.read(limit_mb * 1_000_000 + 1)
            if len(data) > limit_mb * 1_000_000:
                size = max(os.fstat(stream.fileno()).st_size, len(data)) / 1e6
                raise FileTooLargeError(path=path, size_mb=max(round(size), limit_mb + 1), limit_mb=limit_mb)
    except FileNotFoundError:
        raise PathMissingError(path=path) from None
    except OSError as error:
        raise UnreadableFileError(path=path, reason=error.strerror or error) from error
    return data


def build(source: Source) -> Reading:
    """A file's documents. Raises DocumentError where nothing in it can be read."""
    sha256 = content_sha256(source.data, source.fields)
    documents: list[Document] = []
    failed: list[DocumentError] = []
    counts: Counter[str] = Counter()
    for path, part in read_parts(source):
        if isinstance(part, DocumentError):
            failed.append(part)
            continue
        for article in articles_of(part):
            document = _document(article, f"{path}#{counts[path]}", path, sha256, part)
            if document.text:
                documents.append(document)
                counts[path] += 1
    if not documents:
        raise failed[0] if failed else EmptyFileError(path=source.path)
    if any(isinstance(error, ScanError) for error in failed):  # to be read again once OCR is there
        sha256 = _without_ocr(sha256)
        documents = [replace(document, sha256=sha256) for document in documents]
    return Reading(tuple(documents), tuple(failed))


def content_sha256(data: bytes | io.BufferedReader, fields: Mapping[str, str]) -> str:
    """What `Document.sha256` holds: the same file read by other fields holds other documents."""
    sha256 = hashlib.sha256(data) if isinstance(data, bytes) else hashlib.file_digest(data, "sha256")
    for key in sorted(fields):
        sha256.update(f"\0{key}={fields[key]}".encode())
    return sha256.hexdigest()


def holds(data: bytes, sha256: str) -> bool:
    """Whether a document of this `sha256` was read from `data`, with or without OCR."""
    whole = content_sha256(data, {})
    return sha256 in (whole, _without_ocr(whole))


def _without_ocr(sha256: str) -> str:
    return hashlib.sha256(f"{sha256} without OCR".encode()).hexdigest()


def text_document(text: str, path: str, title: str = "", date: str | None = None) -> Document:
    """A text that is clean already (a paragraph of a Q&A set) as one document, its lines kept as they are.

    `date` is ISO, as in `Document.date`.
    """
    lines = [
        Paragraph((Line(line.strip(), number),), settled=True)
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]
    heading = Paragraph((Line(title, 1),), Kind.HEADING, level=1, settled=True) if title else None
    return _document(
        Article(heading, tuple(lines), date), f"{path}#0", path, hashlib.sha256(text.encode()).hexdigest(), Part(())
    )


def text_as_document(text: str, title: str, date: str | None, metadata: Mapping[str, str]) -> Document:
    """A text that no file holds, as one document that is called by its title, or its first words. `date` is ISO.

    Raises EmptyFileError.
    """
    title = tidy(title) or next((_first_words(tidy(line)) for line in text.split("\n") if tidy(line)), "")
    path = one_line(title).replace("/", "／")  # a slash would make a folder of it
    part = Part(tuple(loose_lines(text)), title=title, date=date, metadata=metadata, loose=True)
    (article,) = articles_of(part)
    sha256 = TEXT + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    document = _document(article, f"{path}#0", path, sha256, part)
    if not document.text:
        raise EmptyFileError(path=path or "text")
    return document


# --- layout ------------------------------------------------------------------------------------------------------


def _document(article: Article, key: str, path: str, sha256: str, part: Part) -> Document:
    """Paragraphs laid out one a line, the title first; offsets of sections and places kept on the way.

    A title that only the format names is no part of the text: it is never quoted.
    """
    pieces: list[str] = []
    marks: list[tuple[int, int]] = []
    headings: list[tuple[int, int, str]] = []  # offset, level, title
    offset = 0
    paragraphs = [*([article.title] if article.title else []), *article.body]
    for paragraph in paragraphs:
        text = paragraph.text
        marks.extend((offset + start, number) for start, number in paragraph.offsets())
        if paragraph is not article.title:
            if paragraph.kind is Kind.HEADING:
                headings.append((offset, max(2, paragraph.level), text))
            elif opening := _opening(text):
                headings.append((offset, _opening_level(text), opening))
        pieces.append(text)
        offset += len(text) + 1
    text = "\n".join(pieces)
    title = part.title or (article.title.text if article.title else _first_words(text))
    return Document(
        id=hashlib.sha256(key.encode()).hexdigest()[:16],
        path=path,
        title=title,
        date=article.date or _date_in_name(path),
        text=text,
        sections=_sections(headings, len(text)),
        places=tuple(_merged(marks)),
        sha256=sha256,
        unit=part.unit,
        metadata=part.metadata,
    )


_NUMBERED = regex.compile(r"^(?:[一二三四五六七八九十]{1,3}、|[（(][一二三四五六七八九十]{1,3}[)）])")


def _opening(text: str) -> str | None:
    """The heading that a numbered paragraph carries in its first clause: "(二)着力增强…功能。" -> that clause."""
    if not _NUMBERED.match(text):
        return None
    clause = regex.split(r"[，,。；;：:\n]", text, maxsplit=1)[0]
    return clause if display_width(clause) <= 40 else clause[:30]


def _opening_level(text: str) -> int:
    return 3 if text[0] in "（(" else 2


def _sections(headings: Sequence[tuple[int, int, str]], length: int) -> tuple[Section, ...]:
    """Each heading's section runs to the next heading of its level or an outer one."""
    ends = [length] * len(headings)
    open_: list[int] = []
    for i, (start, level, _) in enumerate(headings):
        while open_ and headings[open_[-1]][1] >= level:
            ends[open_.pop()] = start
        open_.append(i)
    return tuple(Section(start, end, level, title) for (start, level, title), end in zip(headings, ends, strict=True))


def _merged(marks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Marks that say nothing new (the same place goes on) left out."""
    merged: list[tuple[int, int]] = []
    for offset, number in marks:
        if not merged or merged[-1][1] != number:
            merged.append((offset, number))
    return merged


def _date_in_name(path: str) -> str | None:
    """ISO date of a file that is called by one: "2024-01-25 notes.txt", "报告_20240125.pdf"."""
    found = _NAME_DATE.search(path.rsplit("/", 1)[-1])
    return "-".join(found.group("y", "m", "d")) if found else None


def _first_words(text: str, width: int = 30) -> str:
    line = text.split("\n", 1)[0]
    return line if len(line) <= width else line[:width] + "…"
