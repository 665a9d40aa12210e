"""Documents -> passages and sentences with their vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag.documents import passage_text, split_document
from rag.ingest.values import Progress
from rag.text import simplify, words
from rag.types import Document, Embedder, IndexedDocument, Passage, Sentence, Store, Vectors

SLICE = 64
"""Texts embedded between two reports of progress, and by a worker of a cluster at a time."""


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
    words: tuple[tuple[str, ...], ...]

    def indexed(self, vectors: Mapping[str, Vectors], dim: int) -> IndexedDocument:
        return IndexedDocument(
            document=self.document,
            passages=self.passages,
            sentences=self.sentences,
            vectors=_stacked(vectors, self.of_passages, dim),
            sentence_vectors=_stacked(vectors, self.of_sentences, dim),
            words=self.words,
            embedded=(*self.of_passages, *self.of_sentences),
        )


def index_documents(
    documents: Sequence[Document],
    embedder: Embedder,
    progress: Progress = lambda *_: None,
    store: Store | None = None,
) -> list[IndexedDocument]:
    """Split and embed the documents of one file, see `index_document`.

    With a store, what is embedded there already is taken from it, and what is new put by there as it is computed.
    """
    split = []
    for done, document in enumerate(documents):
        progress("split", document.path, done, len(documents))
        split.append(split_texts(document, embedder))
    vectors = _vectors(split, embedder, progress, store)
    return [one.indexed(vectors, embedder.dim) for one in split]


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
        words=tuple(tuple(words(text)) for text in texts),
    )


def _vectors(split: Sequence[Split], embedder: Embedder, progress: Progress, store: Store | None) -> dict[str, Vectors]:
    """text -> its vector [dim]; a text that stands twice is embedded once."""
    found, new = known_vectors(split, store)
    for start in range(0, len(new), SLICE):
        part = new[start : start + SLICE]
        progress("embed", split[0].document.path, start, len(new))
        vectors = embedder.embed_passages(part)
        if store is not None and len(new) > SLICE:  # else the file is stored before long
            store.keep(part, vectors)
        found.update(zip(part, vectors, strict=True))
    progress("embed", split[0].document.path if split else "", len(new), len(new))
    return found


def known_vectors(split: Sequence[Split], store: Store | None) -> tuple[dict[str, Vectors], list[str]]:
    """What is embedded in the store already, text -> its vector [dim]; and the texts that are not, each once."""
    of_passages = dict.fromkeys(text for one in split for text in one.of_passages)
    of_sentences = dict.fromkeys(text for one in split for text in one.of_sentences if text not in of_passages)
    found: dict[str, Vectors] = {}
    if store is not None:
        found = store.kept(list(of_passages), exact=True) | store.kept(list(of_sentences), exact=False)
    return found, [text for text in (*of_passages, *of_sentences) if text not in found]


def _stacked(vectors: Mapping[str, Vectors], texts: Sequence[str], dim: int) -> Vectors:
    rows = [vectors[text] for text in texts]
    return np.stack(rows) if rows else np.zeros((0, dim), dtype=np.float32)
