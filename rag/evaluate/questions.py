"""The values of a Q&A set: a question with its gold, and the documents a set may bring along."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rag.types import Turn


@dataclass(frozen=True, slots=True)
class GoldSpan:
    """Where a gold answer stands: `document.text[start:start + len(text)] == text`, the document as the set has it."""

    document: str
    start: int
    text: str
    behind: int  # characters of the document after the answer


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its gold. `answers` holds groups of alternatives, of which an answer must meet every group; no
    group means that the documents do not say."""

    id: str
    question: str
    answers: tuple[tuple[str, ...], ...]
    documents: tuple[str, ...] = ()  # file names, one of which the right citation comes from; () where none is named
    spans: tuple[GoldSpan, ...] = ()
    kind: str = ""
    language: str = ""  # as the set has it; "" where it does not say
    history: tuple[Turn, ...] = ()
    split: str | None = None
    line: int = 1

    @property
    def answerable(self) -> bool:
        return bool(self.answers)


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A paragraph that a set brings along; a store built from it holds it as one document with `name` as its path."""

    name: str
    title: str
    text: str
    date: str | None = None  # ISO, as `Document.date`


@dataclass(frozen=True, slots=True)
class Bundle:
    """Questions that are asked of the same documents; `documents` is empty where the set brings none."""

    documents: tuple[SourceDocument, ...]
    questions: Iterable[Question]

    @property
    def key(self) -> str:
        """Hash of the documents' content: equal keys, equal stores."""
        digest = hashlib.sha256()
        for document in self.documents:
            for part in (document.name, document.title, document.text, document.date or ""):
                digest.update(f"{len(part)}:{part}".encode())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class QASet:
    """`read()` starts a new pass over the set; it raises QASetError at the line that breaks the format."""

    name: str
    path: Path
    read: Callable[[], Iterator[Bundle]]
    own_documents: bool

    def questions(self) -> Iterator[Question]:
        return chain.from_iterable(bundle.questions for bundle in self.read())
