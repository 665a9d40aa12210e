"""A page as a picture, with what is cited marked on it: made from the file when somebody looks."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import degrees
from typing import Any

from rag.documents.lines import display_width
from rag.documents.readers import ocr, pdf, picture
from rag.documents.readers.formats import PDF, PICTURE, format_of
from rag.documents.readers.layout import Piece, in_reading_order, pieces_of
from rag.documents.readers.part import Source
from rag.errors import FormatUnknownError

_LONGEST_SIDE = 1600  # pixels: small print can be read
_COLOUR = (255, 214, 10)  # laid over the page like a marker pen
_PAD = 0.08  # of a line's height

Box = tuple[float, float, float, float]  # left, top, right, bottom
Placed = tuple[str, float, float, float, float]  # a character and its box


@dataclass(frozen=True, slots=True)
class Cited:
    """What is to be shown of a file."""

    page: int  # 1-based
    quote: str = ""  # the text of the page that is marked
    before: int = 0  # how often it stands on the page before the place that is meant


@dataclass(frozen=True, slots=True)
class Drawn:
    png: bytes
    marked_at: float | None  # where the mark begins, from 0, the head of the page, to 1; None: nothing is marked


def draw(source: Source, cited: Cited) -> Drawn:
    """Raises DocumentError: the file cannot be read, or shown, or has no such page."""
    kind = format_of(source)
    if kind is PDF:
        image, points, found = _of_pdf(source, cited)
    elif kind is PICTURE:
        image, points, found = _of_picture(source, cited)
    else:
        raise FormatUnknownError(path=source.path, kind="a file without pages", kind_zh="没有页面的文件")
    boxes = marked(found or [], cited)
    if found is None and cited.quote and ocr.installed():
        source.alive(source.limits.scan_seconds)
        pieces, angle = ocr.pieces_of_picture(image, points)
        boxes = marked([one for piece in in_reading_order(pieces) for one in _spread(piece)], cited)
        image = image.convert("RGB").rotate(degrees(angle), center=(0, 0), fillcolor="white")
    width, height = image.width * points, image.height * points
    return _painted(image, [(a / width, b / height, c / width, d / height) for a, b, c, d in boxes])


def marked(found: Sequence[Placed], cited: Cited) -> list[Box]:
    """The lines of the quote among the characters of a page, in the order that the file or the eye has them in: letters
    and figures alone are compared. [] where it does not stand there in one piece."""
    held = [one for one in found if one[0].isalnum()]
    text, quote = "".join(one[0] for one in held), "".join(filter(str.isalnum, cited.quote))
    starts = [n for n in range(len(text)) if text.startswith(quote, n)] if quote else []
    if not starts:
        return []
    first = starts[min(cited.before, len(starts) - 1)]
    boxes: list[Box] = []
    for _, *box in held[first : first + len(quote)]:
        left, top, right, bottom = box
        above = boxes[-1] if boxes else None
        if above and min(bottom, above[3]) - max(top, above[1]) > (bottom - top) / 2 and left > above[0]:
            boxes[-1] = above[0], min(top, above[1]), max(right, above[2]), max(bottom, above[3])
        else:
            boxes.append((left, top, right, bottom))
    return boxes


def _of_pdf(source: Source, cited: Cited) -> tuple[Any, float, list[Placed] | None]:
    """(the page as an image, points a pixel, its characters; None where OCR has to find them)."""
    with pdf.opened(source) as document:
        _check(source, cited.page, len(document))
        page = document[cited.page - 1]
        found = pdf.characters_of(page)
        scan = pdf.is_scan(page, pieces_of(found))
        image, points = pdf.drawn(page, ocr.LONGEST_SIDE if scan else _LONGEST_SIDE)
        page.close()
    return image, points, None if scan else found


def _of_picture(source: Source, cited: Cited) -> tuple[Any, float, None]:
    image, count = picture.opened(source)
    _check(source, cited.page, count)
    frame = picture.frame_of(source, image, cited.page - 1)
    return frame, picture.points_a_pixel(frame), None


def _check(source: Source, page: int, count: int) -> None:
    if page > count:
        source.damaged(f"{count} pages", f"共 {count} 页")


def _spread(piece: Piece) -> list[Placed]:
    """The characters of a piece, side by side: Chinese ones are twice as wide as others."""
    widths = [display_width(character) for character in piece.text]
    scale = (piece.right - piece.left) / sum(widths)
    ends = [piece.left + scale * end for end in accumulate(widths, initial=0.0)]
    return [
        (character, left, piece.top, right, piece.bottom)
        for character, (left, right) in zip(piece.text, pairwise(ends), strict=True)
    ]


def _painted(image: Any, boxes: Sequence[Box]) -> Drawn:
    """`boxes` in shares of the page."""
    from PIL import Image, ImageChops, ImageDraw

    image = image.convert("RGB")
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    if boxes:
        over = Image.new("RGB", image.size, "white")
        pen = ImageDraw.Draw(over)
        for left, top, right, bottom in boxes:
            pad = _PAD * (bottom - top)
            ends = (left * image.width, (top - pad) * image.height, right * image.width, (bottom + pad) * image.height)
            pen.rectangle(ends, fill=_COLOUR)
        image = ImageChops.multiply(image, over)
    out = io.BytesIO()
    image.save(out, "PNG")
    return Drawn(out.getvalue(), min((top for _, top, _, _ in boxes), default=None))
