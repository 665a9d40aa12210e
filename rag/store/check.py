"""What must hold of every stored document. `add` refuses a document that breaks it; `verify` looks for it later."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from rag.store.rows import home_passages
from rag.types import Document, IndexedDocument, Passage, Sentence, Vectors

UNIT_TOLERANCE = 1e-3  # of a float32 vector's length; float16 ones, once scaled, meet it too

_BLANK = re.compile(r"[ \t\n\r\f]")


def check_indexed(path: str, documents: Sequence[IndexedDocument], dim: int) -> None:
    """Raises ValueError, naming the document, where `documents` cannot be stored as those of `path`."""
    read_from = set()
    for indexed in documents:  # once: each may be made as it is asked for
        for fault in _faults(path, indexed, dim):
            raise ValueError(f"{path}: document {indexed.document.id}: {fault}")
        read_from.add(indexed.document.sha256)
    if len(read_from) > 1:
        raise ValueError(f"{path}: its documents were read from files of different content")


def _faults(path: str, indexed: IndexedDocument, dim: int) -> Iterator[str]:
    if indexed.document.path != path and not indexed.document.path.startswith(f"{path}/"):
        yield f"its path is {indexed.document.path}"
    if len(indexed.words) != len(indexed.passages):
        yield f"{len(indexed.passages)} passages, but words for {len(indexed.words)}"
    if len(indexed.embedded) not in (0, len(indexed.passages) + len(indexed.sentences)):
        yield f"{len(indexed.embedded)} embedded texts are not one for each passage and sentence"
    if any(not word or _BLANK.search(word) for words in indexed.words for word in words):
        yield "an index word is empty or has white space in it"
    for name, vectors, count in (
        ("passage", indexed.vectors, len(indexed.passages)),
        ("sentence", indexed.sentence_vectors, len(indexed.sentences)),
    ):
        if vectors.shape != (count, dim):
            yield f"{name} vectors have the shape {vectors.shape}, not {(count, dim)}"
        else:
            yield from (f"the vector of {name} {i} {fault}" for i, fault in length_faults(vectors))
    yield from span_faults(indexed.document, indexed.passages, indexed.sentences)


def span_faults(document: Document, passages: Sequence[Passage], sentences: Sequence[Sentence]) -> Iterator[str]:
    """Passages numbered 0, 1, ... within the text; sentences within the text, each in exactly one passage."""
    if sorted(passage.ordinal for passage in passages) != list(range(len(passages))):
        yield "its passages are not numbered 0, 1, 2, ..."
    spans = [("passage", p.document_id, p.start, p.end) for p in passages]
    spans += [("sentence", s.document_id, s.start, s.end) for s in sentences]
    for name, document_id, start, end in spans:
        if document_id != document.id:
            yield f"{name} {start}-{end} names another document, {document_id}"
        if not 0 <= start < end <= len(document.text):
            yield f"{name} {start}-{end} lies outside its text of {len(document.text)} characters"
    homes = home_passages([(p.start, p.end) for p in passages], [(s.start, s.end) for s in sentences])
    for sentence, home in zip(sentences, homes, strict=True):
        if len(home) != 1:
            yield f"sentence {sentence.start}-{sentence.end} lies in {len(home)} passages"


def length_faults(vectors: Vectors) -> Iterator[tuple[int, str]]:
    """(row, what is wrong) for each row of `vectors` [n, dim] that is not of unit length."""
    lengths = np.linalg.norm(vectors, axis=1)
    for row in np.flatnonzero(~(np.abs(lengths - 1) <= UNIT_TOLERANCE)):  # so written, NaN counts as wrong
        yield int(row), f"has length {lengths[row]:.4f}, not 1"
