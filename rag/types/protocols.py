"""The Protocols that rooms are swapped by."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from rag.types.filters import Filter
from rag.types.values import (
    Answer,
    Document,
    DocumentSummary,
    Ending,
    Failure,
    Fingerprint,
    Hit,
    IndexedDocument,
    Mode,
    Passage,
    Run,
    Sentence,
    SentenceReading,
    Turn,
    Vectors,
)


class Embedder(Protocol):
    """Text to unit-length vectors. Raises ModelError where the model is not to be had."""

    @property
    def name(self) -> str:
        """Model and version; part of the store's fingerprint."""

    @property
    def dim(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """The most tokens a passage may have, prefix and special tokens included."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens each text takes as a passage, prefix and special tokens included; never cut."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), dim]."""

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), dim]."""

    def across(self, questions: Vectors) -> Vectors:
        """Vectors of questions that are not Chinese -> those that Chinese text is compared with: float32 [n, dim].

        Not of length 1 where that makes their products with Chinese text as high as those with other text.
        """


class Reader(Protocol):
    """Reads a question and a passage together. Raises ModelError where the model is not to be had."""

    @property
    def name(self) -> str:
        """Model and version."""

    def read(
        self, question: str, context: str, text: str, sentences: Sequence[tuple[int, int]]
    ) -> tuple[SentenceReading, ...]:
        """One reading for each of `sentences`, which are [start, end) in the passage's `text`."""


class Store(Protocol):
    """Documents, passages, sentences and vectors, searched by meaning and by words. Raises StoreError.

    One writer, many readers. A reader answers from one consistent generation.
    """

    @property
    def fingerprint(self) -> Fingerprint: ...

    @property
    def identity(self) -> str:
        """Tells this store from every other, also from one made anew in its place."""

    @property
    def generation(self) -> int:
        """Grows by one with every committed change."""

    def add(self, path: str, documents: Sequence[IndexedDocument]) -> None:
        """Replace all that `path` held by `documents`, in one transaction. All documents have this path, or that of a
        file within it: path/inner."""

    def remove(self, path: str) -> int:
        """Remove all documents of `path`, and of the files within it, in one transaction; returns how many there
        were."""

    def keep(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Put by what was embedded, until a document that uses it is added: an ingest that is killed goes on from
        here."""

    def kept(self, texts: Sequence[str], *, exact: bool) -> dict[str, Vectors]:
        """text -> its vector float32 [dim], for those of `texts` that were put by or that a stored document uses.

        `exact`: as good as embedded anew, for a passage; else as good as a stored sentence's."""

    def forget(self) -> None:
        """Drop what was put by and no document came to use. Called once, after an ingest that came to its end."""

    def begin_run(self, asked: Sequence[str]) -> int:
        """Note that an ingest of these paths begins; its number, 1 or greater. Changes no generation."""

    def end_run(
        self, number: int, ending: Ending, counts: Mapping[str, int], passages: int, failed: Sequence[Failure]
    ) -> None:
        """Note how it ended."""

    def runs(self) -> list[Run]:
        """The newest first, of the last thousand."""

    def refresh(self) -> None:
        """Bring the derived indexes up to the committed generation. Called once after a series of add/remove."""

    def sources(self) -> dict[str, str]:
        """path -> sha256 of the file it was read from; a file within a file stands by its own path."""

    def documents(self) -> list[DocumentSummary]:
        """All documents, ordered by path and place in the file."""

    def document(self, document_id: str) -> Document | None: ...

    def stored(self, path: str) -> list[IndexedDocument]:
        """What was added as documents of exactly `path`, in the file's order, so that adding it to another store makes
        the same there: sentences by their offsets, their vectors as they are kept, embedded texts by their digests."""

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        """In the order asked for; unknown ids are left out."""

    def sentences(self, passage_ids: Sequence[str]) -> list[tuple[list[Sentence], Vectors]]:
        """For each passage its sentences in document order, with their vectors [n, dim]; empty for unknown ids."""

    def passage_vectors(self, passage_ids: Sequence[str]) -> Vectors:
        """float32 [len(passage_ids), dim], in the order asked for. Raises KeyError for an unknown id."""

    def alike(self, text: str) -> list[Sentence]:
        """The stored sentences that may say the same as `text`: all of the same letters, most of those that differ in
        few, and hardly any others. Ordered by path, place in the file, and start."""

    def copies(self) -> dict[tuple[str, str], int]:
        """Pairs of documents that hold sentences of the same or nearly the same letters -> how many; the lesser id
        first. A sentence that stands in many documents joins each to the next only."""

    def search_dense(self, vector: Vectors, k: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        """(passage id, cosine), best first, ties by passage id; `vector` is [dim] and of unit length.

        `filters`: the `k` best of the passages of documents that meet it; fewer only where those are fewer."""

    def search_words(self, words: Sequence[str], k: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        """(passage id, BM25), best first, ties by passage id; only passages that hold at least one word.

        `filters` as above. What a word weighs is what it weighs in the whole store: a score is the same with and
        without."""

    def word_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """In how many passages each word stands; 0 for an unknown word."""

    def passage_count(self) -> int: ...

    def document_count(self) -> int: ...

    def pinned(self) -> AbstractContextManager[None]:
        """While entered, a reader answers every call, from any thread, from one generation; so that what a search finds
        is still there when its passages are fetched."""

    def verify(self) -> Iterator[str]:
        """One line for each thing that is wrong; nothing when all is well."""

    def close(self) -> None: ...


class Asks(Protocol):
    """Who answers questions, as the command line and the evaluation use it."""

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        mode: Mode | None = None,
        filters: Filter | None = None,
    ) -> Answer: ...

    def search(self, question: str, k: int, filters: Filter | None = None) -> list[Hit]: ...
