"""The values that cross rooms: frozen, and nothing else passes between rooms.

Every offset counts Unicode code points in `Document.text`, the canonical text: `document.text[start:end]` is the
passage, the sentence, the quote. One word per idea: document, passage, sentence, hit, citation, answer.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag.errors import RagError

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
    sha256: str  # of the file's bytes; another where pages were left out for want of OCR
    unit: str = "L"  # what `places` number, as a locator begins: see UNITS; for a sheet "Sales!R"
    metadata: Mapping[str, str] = field(default_factory=dict)  # to filter by; never quoted, never searched


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
class AlsoIn:
    """Another document that holds a cited sentence, in the same or nearly the same characters and with the same
    figures; in its own words at that place: `document.text[start:end] == quote`."""

    document_id: str
    path: str
    title: str
    date: str | None
    locator: str
    start: int
    end: int
    quote: str


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
    also_in: tuple[AlsoIn, ...] = ()  # of a sentence: by path, each document once; of a whole passage none


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
Reason = Literal["no_passage", "no_match", "no_answer", "other_period", "other_entity", "not_covered", "too_unsure"]
"""`no_match`: no document of the store meets the filter. See `rag.console.REASONS`."""


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
    said_as: Mapping[str, Sequence[str | re.Pattern[str]]] = field(default_factory=dict)  # English ones: in Chinese


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
    metadata: Mapping[str, str] = field(default_factory=dict)


Ending = Literal["done", "broken", "interrupted", "killed"]
"""How a run ended: at its end, by an error, by the user, or in the middle, without being able to say so."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that a run could not take in, and why, in one line of each language."""

    path: str  # "" where it ended the run
    kind: str  # name of the error's class
    en: str
    zh: str

    @classmethod
    def of(cls, path: str, error: RagError) -> "Failure":
        return cls(path, type(error).__name__, error.message("en"), error.message("zh"))

    def message(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Run:
    """What a store remembers of one ingest. Only the last run can have no ending: it is at work, or was killed."""

    number: int
    began: str  # ISO, UTC
    asked: tuple[str, ...]  # files and folders, as they were given
    ending: Ending | None
    seconds: float | None
    counts: Mapping[str, int]  # of files: added, updated, unchanged, removed, failed, passed
    passages: int
    failed: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class SentenceReading:
    """What the reader makes of one sentence, as log-odds against the passage not answering at all."""

    relevance: float  # that this sentence answers
    span_score: float  # of the words in it that answer best
    span: tuple[int, int]  # those words: [start, end) in the passage's text
    no_answer: float = 0.0  # the raw score that the passage does not answer, which `span_score` is measured against
