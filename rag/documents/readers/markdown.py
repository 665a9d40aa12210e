"""Markdown: a paragraph a block, with what the marks say of it and without the marks."""

from collections.abc import Iterator

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.part import Part, Source, numbered, tidy
from rag.documents.readers.text import BREAKS, text_of

_FRONT_MATTER = regex.compile(r"\A---\n(?:.*\n)*?(?:---|\.\.\.)\n")
_TAG = regex.compile(r"<[^<>]*>")


def read(source: Source) -> Iterator[Part]:
    yield Part(tuple(_blocks(text_of(source))), loose=True)


def _blocks(text: str) -> list[Paragraph]:
    text = _FRONT_MATTER.sub(lambda match: "\n" * match.group().count("\n"), text)  # line numbers stay
    paragraphs: list[Paragraph] = []
    kind, level = Kind.TEXT, 0
    row: tuple[int, list[str]] | None = None  # source line and cells of the table row being read
    for token in MarkdownIt("commonmark").enable("table").parse(BREAKS.sub(" ", text)):
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
            lines = numbered(_inline_text(token), token.map[0] + 1)
            if lines:
                paragraphs.append(Paragraph(tuple(lines), kind=kind, level=level, settled=True))
        elif token.type in ("fence", "code_block", "html_block") and token.map:
            content = _TAG.sub("", token.content) if token.type == "html_block" else token.content
            first = token.map[0] + 1 + (token.type == "fence")
            paragraphs.extend(Paragraph((line,), settled=True) for line in numbered(content, first))
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
