"""Word (.docx), with python-docx: paragraphs, headings by their style, tables as rows; numbered as they follow."""

import io
from collections.abc import Iterator
from typing import Any

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.packed import open_packed
from rag.documents.readers.part import Part, Source, numbered, unless_headed
from rag.documents.readers.tables import rows_as_sentences

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_BREAKS = {f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}tab": " ", f"{_W}noBreakHyphen": "-"}
_AROUND = {f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml"}
_LEFT_OUT = {f"{_W}del", f"{_W}moveFrom", f"{_W}instrText", f"{_W}pPr", f"{_W}txbxContent"}


def read(source: Source) -> Iterator[Part]:
    import docx

    open_packed(source).close()
    document = docx.Document(io.BytesIO(source.data))
    paragraphs = tuple(_paragraphs(document))
    yield Part(paragraphs, unit="¶", title=unless_headed(paragraphs, document.core_properties.title))


def _paragraphs(document: Any) -> Iterator[Paragraph]:
    from docx.text.paragraph import Paragraph as Printed

    number = 0
    for block in _within(document.element.body, "p", "tbl"):
        if block.tag == f"{_W}tbl":
            rows = [(number + n, cells) for n, cells in enumerate(_rows(block), 1) if any(cells)]
            number += len(rows)
            yield from rows_as_sentences(rows)
            continue
        lines = numbered(_text(block), 0)
        if lines:
            number += 1
            kind, level = _kind(Printed(block, document))
            yield Paragraph(tuple(Line(line.text, number) for line in lines), kind, level, settled=True)


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


def _text(element: Any) -> str:
    """What a reader of the printed page sees: with links and insertions, without what was struck out."""
    pieces: list[str] = []
    waiting = [element]
    while waiting:
        node = waiting.pop()
        if node.tag == f"{_W}t":
            pieces.append(node.text or "")
        elif node.tag in _BREAKS:
            pieces.append(_BREAKS[node.tag])
        elif node.tag not in _LEFT_OUT and not (node.tag == f"{_W}sdt" and _is_unwritten(node)):
            waiting.extend(reversed(node))
    return "".join(pieces)


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


def _rows(table: Any) -> Iterator[list[str]]:
    """Cells by column; one that spans several stands in the first of them."""
    for row in _within(table, "tr"):
        cells: list[str] = [""] * row.grid_before
        for cell in _within(row, "tc"):
            text = "\n".join(_text(p) for p in cell.iter(f"{_W}p"))
            cells.extend([text if cell.vMerge != "continue" else "", *[""] * (cell.grid_span - 1)])
        yield cells
