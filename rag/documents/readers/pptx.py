"""PowerPoint (.pptx), with python-pptx: slide by slide what stands on it, its tables and the speaker's notes."""

import io
from collections.abc import Iterator
from typing import Any

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.packed import open_packed
from rag.documents.readers.part import Part, Source, numbered, raised, unless_headed
from rag.documents.readers.tables import rows_as_sentences

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def read(source: Source) -> Iterator[Part]:
    import pptx

    open_packed(source).close()
    presentation = pptx.Presentation(io.BytesIO(source.data))
    slides = list(presentation.slides)
    if len(slides) > source.limits.pages:
        source.over("slides", "幻灯片数", source.limits.pages)
    paragraphs: list[Paragraph] = []
    for number, slide in enumerate(slides, 1):
        title = slide.shapes.title
        if title is not None:
            level = 1 if number == 1 else 2
            paragraphs.extend(_lines(_text(title.text_frame), number, Kind.HEADING, level))
        for shape in _in_reading_order(slide.shapes):
            if title is None or shape.shape_id != title.shape_id:
                paragraphs.extend(_shape(shape, number))
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            paragraphs.extend(_lines(_text(slide.notes_slide.notes_text_frame), number, Kind.TEXT))
    yield Part(tuple(paragraphs), unit="slide", title=unless_headed(paragraphs, presentation.core_properties.title))


def _in_reading_order(shapes: Any) -> list[Any]:
    """Groups opened, from top to bottom and left to right."""
    found, waiting = [], list(shapes)
    while waiting:
        shape = waiting.pop()
        if hasattr(shape, "shapes"):
            waiting.extend(shape.shapes)
        else:
            found.append(shape)
    return sorted(found, key=lambda one: (one.top or 0, one.left or 0, one.shape_id))


def _shape(shape: Any, number: int) -> Iterator[Paragraph]:
    if shape.has_text_frame:
        yield from _lines(_text(shape.text_frame), number, Kind.ITEM)
    elif getattr(shape, "has_table", False) and shape.has_table:
        yield from rows_as_sentences(
            [(number, [_text(cell.text_frame) for cell in row.cells]) for row in shape.table.rows]
        )


def _text(frame: Any) -> str:
    return "\n".join("".join(map(_piece, paragraph._p.content_children)) for paragraph in frame.paragraphs)


def _piece(run: Any) -> str:
    properties = run.find(f"{_A}rPr")
    above = properties is not None and properties.get("baseline", "0")[:1] in set("123456789")
    return raised(run.text) if above else str(run.text)


def _lines(text: str, number: int, kind: Kind, level: int = 0) -> Iterator[Paragraph]:
    for line in numbered(text.replace("\v", "\n"), 0):
        yield Paragraph((Line(line.text, number),), kind, level, settled=True)
