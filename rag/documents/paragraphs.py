"""What passes between reading, cleaning and building: paragraphs that remember their source lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from rag.text import needs_space


class Kind(Enum):
    TEXT = "text"
    HEADING = "heading"
    ITEM = "item"


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    number: int  # 1-based, in the source file


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One or more source lines that read on."""

    lines: tuple[Line, ...]
    kind: Kind = Kind.TEXT
    level: int = 0  # of a heading; 1 is the outermost, 0 unknown
    gap: int = 0  # empty lines before it
    settled: bool = False  # the format itself says where it begins and ends

    @property
    def text(self) -> str:
        return "".join(separator + line.text for separator, line in self._separated())

    def offsets(self) -> list[tuple[int, int]]:
        """(offset in `text`, source line) for each of its lines."""
        marks, end = [], 0
        for separator, line in self._separated():
            marks.append((end + len(separator), line.number))
            end += len(separator) + len(line.text)
        return marks

    def _separated(self) -> Iterator[tuple[str, Line]]:
        previous = ""
        for line in self.lines:
            yield (" " if needs_space(previous, line.text) else ""), line
            previous = line.text
