"""Markdown: a paragraph a block, with what the marks say of it and without the marks; rows of a table as sentences."""

from collections.abc import Iterator

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.documents.paragraphs import Kind, Paragraph
from rag.documents.readers.part import Part, Source, numbered
from rag.documents.readers.tables import Row, rows_as_sentences
from rag.documents.readers.text import BREAKS, text_of

_FRONT_MATTER = regex.compile(r"\A---[ \t]*\n((?:.*\n)*?)(?:---|\.\.\.)[ \t]*\n")
_KEY = regex.compile(r"[^\s#-](?:[^:]|:(?=\S))*:(?:\s.*)?")  # "key: value"
_FIELD = regex.compile(rf"{_KEY.pattern}|[ \t].*|-(?:\s.*)?")
_TAG = regex.compile(r"<[^<>]*>")
_BREAK = regex.compile(r"<br\s*/?>", flags=regex.IGNORECASE)
_PIPED = regex.compile(r"\|(.*[^\\])\|")
_PIPE = regex.compile(r"(?<!\\)\|")
_RULE = regex.compile(r"[\s|:-]+")


def read(source: Source) -> Iterator[Part]:
    yield Part(tuple(_blocks(text_of(source))), loose=True)


def _are_fields(lines: list[str]) -> bool:
    said = [line for line in lines if line.strip() and not line.startswith("#")]
    return bool(said and _KEY.fullmatch(said[0])) and all(map(_FIELD.fullmatch, said))


def _blocks(text: str) -> list[Paragraph]:
    front = _FRONT_MATTER.match(text)
    if front and _are_fields(front[1].split("\n")):  # else a rule opens the text
        text = "\n" * front[0].count("\n") + text[front.end() :]  # line numbers stay
    paragraphs: list[Paragraph] = []
    kind, level = Kind.TEXT, 0
    rows: list[tuple[int, list[str]]] | None = None  # of the table being read: source line and cells
    markdown = MarkdownIt("commonmark").enable("table")
    for token in markdown.parse(BREAKS.sub(" ", text)):
        if token.type == "heading_open":
            kind, level = Kind.HEADING, int(token.tag[1:])
        elif token.type == "list_item_open":
            kind = Kind.ITEM
        elif token.type in ("heading_close", "list_item_close"):
            kind, level = Kind.TEXT, 0
        elif token.type == "table_open":
            rows = []
        elif token.type == "tr_open" and rows is not None and token.map:
            rows.append((token.map[0] + 1, []))
        elif token.type == "table_close" and rows is not None:
            paragraphs.extend(rows_as_sentences(rows))
            rows = None
        elif token.type == "inline" and rows:
            rows[-1][1].append(_inline_text(token))
        elif token.type == "inline" and token.map and (piped := _piped_rows(token, markdown)):
            paragraphs.extend(rows_as_sentences(piped))
        elif token.type == "inline" and token.map:
            lines = numbered(_inline_text(token), token.map[0] + 1)
            if lines:
                paragraphs.append(Paragraph(tuple(lines), kind=kind, level=level, settled=True))
        elif token.type in ("fence", "code_block", "html_block") and token.map:
            content = _TAG.sub("", token.content) if token.type == "html_block" else token.content
            first = token.map[0] + 1 + (token.type == "fence")
            paragraphs.extend(Paragraph((line,), settled=True) for line in numbered(content, first))
    return paragraphs


def _piped_rows(token: Token, markdown: MarkdownIt) -> list[Row]:
    """The rows of a paragraph that is a table without a head, which Markdown does not know: on each line the same
    number of cells between pipes. Empty for any other paragraph."""
    assert token.map
    lines = [line.strip() for line in token.content.split("\n")]
    inner = [piped[1] for line in lines if (piped := _PIPED.fullmatch(line))]
    cells = [_PIPE.split(one) for one in inner]
    if len(inner) < len(lines) or len(cells) < 2 or len(cells[0]) < 2 or len({len(row) for row in cells}) > 1:
        return []
    return [
        (number, [_inline_text(one) for cell in row for one in markdown.parseInline(cell.strip())])
        for number, (line, row) in enumerate(zip(lines, cells, strict=True), token.map[0] + 1)
        if not _RULE.fullmatch(line)
    ]


def _inline_text(token: Token) -> str:
    """What a reader of the rendered page sees: no emphasis marks, link targets or HTML tags."""
    pieces = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            pieces.append("\n")
        elif child.type in ("text", "code_inline", "image"):
            pieces.append(child.content)
        elif child.type == "html_inline" and _BREAK.fullmatch(child.content):  # the only one that a cell can hold
            pieces.append(" ")
    return "".join(pieces)
