"""Plain text: a paragraph a line, as `rag.documents.clean` joins them."""

from collections.abc import Iterator

import regex

from rag.documents.paragraphs import Line, Paragraph
from rag.documents.readers.encoding import decode
from rag.documents.readers.part import Part, Source, tidy

BREAKS = regex.compile(r"[\f\v\u2028\u2029\u0085]")
"""What ends a line in some programs and counts as none in most."""


def read(source: Source) -> Iterator[Part]:
    yield Part(tuple(loose_lines(text_of(source))), loose=True)


def text_of(source: Source) -> str:
    """Its text with plain line ends. Raises EmptyFileError, NotTextError."""
    return decode(source.data, source.path).replace("\r\n", "\n").replace("\r", "\n")


def loose_lines(text: str) -> Iterator[Paragraph]:
    """One paragraph for each line that holds something."""
    gap = 0
    for number, line in enumerate(text.split("\n"), 1):
        pieces = [piece for part in BREAKS.split(line) if (piece := tidy(part))]
        for piece in pieces:
            yield Paragraph((Line(piece, number),), gap=gap)
            gap = 0
        gap += not pieces
