"""File -> raw paragraphs. One reader for each format, behind `read_paragraphs`; cleaning comes after.

A reader gives what the format itself knows (a Markdown heading is a heading); everything it does not know is left to
`clean`. Adding a format means adding a function to `_READERS`.
"""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.errors import (
    EmptyFileError,
    FileTooLargeError,
    FormatUnknownError,
    NotTextError,
    PathMissingError,
    UnreadableFileError,
)

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_CONTROL = regex.compile(r"[\p{Cc}--[\t\n]]|[\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad]", flags=regex.V1)
_SPACES = regex.compile(r"[\p{Zs}\t]+")


def suffixes() -> tuple[str, ...]:
    """File endings that can be read."""
    return tuple(_READERS)


def read_bytes(path: Path, limit_mb: int) -> bytes:
    """The bytes of a file that has a reader. Raises UsageError or DocumentError, naming the path."""
    if not path.exists():
        raise PathMissingError(path=path)
    if path.suffix.lower() not in _READERS:
        raise FormatUnknownError(path=path, known=" ".join(suffixes()))
    try:
        size_mb = path.stat().st_size / 1e6
        if size_mb > limit_mb:
            raise FileTooLargeError(path=path, size_mb=round(size_mb), limit_mb=limit_mb)
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(path=path, reason=error.strerror or error) from error


def decode(data: bytes, path: Path) -> str:
    """Text of UTF-8 (with or without BOM), UTF-16 or GB18030 bytes. Raises EmptyFileError, NotTextError."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _checked(data, encoding, path)
    if data.count(0) > len(data) // 8:  # UTF-16 without its mark: every other byte of ASCII is zero
        encoding = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
        return _checked(data, encoding, path)
    try:
        return _checked(data, "utf-8", path)
    except NotTextError:
        return _checked(data, "gb18030", path)


def _checked(data: bytes, encoding: str, path: Path) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise NotTextError(path=path) from None
    sample = text[:100_000]
    odd = sum(
        unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs") and character not in "\t\n\r\f\v"
        for character in sample
    )
    if odd > len(sample) // 100:
        raise NotTextError(path=path)
    if not text.strip():
        raise EmptyFileError(path=path)
    return text


def normalise(text: str) -> list[str]:
    """Lines without control and invisible characters, runs of any white space as one space; edges kept for indents."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").replace("\v", "\n")
    text = text.replace("\u2028", "\n").replace("\u2029", "\n").replace("\u0085", "\n")
    return [_SPACES.sub(" ", _CONTROL.sub("", line)).rstrip() for line in text.split("\n")]


def read_paragraphs(path: Path, data: bytes) -> list[Paragraph]:
    """Raw paragraphs of a file, in order, one a source line (plain text) or block (Markdown)."""
    return _READERS[path.suffix.lower()](decode(data, path))


def _read_text(text: str) -> list[Paragraph]:
    paragraphs, gap = [], 0
    for number, line in enumerate(normalise(text), 1):
        if line.strip():
            paragraphs.append(Paragraph((Line(line.strip(), number),), gap=gap))
            gap = 0
        else:
            gap += 1
    return paragraphs


def _read_markdown(text: str) -> list[Paragraph]:
    paragraphs: list[Paragraph] = []
    tokens = MarkdownIt("commonmark").enable("table").parse("\n".join(normalise(text)))
    kind, level = Kind.TEXT, 0
    for token in tokens:
        if token.type == "heading_open":
            kind, level = Kind.HEADING, int(token.tag[1:])
        elif token.type == "list_item_open":
            kind = Kind.ITEM
        elif token.type in ("heading_close", "list_item_close"):
            kind, level = Kind.TEXT, 0
        elif token.type in ("inline", "fence", "code_block") and token.map:
            lines = (
                _inline_text(token).split("\n") if token.type == "inline" else token.content.rstrip("\n").split("\n")
            )
            numbered = tuple(Line(line.strip(), token.map[0] + n) for n, line in enumerate(lines, 1) if line.strip())
            if numbered:
                paragraphs.append(Paragraph(numbered, kind=kind, level=level, settled=True))
    return paragraphs


def _inline_text(token: Token) -> str:
    """What a reader of the rendered page sees: no emphasis marks, link targets or HTML tags."""
    pieces = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            pieces.append("\n")
        elif child.type in ("text", "code_inline", "image"):
            pieces.append(child.content)
    return "".join(pieces)


_READERS: dict[str, Callable[[str], list[Paragraph]]] = {
    ".txt": _read_text,
    ".text": _read_text,
    ".md": _read_markdown,
    ".markdown": _read_markdown,
}
