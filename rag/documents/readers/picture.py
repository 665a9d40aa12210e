"""Pictures of pages (PNG, JPEG, TIFF of several pages), read by OCR: the extra `rag[ocr]`."""

import io
from collections.abc import Iterator
from typing import Any

from rag.documents.readers import ocr
from rag.documents.readers.layout import Printed, printed_lines
from rag.documents.readers.pages import paragraphs_of
from rag.documents.readers.part import Part, Source
from rag.errors import ScanError

_PAGE_POINTS = 842.0  # the longer side of A4


def read(source: Source) -> Iterator[Part]:
    image, count = opened(source)
    if not ocr.installed():
        raise ScanError(path=source.path, pages="1" if count == 1 else f"1-{count}")
    pages: list[list[Printed]] = []
    for number in range(count):
        source.alive(source.limits.scan_seconds)
        frame = frame_of(source, image, number)
        pieces, _ = ocr.pieces_of_picture(frame, points_a_pixel(frame))
        pages.append(printed_lines(pieces))
    source.alive(source.limits.seconds)
    yield Part(paragraphs_of(pages), unit="p", loose=True)


def opened(source: Source) -> tuple[Any, int]:
    """(the PIL image, how many pages it has), not decoded yet. Raises DamagedFileError, LimitError."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, and told as such
    try:
        image = Image.open(io.BytesIO(source.data), formats=("PNG", "JPEG", "TIFF"))
    except UnidentifiedImageError:
        source.damaged("no picture that can be opened", "其中没有可以打开的图像")
    count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
    if count > source.limits.scans:
        source.over("scanned pages", "扫描页数", source.limits.scans)
    return image, count


def points_a_pixel(frame: Any) -> float:
    """As if it were a sheet of A4: pictures seldom say truly how large they were."""
    return _PAGE_POINTS / float(max(frame.size))


def frame_of(source: Source, image: Any, number: int) -> Any:
    """A page as it is seen: upright, on white, without more pixels than are read. Raises LimitError."""
    from PIL import Image, ImageOps

    image.seek(number)
    if image.width * image.height > source.limits.pixels:
        source.over("pixels", "像素数", f"{source.limits.pixels:,}")
    frame = ImageOps.exif_transpose(image)
    if frame.mode.startswith("I;16"):
        frame = frame.point(lambda value: value / 256).convert("L")
    if frame.has_transparency_data:
        frame = Image.alpha_composite(Image.new("RGBA", frame.size, "white"), frame.convert("RGBA"))
    frame = frame.convert("RGB")
    frame.thumbnail((ocr.LONGEST_SIDE, ocr.LONGEST_SIDE))
    return frame
