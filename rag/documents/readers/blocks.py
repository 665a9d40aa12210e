"""A tree of HTML -> its blocks: headings, paragraphs, list items and rows of tables, with their lines in the source."""

from collections.abc import Iterator
from typing import Any

import regex

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.part import numbered, tidy
from rag.documents.readers.tables import rows_as_sentences

_UNSEEN = frozenset({"script", "style", "noscript", "template", "head", "svg", "iframe", "object", "select", "button"})
_INLINE = regex.compile(
    r"a|abbr|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|img|input|ins|kbd|label|mark|q|rp|rt|ruby|s|samp|small|span"
    r"|strike|strong|sub|sup|time|tt|u|var|wbr|"
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def blocks(root: Any) -> Iterator[Paragraph]:
    """Paragraphs in the order of the source. Numbered by source line, 1 where the parser did not keep it."""
    text: list[str] = []
    here: tuple[Kind, int, int] = (Kind.TEXT, 0, root.sourceline or 1)

    def flushed() -> Iterator[Paragraph]:
        kind, level, line = here
        lines = [Line(one.text, line) for one in numbered("".join(text), 0)]
        text.clear()
        if lines:
            yield Paragraph(tuple(lines), kind, level, settled=True)

    waiting: list[tuple[Any, bool]] = [(root, False)]  # (element, whether its end is meant)
    while waiting:
        element, ended = waiting.pop()
        tag = _tag(element)
        inline = _INLINE.fullmatch(tag) is not None
        if ended:
            if not inline:
                yield from flushed()
                here = (Kind.TEXT, 0, element.sourceline or here[2])
            text.append(_blank(element.tail if element is not root else None))
            continue
        if tag in _UNSEEN or not tag:  # "": a comment
            text.append(_blank(element.tail))
            continue
        if tag == "br":
            text.append("\n" + _blank(element.tail))
            continue
        if not inline:
            yield from flushed()
            kind = Kind.HEADING if tag in _HEADINGS else Kind.ITEM if tag in ("li", "dd", "dt") else Kind.TEXT
            inherited = here[0] if kind is Kind.TEXT and tag == "p" and here[0] is Kind.ITEM else kind
            here = (inherited, _HEADINGS.get(tag, 0), element.sourceline or here[2])
        if tag == "table" and _holds_data(element):
            yield from _table(element)
            text.append(_blank(element.tail if element is not root else None))
            continue
        waiting.append((element, True))
        waiting.extend((child, False) for child in reversed(element))
        text.append((element.text or "") if tag == "pre" else _blank(element.text))
    yield from flushed()


def _tag(element: Any) -> str:
    return element.tag.rsplit("}", 1)[-1].lower() if isinstance(element.tag, str) else ""


def _blank(text: str | None) -> str:
    """Line ends of the source are blanks to a browser."""
    return (text or "").replace("\n", " ").replace("\r", " ")


def _holds_data(table: Any) -> bool:
    """Whether a table is one, and not a layout: rows of several cells, no table or heading inside."""
    tags = [_tag(element) for element in table.iter() if element is not table]
    rows = tags.count("tr")
    return not {"table", *_HEADINGS} & set(tags) and rows > 0 and tags.count("td") + tags.count("th") >= 2 * rows


def _table(table: Any) -> Iterator[Paragraph]:
    """Numbered by row while they are put into words, then by the lines that the rows stand in."""
    rows = [element for element in table.iter() if _tag(element) == "tr"]
    lines = {n: row.sourceline or table.sourceline or 1 for n, row in enumerate(rows)}
    cells = [(n, [_cell(cell) for cell in row if _tag(cell) in ("td", "th")]) for n, row in enumerate(rows)]
    caption = next((tidy(_cell(one)) for one in table.iter() if _tag(one) == "caption"), "")
    if caption:
        yield Paragraph((Line(caption, table.sourceline or 1),), settled=True)
    for paragraph in rows_as_sentences(cells):
        line = paragraph.lines[0]
        yield Paragraph((Line(line.text, lines[line.number]),), paragraph.kind, settled=True)


def _cell(element: Any) -> str:
    return " ".join(" ".join(element.itertext()).split())
