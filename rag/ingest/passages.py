"""Documents -> passages and sentences with their vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.documents import passage_text, split_document
from rag.ingest.values import Progress
from rag.text import simplify, words
from rag.types import Document, Embedder, IndexedDocument, Passage, Sentence, Store, Vectors

SLICE = 64
"""Texts embedded between two reports of progress, and by a worker of a cluster at a time."""

_LOOKED_UP = 4096  # texts asked for at once in the store

Row = NDArray[np.float32] | NDArray[np.float16]
"""The vector of a passage, or of a sentence, [dim]; a sentence's is in half precision, as stores keep it."""


def index_document(document: Document, embedder: Embedder) -> IndexedDocument:
    """Split and embed one document. Traditional Chinese is embedded in its simplified form, as questions are."""
    (indexed,) = index_documents([document], embedder)
    return indexed


@dataclass(frozen=True, slots=True)
class Split:
    """A document, and the texts to be embedded for it."""

    document: Document
    passages: tuple[Passage, ...]
    sentences: tuple[Sentence, ...]
    of_passages: tuple[str, ...]
    of_sentences: tuple[str, ...]
    words: tuple[str, ...]  # of each passage, joined by blanks

    def indexed(self, vectors: Mapping[str, Row], dim: int) -> IndexedDocument:
        return IndexedDocument(
            document=self.document,
            passages=self.passages,
            sentences=self.sentences,
            vectors=_stacked(vectors, self.of_passages, dim),
            sentence_vectors=_stacked(vectors, self.of_sentences, dim),
            words=tuple(tuple(joined.split(" ")) if joined else () for joined in self.words),
            embedded=(*self.of_passages, *self.of_sentences),
        )


def index_documents(
    documents: Sequence[Document],
    embedder: Embedder,
    progress: Progress = lambda *_: None,
    store: Store | None = None,
) -> Sequence[IndexedDocument]:
    """Split and embed the documents of one file, see `index_document`.

    With a store, what is embedded there already is taken from it, and what is new put by there as it is computed.
    """
    split = []
    for done, document in enumerate(documents):
        progress("split", document.path, done, len(documents))
        split.append(split_texts(document, embedder))
    return Indexed(split, _vectors(split, embedder, progress, store), embedder.dim)


class Indexed(Sequence[IndexedDocument]):
    """Each is made when it is asked for: in a long file vectors are most of what there is, and are held once."""

    def __init__(self, split: Sequence[Split], vectors: Mapping[str, Row], dim: int) -> None:
        self._split, self._vectors, self._dim = split, vectors, dim

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, place: Any) -> Any:
        return self._split[place].indexed(self._vectors, self._dim)


def split_texts(document: Document, embedder: Embedder) -> Split:
    """Traditional Chinese in its simplified form."""
    passages, sentences = split_document(document, embedder.count_tokens, embedder.max_tokens)
    texts = [passage_text(document, passage) for passage in passages]
    return Split(
        document=document,
        passages=tuple(passages),
        sentences=tuple(sentences),
        of_passages=tuple(simplify(text) for text in texts),
        of_sentences=tuple(simplify(document.text[sentence.start : sentence.end]) for sentence in sentences),
        words=tuple(" ".join(words(text)) for text in texts),
    )


def _vectors(split: Sequence[Split], embedder: Embedder, progress: Progress, store: Store | None) -> dict[str, Row]:
    """text -> its vector; a text that stands twice is embedded once."""
    found, new = known_vectors(split, store)
    exact = _of_passages(split)
    for start in range(0, len(new), SLICE):
        part = new[start : start + SLICE]
        progress("embed", split[0].document.path, start, len(new))
        vectors = embedder.embed_passages(part)
        if store is not None and len(new) > SLICE:  # else the file is stored before long
            store.keep(part, vectors)
        found.update((text, _row(vector, text in exact)) for text, vector in zip(part, vectors, strict=True))
    progress("embed", split[0].document.path if split else "", len(new), len(new))
    return found


def known_vectors(split: Sequence[Split], store: Store | None) -> tuple[dict[str, Row], list[str]]:
    """What is embedded in the store already, text -> its vector [dim]; and the texts that are not, each once."""
    of_passages = _of_passages(split)
    of_sentences = dict.fromkeys(text for one in split for text in one.of_sentences if text not in of_passages)
    found: dict[str, Row] = {}
    for texts, exact in ((list(of_passages), True), (list(of_sentences), False)):
        for start in range(0, len(texts) if store is not None else 0, _LOOKED_UP):
            assert store is not None
            held = store.kept(texts[start : start + _LOOKED_UP], exact=exact)
            found.update((text, _row(vector, exact)) for text, vector in held.items())
    return found, [text for text in (*of_passages, *of_sentences) if text not in found]


def _of_passages(split: Sequence[Split]) -> dict[str, None]:
    """The texts of passages, each once, in order."""
    return dict.fromkeys(text for one in split for text in one.of_passages)


def _row(vector: Vectors, exact: bool) -> Row:
    return vector if exact else vector.astype(np.float16)


def _stacked(vectors: Mapping[str, Row], texts: Sequence[str], dim: int) -> Vectors:
    rows = [vectors[text] for text in texts]
    return np.stack(rows).astype(np.float32, copy=False) if rows else np.zeros((0, dim), dtype=np.float32)
