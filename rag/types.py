"""The values that cross rooms, and the Protocols that rooms are swapped by. Frozen; nothing else passes between rooms.

Every offset counts Unicode code points in `Document.text`, the canonical text: `document.text[start:end]` is the
passage, the sentence, the quote. One word per idea: document, passage, sentence, hit, citation, answer.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""float32 [n, dim], each row of unit length."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the text under it: `text[start:end]` holds both; the heading line itself is `title`."""

    start: int
    end: int
    level: int  # 1 is the outermost
    title: str


UNITS = {
    "L": "line of the text",
    "p": "page",
    "slide": "slide",
    "R": "row of a table, or record of a list",
    "ch": "chapter of a book, in reading order",
    "¶": "paragraph or table row of a text without pages",
}
"""How a locator begins, and what the number behind it counts: "L12", "p3-p4", "slide4", "Sales!R7", "ch2", "¶31".
The same in every language, and the last "!" parts a sheet's name from its row."""


@dataclass(frozen=True, slots=True)
class Document:
    """One article, report or page: a file holds one or several."""

    id: str  # from the path and the article's place in the file; stable from run to run
    path: str  # as cited: relative to the folder that holds the store where possible, with forward slashes
    title: str
    date: str | None  # ISO: 2024-01-25, 2024-01 or 2024
    text: str  # canonical
    sections: tuple[Section, ...]
    places: tuple[tuple[int, int], ...]  # (offset, number): from this offset on, it comes from this place, 1-based
    sha256: str  # of the file's bytes
    unit: str = "L"  # what `places` number, as a locator begins: see UNITS; for a sheet "Sales!R"


@dataclass(frozen=True, slots=True)
class Passage:
    """Whole sentences of one document that are retrieved together."""

    id: str
    document_id: str
    ordinal: int  # 0-based place among the document's passages
    start: int
    end: int
    context: str  # short line about the document (title, date, period, headings); embedded and indexed, never quoted


@dataclass(frozen=True, slots=True)
class Sentence:
    document_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class IndexedDocument:
    """What a store takes in for one document.

    `vectors[i]` belongs to `passages[i]`, `sentence_vectors[i]` to `sentences[i]`, `words[i]` holds the index words of
    `passages[i]` with its context (see `rag.text.index_words`). Each sentence lies within exactly one passage.
    """

    document: Document
    passages: tuple[Passage, ...]
    sentences: tuple[Sentence, ...]
    vectors: Vectors
    sentence_vectors: Vectors
    words: tuple[tuple[str, ...], ...]
    embedded: tuple[str | bytes, ...] = ()
    """The texts that the vectors are of, or their digests as of a stored document: passages before sentences; () where
    not known."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage; higher score is better, always. Ranks are 1-based, None where that search did not find it.

    The last four are what the score was made of: the cosine of question and passage, the best cosine of question and
    one of its sentences, the share (0..1, by information) of the question's words that stand in it, and the share of
    the years that the question names and it does not.
    """

    passage: Passage
    score: float
    dense_rank: int | None
    lexical_rank: int | None
    cosine: float = 0.0
    sentence_cosine: float = 0.0
    word_share: float = 0.0
    years_missing: float = 0.0


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a quote stands: `document.text[start:end] == quote`."""

    number: int  # 1-based, in the order of the answer's sentences
    document_id: str
    path: str
    title: str
    date: str | None
    locator: str  # where in the file: "L12", "L12-L14", "p3", "Sales!R7"; see UNITS
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    text: str
    citation: int  # Citation.number
    highlights: tuple[tuple[int, int], ...] = ()  # [start, end) within `text`


@dataclass(frozen=True, slots=True)
class NearSentence:
    """A sentence that comes near an answer and is not sure enough to be one; `text` is its citation's quote."""

    text: str
    highlights: tuple[tuple[int, int], ...]  # [start, end) within `text`
    citation: Citation
    confidence: float  # calibrated probability that this sentence answers


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """Which index answered: enough to tell two runs apart."""

    generation: int
    documents: int
    passages: int
    embedder: str


Mode = Literal["fast", "accurate"]
Status = Literal["answered", "abstained"]
Reason = Literal["no_passage", "no_answer", "other_period", "other_entity", "not_covered", "too_unsure"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the library returns, the command line prints with --json, the HTTP API sends and the evaluation scores."""

    question: str
    standalone_question: str
    status: Status
    reason: Reason | None  # why it abstained; None when answered
    confidence: float  # calibrated probability that the answer is right
    text: str  # the sentences, joined; "" when abstained
    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    nearest: tuple[NearSentence, ...]  # when abstained: up to three, best first, no two of the same words
    index: IndexInfo
    timings_ms: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """As the command line prints it and the HTTP API sends it; one line, not escaped to ASCII."""
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A question made ready for search: its vector, its words, and what its content words weigh."""

    text: str
    vector: Vectors  # [dim]
    across: Vectors  # [dim]: the vector that Chinese text is compared with; the same where the question is Chinese
    terms: tuple[str, ...]  # for the word index
    words: dict[str, float]  # content words in matching form, each with its share of the question's information


@dataclass(frozen=True, slots=True)
class Turn:
    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What vectors and offsets depend on; a store of another fingerprint is refused."""

    embedder: str
    dim: int
    splitter: str


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A stored document without its text."""

    id: str
    path: str
    title: str
    date: str | None
    characters: int
    passages: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SentenceReading:
    """What the reader makes of one sentence, as log-odds against the passage not answering at all."""

    relevance: float  # that this sentence answers
    span_score: float  # of the words in it that answer best
    span: tuple[int, int]  # those words: [start, end) in the passage's text
    no_answer: float = 0.0  # the raw score that the passage does not answer, which `span_score` is measured against


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
        """Vectors of questions that are not Chinese -> those that Chinese text is compared with: float32 [n, dim]."""


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

    def search_dense(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """(passage id, cosine), best first, ties by passage id; `vector` is [dim] and of unit length."""

    def search_words(self, words: Sequence[str], k: int) -> list[tuple[str, float]]:
        """(passage id, BM25), best first, ties by passage id; only passages that hold at least one word."""

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


class Assistant(Protocol):
    """The main entry, as the command line, the server and the evaluation use it."""

    def ask(self, question: str, history: Sequence[Turn] = (), mode: Mode | None = None) -> Answer: ...

    def search(self, question: str, k: int) -> list[Hit]: ...
