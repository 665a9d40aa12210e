"""What the reader learns from, before it is tokens: a passage, and a question over it with the words that answer."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from rag.text import said_years, simplify
from rag.types import Document, Passage
from scripts.corpora import LANGUAGES, Paragraph


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage of a document: context line, text, its sentences, and where it begins."""

    context: str
    text: str
    sentences: tuple[tuple[int, int], ...]
    start: int


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question, the passage that answers and the words there; and passages that do not answer."""

    question: str
    piece: Piece
    answer: tuple[int, int] | None  # [start, end) in piece.text; None: not answered there
    others: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Crossed:
    """One question of XQuAD in twelve languages: `questions` has the wording, `answered` the passage in a language."""

    questions: dict[str, Lesson]
    answered: dict[str, Lesson]

    def draw(self, draw: random.Random, asked_in: str) -> Lesson:
        """The question as worded in `asked_in`, over a Chinese passage (half of the time), one in the same language,
        or one in any."""
        chance = draw.random()
        written_in = "zh" if chance < 0.5 else asked_in if chance < 0.75 else draw.choice(LANGUAGES)
        over = self.answered.get(written_in) or next(iter(self.answered.values()))
        return Lesson(self.questions[asked_in].question, over.piece, over.answer, over.others)


def piece_of(document: Document, passage: Passage, sentences: Sequence[tuple[int, int]]) -> Piece:
    inside = tuple((a - passage.start, b - passage.start) for a, b in sentences if passage.start <= a < passage.end)
    text = document.text[passage.start : passage.end]
    said = said_years(simplify(text), document.date[:4]) if document.date else ""
    return Piece(f"{passage.context} {said}".strip(), text, inside, passage.start)


def place_of(document: Document, paragraph: Paragraph, answer: str, start: int) -> tuple[int, int] | None:
    """[start, end) of an answer in the document made of its paragraph, whose white space may differ."""
    lead = paragraph.text.strip()[:20].split("\n")[0]
    shift = document.text.find(lead) - (len(paragraph.text) - len(paragraph.text.lstrip()))
    found = [match.start() for match in regex.finditer(regex.escape(answer), document.text)]
    if not found:
        return None
    best = min(found, key=lambda place: abs(place - start - shift))
    return best, best + len(answer)


def around(pieces: Sequence[Piece], place: tuple[int, int]) -> tuple[Piece, tuple[int, int]] | None:
    for piece in pieces:
        if piece.start <= place[0] and place[1] <= piece.start + len(piece.text):
            return piece, (place[0] - piece.start, place[1] - piece.start)
    return None
