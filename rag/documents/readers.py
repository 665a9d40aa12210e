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
_BREAKS = regex.compile(r"[\f\v\u2028\u2029\u0085]")
_FRONT_MATTER = regex.compile(r"\A---\n(?:.*\n)*?(?:---|\.\.\.)\n")
_TAG = regex.compile(r"<[^<>]*>")


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


def tidy(text: str) -> str:
    """Without control and invisible characters, runs of any white space as one space."""
    return _SPACES.sub(" ", _CONTROL.sub("", text)).strip()


def read_paragraphs(path: Path, data: bytes) -> list[Paragraph]:
    """Raw paragraphs of a file, in order, one a source line (plain text) or block (Markdown)."""
    text = decode(data, path).replace("\r\n", "\n").replace("\r", "\n")
    return _READERS[path.suffix.lower()](text)


def _read_text(text: str) -> list[Paragraph]:
    paragraphs, gap = [], 0
    for number, line in enumerate(text.split("\n"), 1):
        pieces = [piece for part in _BREAKS.split(line) if (piece := tidy(part))]
        for piece in pieces:
            paragraphs.append(Paragraph((Line(piece, number),), gap=gap))
            gap = 0
        gap += not pieces
    return paragraphs


def _read_markdown(text: str) -> list[Paragraph]:
    text = _FRONT_MATTER.sub(lambda match: "\n" * match.group().count("\n"), text)  # line numbers stay
    paragraphs: list[Paragraph] = []
    kind, level = Kind.TEXT, 0
    row: tuple[int, list[str]] | None = None  # source line and cells of the table row being read
    for token in MarkdownIt("commonmark").enable("table").parse(_BREAKS.sub(" ", text)):
        if token.type == "heading_open":
            kind, level = Kind.HEADING, int(token.tag[1:])
        elif token.type == "list_item_open":
            kind = Kind.ITEM
        elif token.type in ("heading_close", "list_item_close"):
            kind, level = Kind.TEXT, 0
        elif token.type == "tr_open" and token.map:
            row = token.map[0] + 1, []
        elif token.type == "inline" and row is not None:
            row[1].append(tidy(_inline_text(token)))
        elif token.type == "tr_close" and row is not None:
            if any(row[1]):
                paragraphs.append(Paragraph((Line(" | ".join(row[1]), row[0]),), kind=Kind.ITEM, settled=True))
            row = None
        elif token.type == "inline" and token.map:
            lines = _numbered(_inline_text(token), token.map[0] + 1)
            if lines:
                paragraphs.append(Paragraph(tuple(lines), kind=kind, level=level, settled=True))
        elif token.type in ("fence", "code_block", "html_block") and token.map:
            content = _TAG.sub("", token.content) if token.type == "html_block" else token.content
            first = token.map[0] + 1 + (token.type == "fence")
            paragraphs.extend(Paragraph((line,), settled=True) for line in _numbered(content, first))
    return paragraphs


def _numbered(text: str, first: int) -> list[Line]:
    return [Line(tidied, number) for number, line in enumerate(text.split("\n"), first) if (tidied := tidy(line))]


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
