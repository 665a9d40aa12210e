"""A tree of HTML -> its blocks: headings, paragraphs, list items and rows of tables, with their lines in the source."""

from collections.abc import Iterator
from typing import Any

import regex

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.part import breaks_off, numbered, raised, tidy
from rag.documents.readers.tables import rows_as_sentences

_UNSEEN = frozenset({"script", "style", "noscript", "template", "head", "svg", "iframe", "object", "select", "button"})
_INLINE = regex.compile(
    r"a|abbr|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|img|input|ins|kbd|label|mark|q|rp|rt|ruby|s|samp|small|span"
    r"|strike|strong|sub|sup|time|tt|u|var|wbr|"
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BREAK = "\r"  # what <br> becomes: none is left in the text, and the lines of <pre> end otherwise
_BREAKS = regex.compile(r"\r(?:[^\S\r]*\r)+")
_WIDEST = 1_000  # columns or rows that one cell may span
_SHORT = 40  # characters of a cell that names the rows beside it
_NAME = regex.compile(r"(?:(?:19|20)\d\d)?(?:\D.*)?", regex.S)  # what names a column, and no figure in it


def blocks(root: Any) -> Iterator[Paragraph]:
    """Paragraphs in the order of the source. Numbered by source line, 1 where the parser did not keep it.

    Powers in the tree are put in the characters for them, so that 10<sup>6</sup> is not read as 106.
    """
    for one in list(root.iter("{*}sup")):
        _raise(one)
    yield from _blocks(root)


def _raise(sup: Any) -> None:
    figures = "".join(sup.itertext()).strip()
    if raised(figures) == figures or not _before(sup)[-1:].isalnum():
        return
    for child in list(sup):
        sup.remove(child)
    sup.text = raised(figures)


def _before(element: Any) -> str:
    """The text that it follows."""
    previous = element.getprevious()
    if previous is None:
        return element.getparent().text or "" if element.getparent() is not None else ""
    return previous.tail or "".join(previous.itertext())


def _blocks(root: Any) -> Iterator[Paragraph]:
    text: list[str] = []
    here: tuple[Kind, int, int] = (Kind.TEXT, 0, root.sourceline or 1)

    def flushed() -> Iterator[Paragraph]:
        kind, level, line = here
        said = "".join(text)
        text.clear()
        for lines in _apart(said if kind is not Kind.HEADING else said.replace(_BREAK, "\n")):
            yield Paragraph(tuple(Line(one, line) for one in lines), kind, level, settled=True)

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
            text.append(_BREAK + _blank(element.tail))
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


def _apart(text: str) -> Iterator[list[str]]:
    """The lines of each paragraph: breaks part paragraphs where they are two in a row, or the lines do not read on."""
    for piece in _BREAKS.split(text):
        lines: list[str] = []
        for part in piece.split(_BREAK):
            new = [line.text for line in numbered(part, 0)]
            if lines and new and breaks_off(lines[-1], new[0]):
                yield lines
                lines = []
            lines.extend(new)
        if lines:
            yield lines


def _tag(element: Any) -> str:
    return element.tag.rsplit("}", 1)[-1].lower() if isinstance(element.tag, str) else ""


def _blank(text: str | None) -> str:
    """Line ends of the source are blanks to a browser."""
    return (text or "").replace("\n", " ").replace("\r", " ")


def _holds_data(table: Any) -> bool:
    """Whether a table is one, and not a layout: rows of several cells, no table or heading inside.

    A short cell that reaches down, as a name does, is one of each of its rows.
    """
    tags = [_tag(element) for element in table.iter() if element is not table]
    rows = tags.count("tr")
    if {"table", *_HEADINGS} & set(tags) or not rows:
        return False
    tall = [one for one in table.iter() if _tag(one) in ("td", "th") and one.get("rowspan")]
    down = sum(_span(cell, "rowspan") - 1 for cell in tall if len(_cell(cell)) <= _SHORT)
    return tags.count("td") + tags.count("th") + down >= 2 * rows


def _table(table: Any) -> Iterator[Paragraph]:
    """Numbered by row while they are put into words, then by the lines that the rows stand in."""
    rows = [element for element in table.iter() if _tag(element) == "tr"]
    lines = {n: row.sourceline or table.sourceline or 1 for n, row in enumerate(rows)}
    caption = next((tidy(_cell(one)) for one in table.iter() if _tag(one) == "caption"), "")
    if caption:
        yield Paragraph((Line(caption, table.sourceline or 1),), settled=True)
    grid = _grid(rows)
    first, end = _head(rows, grid)
    cells = [(n, _joined(grid[first:end]) if n == first < end else _row(row, grid[n])) for n, row in enumerate(rows)]
    for paragraph in rows_as_sentences([one for one in cells if not first < one[0] < end]):
        line = paragraph.lines[0]
        yield Paragraph((Line(line.text, lines[line.number]),), paragraph.kind, settled=True)


def _grid(rows: list[Any]) -> list[dict[int, Any]]:
    """For each row, the cell that stands in each column, in it or reaching down from above within the same part."""
    grid: list[dict[int, Any]] = []
    reaching: dict[int, tuple[Any, int]] = {}  # column -> (cell, rows to go)
    for n, row in enumerate(rows):
        if n and row.getparent() is not rows[n - 1].getparent():
            reaching = {}
        line = {column: cell for column, (cell, _) in reaching.items()}
        reaching = {column: (cell, left - 1) for column, (cell, left) in reaching.items() if left > 1}
        column = 0
        for cell in row:
            if _tag(cell) not in ("td", "th"):
                continue
            while column in line:
                column += 1
            down = _span(cell, "rowspan")
            for covered in range(column, max(column + 1, min(column + _span(cell, "colspan"), _WIDEST))):
                line[covered] = cell
                if down > 1:
                    reaching[covered] = (cell, down - 1)
        grid.append(line)
    return grid


def _span(cell: Any, name: str) -> int:
    said = (cell.get(name) or "").strip()
    return min(int(said[:9]), _WIDEST) or 1 if said.isdecimal() else 1


def _head(rows: list[Any], grid: list[dict[int, Any]]) -> tuple[int, int]:
    """From which row to which one the names of the columns stand, where there are several such rows; else (0, 0).

    They are marked so, or the cells of the first one span columns and, down to the last, rows. Titles stand above.
    """
    first = next((n for n, line in enumerate(grid) if not _is_title(line)), len(grid))
    end = first
    while end < len(grid) and _is_marked(rows[end]) and not _is_title(grid[end]):
        end += 1
    top = list(grid[first].values()) if first < len(grid) else []
    if any(_span(cell, "colspan") > 1 for cell in top):
        spanned = first + max(_span(cell, "rowspan") for cell in top)
        if all(_NAME.fullmatch(_cell(cell)) for line in grid[first:spanned] for cell in line.values()):
            end = max(end, spanned)
    return (first, end) if first + 1 < end < len(grid) else (0, 0)


def _is_title(line: dict[int, Any]) -> bool:
    """Whether nothing stands in a row but one cell at its beginning."""
    held = {cell for cell in line.values() if _cell(cell)}
    return not held or held == {line.get(0)}


def _is_marked(row: Any) -> bool:
    tags = {_tag(cell) for cell in row} & {"td", "th"}
    return tags == {"th"} or (bool(tags) and _tag(row.getparent()) == "thead")


def _joined(head: list[dict[int, Any]]) -> list[str]:
    """The rows of a head as one: in each column what stands above each other, each once."""
    columns = [[line.get(n) for line in head] for n in range(max(max(line, default=0) for line in head) + 1)]
    return [
        " ".join(dict.fromkeys(said for cell in column if cell is not None and (said := _cell(cell))))
        if n == 0 or column != columns[n - 1]  # else it is the same cells, that span both
        else ""
        for n, column in enumerate(columns)
    ]


def _row(row: Any, line: dict[int, Any]) -> list[str]:
    """Cells by column: one that spans several stands in the first of them. A row of none of its own has none."""
    texts = {n: _cell(cell) for n, cell in sorted(line.items()) if line.get(n - 1) is not cell}
    if not any(text and line[n].getparent() is row for n, text in texts.items()):
        return []
    return [texts.get(n, "") for n in range(max(texts) + 1)]


def _cell(element: Any) -> str:
    """Its text in a line, with a blank where one is broken."""
    if not len(element):
        return " ".join((element.text or "").split())
    return " ".join(line.text for paragraph in _blocks(element) for line in paragraph.lines)
