"""PDF, with PDFium: characters with their boxes -> lines in reading order -> paragraphs that know their page.

A page that has pictures in the place of text (a scan) is read by OCR, where the extra `rag[ocr]` is installed.
"""

import ctypes
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import regex

from rag.documents.readers import ocr
from rag.documents.readers.layout import Piece, Printed, pieces_of, printed_lines
from rag.documents.readers.pages import paragraphs_of
from rag.documents.readers.part import Part, Source, tidy, unless_headed
from rag.errors import ProtectedFileError, ScanError

_PASSWORD = 4  # FPDF_ERR_PASSWORD
_FEW = 20  # characters: a page number, a stamp; a page with no more than that may be a picture of its text
_TILTED = 10.0  # degrees from the nearest quarter turn: a watermark
_LARGE = 0.3  # of the page: what its pictures cover where they are the page
_EMPTY_TITLES = regex.compile(
    r"^(?:untitled|\(?anonymous\)?|无标题|microsoft \w+ - .*|.*\.(?:docx?|pptx?|xlsx?|indd|qxd|tex|wps|pdf))$", regex.I
)

Box = tuple[float, float, float, float]
Placed = tuple[str, float, float, float, float]
"""(character, left, top, right, bottom), from the top left corner."""


def read(source: Source) -> Iterator[Part | ScanError]:
    """Its text; and, without the extra, what is wrong with those of its pages that only OCR could read."""
    with opened(source) as document:
        if len(document) > source.limits.pages:
            source.over("pages", "页数", source.limits.pages)
        pages: list[list[Printed]] = []
        scans: list[int] = []
        characters = loaded = 0
        for index in range(len(document)):
            pieces, scan = _pieces(document, index)
            loaded += pieces is not None
            pages.append(printed_lines(pieces or []))
            scans.extend([index] if scan else [])
            characters += sum(len(line.text) for line in pages[-1])
            if characters > source.limits.characters:
                source.over("characters", "字符数", f"{source.limits.characters:,}")
        if not loaded:
            source.damaged("no page of it can be read", "没有一页可以读取")
        if ocr.installed():
            _read_scans(source, document, scans, pages)
        title = tidy(document.get_metadata_value("Title") or "")
    if scans and not ocr.installed():
        error = ScanError(path=source.path, pages=_told(scans))
        if not characters:
            raise error
        yield error
    paragraphs = paragraphs_of(pages)
    yield Part(
        paragraphs, unit="p", title="" if _EMPTY_TITLES.match(title) else unless_headed(paragraphs, title), loose=True
    )


def opened(source: Source) -> Any:
    """The `pypdfium2.PdfDocument`. Raises ProtectedFileError, DamagedFileError."""
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(source.data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD or "password" in str(error).lower():
            raise ProtectedFileError(path=source.path) from None
        source.damaged(error)


def drawn(page: Any, longest_side: int) -> tuple[Any, float]:
    """(the page as a PIL image, points a pixel)."""
    scale = longest_side / max(page.get_size())
    return page.render(scale=scale).to_pil(), 1 / scale


def _read_scans(source: Source, document: Any, scans: Sequence[int], pages: list[list[Printed]]) -> None:
    """Puts the lines that OCR finds on the pages `scans` into `pages`, unless the page's own are more."""
    if len(scans) > source.limits.scans:
        source.over("scanned pages", "扫描页数", source.limits.scans)
    for index in scans:
        source.alive(source.limits.scan_seconds)
        page = document[index]
        pieces, _ = ocr.pieces_of_picture(*drawn(page, ocr.LONGEST_SIDE))
        page.close()
        lines = printed_lines(pieces)
        if sum(len(line.text) for line in lines) > sum(len(line.text) for line in pages[index]):
            pages[index] = lines
    if scans:
        source.alive(source.limits.seconds)


def _told(scans: Sequence[int]) -> str:
    """Page numbers with those that follow each other as a range: "2-4, 7"."""
    runs: list[list[int]] = []
    for number in (index + 1 for index in scans):
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def is_scan(page: Any, pieces: Sequence[Piece]) -> bool:
    """Whether pictures stand in the place of text: next to no characters, and pictures all over; or drawings alone."""
    import pypdfium2.raw as pdfium

    characters = sum(len(piece.text) for piece in pieces)
    if characters > _FEW:
        return False
    objects = list(page.get_objects(max_depth=1))
    width, height = page.get_size()
    covered = 0.0
    for one in objects:
        if one.type in (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM):
            left, bottom, right, top = one.get_bounds()
            covered += (right - left) * (top - bottom)
    return covered > _LARGE * width * height or (not characters and bool(objects))


def _pieces(document: Any, index: int) -> tuple[list[Piece] | None, bool]:
    """(runs of characters that stand beside each other on a page, whether it is a scan); None for a page that PDFium
    cannot load."""
    import pypdfium2

    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        return None, False
    pieces = pieces_of(_as_read(page))
    scan = is_scan(page, pieces)
    page.close()
    return pieces, scan


def characters_of(page: Any) -> list[Placed]:
    """As the file has them, from the top left corner of the page as it is shown."""
    turned, size = page.get_rotation(), page.get_size()
    return [(character, *_upright(box, turned, size)) for character, box, _ in _characters(page)]


def _as_read(page: Any) -> list[Placed]:
    """As the file has them, each turned upright: tables stand on their side on pages that do not. What is printed
    otherwise than most of the page comes below it. What is tilted, a watermark, is left out."""
    groups: defaultdict[int, list[tuple[str, Box]]] = defaultdict(list)
    quarter = 0
    for character, box, angle in _characters(page):
        if not character.isspace():  # PDFium makes up blanks, which have no angle
            quarter = round(angle / 90)
            if abs(angle - 90 * quarter) > _TILTED:
                continue
        groups[-quarter % 4].append((character, box))
    size = page.get_size()
    sizes = (size, size[::-1]) if page.get_rotation() % 180 == 0 else (size[::-1], size)  # upright, on its side
    found: list[Placed] = []
    for place, quarter in enumerate(sorted(groups, key=lambda one: -len(groups[one]))):
        below = place * 2 * max(size)
        for character, box in groups[quarter]:
            left, top, right, bottom = _upright(box, 90 * quarter, sizes[quarter % 2])
            found.append((character, left, top + below, right, bottom + below))
    return found


def _characters(page: Any) -> Iterator[tuple[str, Box, float]]:
    """(character, its box from the bottom left corner, degrees that it is turned by, with the clock)."""
    import pypdfium2.raw as pdfium

    text = page.get_textpage()
    box = pdfium.FS_RECTF()
    for index in range(text.count_chars()):
        code = pdfium.FPDFText_GetUnicode(text, index)
        if pdfium.FPDFText_GetLooseCharBox(text, index, ctypes.byref(box)):
            angle = math.degrees(pdfium.FPDFText_GetCharAngle(text, index))
            yield _character(code), (box.left, box.bottom, box.right, box.top), angle
    text.close()


def _character(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else " "


def _upright(box: Box, turned: int, size: tuple[float, float]) -> Box:
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
