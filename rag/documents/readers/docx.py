"""Word (.docx), with python-docx: paragraphs, headings by their style, tables as rows; numbered as they follow.

Text boxes and notes follow the paragraph, or the table, that they hang on, under the number of their paragraph or row.
"""

import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.packed import open_packed
from rag.documents.readers.part import Part, Source, breaks_off, numbered, raised, unless_headed
from rag.documents.readers.tables import rows_as_sentences

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_BREAKS = {f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}tab": " ", f"{_W}noBreakHyphen": "-"}
_AROUND = {f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml"}
_BOX = f"{_W}txbxContent"
_LEFT_OUT = {f"{_W}del", f"{_W}moveFrom", f"{_W}instrText", f"{_W}pPr", f"{_MC}Fallback", _BOX}
_NOTES = ("footnote", "endnote")
_LONGEST_NAME = 100  # characters: a longer text is a note beside several rows, to be said once


def read(source: Source) -> Iterator[Part]:
    import docx

    open_packed(source).close()
    document = docx.Document(io.BytesIO(source.data))
    paragraphs = tuple(_Body(document).paragraphs())
    yield Part(paragraphs, unit="¶", title=unless_headed(paragraphs, document.core_properties.title))


class _Body:
    def __init__(self, document: Any) -> None:
        self._document, self._notes = document, _notes(document)

    def paragraphs(self) -> Iterator[Paragraph]:
        number = 0
        for block in _within(self._document.element.body, "p", "tbl"):
            if block.tag == f"{_W}tbl":
                rows = [(row, cells) for row, cells in _rows(block) if any(cells)]
                yield from rows_as_sentences([(n, cells) for n, (_, cells) in enumerate(rows, number + 1)])
                for n, (row, _) in enumerate(rows, number + 1):
                    yield from self._beside(row, n)
                number += len(rows)
            else:
                printed = [*self._paragraph(block, number + 1), *self._beside(block, number + 1)]
                number += bool(printed)
                yield from printed

    def _paragraph(self, element: Any, number: int) -> Iterator[Paragraph]:
        from docx.text.paragraph import Paragraph as Printed

        lines = numbered(_text(element), 0)
        if lines:
            kind, level = _kind(Printed(element, self._document))
            for part in _apart(lines) if kind is not Kind.HEADING else [lines]:
                yield Paragraph(tuple(Line(line.text, number) for line in part), kind, level, settled=True)

    def _beside(self, anchor: Any, number: int) -> Iterator[Paragraph]:
        """The text boxes and notes of a paragraph or row; a note that several refer to, where the first one does."""
        for node in _seen(anchor):
            held = node if node.tag == _BOX else self._notes.pop((node.tag, node.get(f"{_W}id")), ())
            for block in _within(held, "p", "tbl"):
                if block.tag == f"{_W}tbl":
                    yield from rows_as_sentences([(number, cells) for _, cells in _rows(block)])
                else:
                    yield from self._paragraph(block, number)
                yield from self._beside(block, number)


def _notes(document: Any) -> dict[tuple[Any, str | None], Any]:
    """Footnotes and endnotes by (tag of what refers to them, id), without the lines that part them from the text."""
    from docx.oxml.parser import parse_xml

    found: dict[tuple[Any, str | None], Any] = {}
    for link, kind in itertools.product(document.part.rels.values(), _NOTES):
        if link.reltype.endswith(f"/{kind}s") and not link.is_external:
            for note in parse_xml(link.target_part.blob).iterchildren(f"{_W}{kind}"):
                if note.get(f"{_W}type", "normal") == "normal":
                    found[f"{_W}{kind}Reference", note.get(f"{_W}id")] = note
    return found


def _apart(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines of a paragraph, parted where a typed break ends a sentence or stands between "label: value" lines."""
    parts = [[lines[0]]]
    for left, right in itertools.pairwise(lines):
        if breaks_off(left.text, right.text):
            parts.append([])
        parts[-1].append(right)
    return parts


def _within(element: Any, *names: str) -> Iterator[Any]:
    """The children of `element` of these names, also those in content controls, as forms and title pages have them."""
    wanted = {f"{_W}{name}" for name in names}
    waiting = list(reversed(element))
    while waiting:
        child = waiting.pop()
        if child.tag in wanted:
            yield child
        elif child.tag in _AROUND and not _is_unwritten(child):
            waiting.extend(reversed(child))


def _is_unwritten(control: Any) -> bool:
    """Whether nobody wrote what stands in a content control: a table of contents, which repeats the headings; or what
    says that something is to be filled in."""
    gallery = control.find(f"{_W}sdtPr/{_W}docPartObj/{_W}docPartGallery")
    contents = gallery is not None and gallery.get(f"{_W}val") == "Table of Contents"
    return contents or control.find(f"{_W}sdtPr/{_W}showingPlcHdr") is not None


def _seen(element: Any) -> Iterator[Any]:
    """What a reader of the printed page sees, in order: with links and insertions, without what was struck out. Of a
    text box the frame alone, since its text stands elsewhere."""
    waiting = [element]
    while waiting:
        node = waiting.pop()
        yield node
        if node.tag not in _LEFT_OUT and not (node.tag == f"{_W}sdt" and _is_unwritten(node)):
            waiting.extend(reversed(node))


def _text(element: Any) -> str:
    return "".join(_BREAKS.get(node.tag) or _typed(node) for node in _seen(element))


def _typed(node: Any) -> str:
    if node.tag != f"{_W}t":
        return ""
    height = node.getparent().find(f"{_W}rPr/{_W}vertAlign")
    above = height is not None and height.get(f"{_W}val") == "superscript"
    return raised(node.text or "") if above else node.text or ""


def _kind(paragraph: Any) -> tuple[Kind, int]:
    """What the style says: its outline level is a heading's, whatever the style is called."""
    style = paragraph.style
    while style is not None:
        if (style.name or "").lower() == "title":
            return Kind.HEADING, 1
        levels = style.element.findall(f"{_W}pPr/{_W}outlineLvl")
        if levels and int(levels[0].get(f"{_W}val", "9")) < 9:
            return Kind.HEADING, int(levels[0].get(f"{_W}val")) + 1
        if (style.name or "").lower().startswith("heading ") and style.name[8:].isdigit():
            return Kind.HEADING, int(style.name[8:])
        style = style.base_style
    listed = paragraph._p.find(f"{_W}pPr/{_W}numPr") is not None
    return (Kind.ITEM if listed else Kind.TEXT), 0


def _rows(table: Any) -> Iterator[tuple[Any, list[str]]]:
    """Each row and its cells by column. One that spans several columns stands in the first of them, one that spans
    several rows in each row that has something of its own."""
    above: dict[int, str] = {}
    for row in _within(table, "tr"):
        cells: list[str] = [""] * row.grid_before
        merged: dict[int, str] = {}
        for cell in _within(row, "tc"):
            text = "\n".join(_text(node) for node in _seen(cell) if node.tag == f"{_W}p").strip()
            if cell.vMerge == "continue":
                text, merged[len(cells)] = "", above.get(len(cells), "")
            cells.extend([text, *[""] * (cell.grid_span - 1)])
        above = {column: text for column, text in enumerate(cells) if 0 < len(text) <= _LONGEST_NAME} | merged
        if any(cells):
            cells = [merged.get(column, text) for column, text in enumerate(cells)]
        yield row, cells
