"""PDF, with PDFium: characters with their boxes -> lines in reading order -> paragraphs that know their page."""

import ctypes
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import regex

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.layout import Piece, Printed, pieces_of, printed_lines
from rag.documents.readers.part import Part, Source, tidy, unless_headed
from rag.errors import ProtectedFileError, ScanError

_PASSWORD = 4  # FPDF_ERR_PASSWORD
_EDGE = 2  # lines at the head and the foot of a page that may be furniture
_LARGER = 1.12  # times the size of the running text: a heading
_LONGEST_HEADING = 80  # characters
_EMPTY_TITLES = regex.compile(
    r"^(?:untitled|\(?anonymous\)?|无标题|microsoft \w+ - .*|.*\.(?:docx?|pptx?|xlsx?|indd|qxd|tex|wps|pdf))$", regex.I
)


def read(source: Source) -> Iterator[Part]:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(source.data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD or "password" in str(error).lower():
            raise ProtectedFileError(path=source.path) from None
        source.damaged(error)
    with document:
        if len(document) > source.limits.pages:
            source.over("pages", "页数", source.limits.pages)
        pages: list[list[Printed]] = []
        characters = loaded = 0
        for number in range(len(document)):
            pieces = _pieces(document, number)
            loaded += pieces is not None
            pages.append(printed_lines(pieces or []))
            characters += sum(len(line.text) for line in pages[-1])
            if characters > source.limits.characters:
                source.over("characters", "字符数", f"{source.limits.characters:,}")
        title = tidy(document.get_metadata_value("Title") or "")
    if not loaded:
        source.damaged("no page of it can be read")
    if not characters:
        raise ScanError(path=source.path)
    paragraphs = tuple(_paragraphs([list(page) for page in _without_running_heads(pages)]))
    yield Part(
        paragraphs, unit="p", title="" if _EMPTY_TITLES.match(title) else unless_headed(paragraphs, title), loose=True
    )


def _pieces(document: Any, number: int) -> list[Piece] | None:
    """Runs of characters that stand beside each other on a page; None for one that PDFium cannot load."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return None
    text = page.get_textpage()
    width, height = page.get_size()
    turned = page.get_rotation()
    box, matrix = pdfium.FS_RECTF(), (width, height)
    found = []
    for index in range(text.count_chars()):
        code = pdfium.FPDFText_GetUnicode(text, index)
        if not pdfium.FPDFText_GetLooseCharBox(text, index, ctypes.byref(box)):
            continue
        found.append((_character(code), *_upright((box.left, box.bottom, box.right, box.top), turned, matrix)))
    text.close()
    page.close()
    return pieces_of(found)


def _character(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else " "


def _upright(
    box: tuple[float, float, float, float], turned: int, size: tuple[float, float]
) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) from the top left corner of the page as it is shown."""
    left, bottom, right, top = box
    width, height = size
    if turned == 90:
        return bottom, left, top, right
    if turned == 180:
        return width - right, bottom, width - left, top
    if turned == 270:
        return width - top, height - right, width - bottom, height - left
    return left, height - top, right, height - bottom


# --- pages -> paragraphs -----------------------------------------------------------------------------------------


def _without_running_heads(pages: Sequence[Sequence[Printed]]) -> list[Sequence[Printed]]:
    """Without the lines at head and foot that other pages print too, whatever number stands in them."""
    ends = [{*range(min(_EDGE, len(page))), *range(max(0, len(page) - _EDGE), len(page))} for page in pages]
    counts = Counter(form for page, end in zip(pages, ends, strict=True) for form in {_running(page[n]) for n in end})
    least = max(2, -(-len(pages) * 3 // 10))
    kept: list[Sequence[Printed]] = []
    for page, end in zip(pages, ends, strict=True):
        kept.append(
            [line for n, line in enumerate(page) if n not in end or line.cells or counts[_running(line)] < least]
        )
    return kept


def _running(line: Printed) -> str:
    """What stays the same from page to page: the text without numbers, and how high it stands."""
    return f"{regex.sub(r'[0-9一二三四五六七八九十ivxlc]+', '#', line.text)} {round(line.top / 12)}"


def _paragraphs(pages: Sequence[Sequence[Printed]]) -> Iterator[Paragraph]:
    sizes = [line.size for page in pages for line in page for _ in range(0, len(line.text), 10)]
    body = median(sizes) if sizes else 0.0
    ranks = sorted({round(line.size) for page in pages for line in page if _is_heading(line, body)}, reverse=True)
    lines = _whole_words([(number, line) for number, page in enumerate(pages, 1) for line in page])
    heading: Paragraph | None = None
    previous: Printed | None = None
    for number, line in lines:
        if _is_heading(line, body):
            level = min(ranks.index(round(line.size)) + 1, 6)
            near = previous is not None and line.top - previous.top < 2.2 * line.size
            if heading is not None and heading.level == level and near and heading.lines[-1].number == number:
                heading = replace(heading, lines=(*heading.lines, Line(line.text, number)))
            else:
                if heading is not None:
                    yield heading
                heading = Paragraph((Line(line.text, number),), Kind.HEADING, level, settled=True)
        else:
            if heading is not None:
                yield heading
                heading = None
            if line.cells:
                yield Paragraph((Line(line.text, number),), Kind.ITEM, settled=True)
            else:
                yield Paragraph((Line(line.text, number),), gap=line.gap)
        previous = line
    if heading is not None:
        yield heading


def _is_heading(line: Printed, body: float) -> bool:
    return (
        line.size > _LARGER * body
        and len(line.text) <= _LONGEST_HEADING
        and not line.cells
        and sum(map(str.isalpha, line.text)) >= 2
    )


def _whole_words(lines: list[tuple[int, Printed]]) -> list[tuple[int, Printed]]:
    """Words that a hyphen parts at the end of a line put together on the first of the two."""
    for at in range(len(lines) - 1):
        (number, line), (after, below) = lines[at], lines[at + 1]
        head, _, rest = below.text.partition(" ")
        if regex.search(r"\p{Ll}[-\u00ad\u2010]$", line.text) and regex.match(r"\p{Ll}", head) and rest:
            lines[at] = number, replace(line, text=line.text[:-1] + head)
            lines[at + 1] = after, replace(below, text=rest)
    return lines
