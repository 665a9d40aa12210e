"""Pages that are pictures: read by OCR, page by page; without the extra, told in one line and the rest taken."""

import io
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from rag.assistant import fingerprint_of
from rag.documents import DocumentReader, Limits
from rag.documents.build import Reading, build
from rag.documents.readers import Source, ocr
from rag.errors import DamagedFileError, LimitError, ScanError
from rag.ingest import IngestReport, ingest
from rag.store import open_store
from tests.conftest import FakeEmbedder
from tests.documents.corpus import FACTS, SCANNED, SECTIONS, Made, pdf, scan, sheet
from tests.documents.test_formats import place_of

pytestmark = pytest.mark.slow


@pytest.fixture
def without_ocr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "installed", lambda: False)


def read(made: Made, **options) -> Reading:
    return build(Source(made.name, made.data, **options))


def found_in(reading: Reading, made: Made) -> dict:
    return {fact: place_of(fact, list(reading.documents)) for fact in made.places}


def mixed() -> Made:
    """A text page, a scanned one, a text page, a scanned one."""
    text, pictures = pypdfium2.PdfDocument(pdf().data), pypdfium2.PdfDocument(scan().data)
    both = pypdfium2.PdfDocument.new()
    places = {}
    for number, (source, town) in enumerate([(text, 3), (pictures, 0), (text, 4), (pictures, 1)], 1):
        both.import_pages(source, [town])
        places |= dict.fromkeys(SECTIONS[town][1], f"p{number}")
    out = io.BytesIO()
    both.save(out)
    return Made("mixed.pdf", out.getvalue(), places)


@pytest.mark.parametrize(
    ("made", "pages"),
    [
        (scan(angle=1.5), SCANNED),
        (scan(columns=2, angle=-1.0), SCANNED),
        (scan("scan.tif", "TIFF"), SCANNED),
        (scan("really a picture.txt", "PNG"), 1),
    ],
    ids=["PDF", "columns", "TIFF", "PNG"],
)
def test_every_fact_of_a_scan_is_found_on_its_page(made: Made, pages: int) -> None:
    reading = read(made)
    assert len(made.places) == 5 * pages
    assert found_in(reading, made) == dict(made.places)
    if pages > 1:  # what stands on every page is no text
        assert "内部资料" not in reading.documents[0].text


def test_a_worker_reads_a_scan_as_this_process_does(tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(scan("scan.png", "PNG").data)
    with DocumentReader(Limits()) as reader:
        apart = reader.read(tmp_path / "scan.png", "scan.png")
    assert apart == read(scan("scan.png", "PNG"))


def test_pages_that_have_text_and_pages_that_have_none_are_both_read() -> None:
    made = mixed()
    reading = read(made)
    assert found_in(reading, made) == dict(made.places)
    assert reading.failed == ()


def test_a_page_number_beside_the_picture_is_not_taken_for_its_text() -> None:
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(900, 640))
    canvas.drawImage(ImageReader(sheet([FACTS[0].sentence], "", 1)), 0, 0)
    canvas.drawString(10, 10, "Page 1 of 1")
    canvas.save()
    made = Made("stamped.pdf", out.getvalue(), {FACTS[0]: "p1"})
    assert found_in(read(made), made) == dict(made.places)


def test_the_clock_begins_anew_with_each_page() -> None:
    told: list[int] = []
    read(mixed(), alive=told.append)
    limits = Limits()
    assert told == [limits.scan_seconds] * 2 + [limits.seconds]


def test_without_the_extra_pages_with_text_are_taken_and_the_others_named(without_ocr: None) -> None:
    made = mixed()
    reading = read(made)
    assert found_in(reading, made) == {f: at if at in ("p1", "p3") else None for f, at in made.places.items()}
    (error,) = reading.failed
    assert isinstance(error, ScanError)
    assert str(error).startswith("mixed.pdf, page 2, 4: a picture of text (a scan)")
    for language in ("en", "zh"):
        assert "pip install '.[ocr]'" in error.message(language)
    for whole, pages in ((scan(), "1-2"), (scan("scan.tif", "TIFF"), "1-2"), (scan("a.jpg", "JPEG"), "1")):
        with pytest.raises(ScanError, match=f"page {pages}: .*pip install '.\\[ocr\\]'"):
            read(whole)


def test_once_the_extra_is_there_the_pages_left_out_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = mixed()
    (tmp_path / made.name).write_bytes(made.data)
    monkeypatch.setattr(DocumentReader, "read", lambda _, file, path: build(Source(path, file.read_bytes())))

    def taken() -> IngestReport:
        with open_store(tmp_path / "vectorstore", fingerprint_of(FakeEmbedder()), write=True) as store:
            return ingest([tmp_path / made.name], store, FakeEmbedder(), base=tmp_path, limit_mb=20)

    with monkeypatch.context() as without:
        without.setattr(ocr, "installed", lambda: False)
        first, second = taken(), taken()
    assert (first.added, [path for path, _ in first.failed]) == ([made.name], [made.name])
    assert (second.unchanged, [path for path, _ in second.failed]) == ([made.name], [made.name])
    third = taken()
    assert (third.updated, third.failed) == ([made.name], [])
    assert taken().unchanged == [made.name]


def test_pictures_have_limits() -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    assert out.tell() < 200_000
    with pytest.raises(LimitError, match="pixels"):
        read(Made("large.png", out.getvalue(), {}))
    for made in (scan(), scan("scan.tif", "TIFF")):
        with pytest.raises(LimitError, match="scanned pages"):
            read(made, limits=Limits(scans=1))
    half = scan("half.png", "PNG").data
    with pytest.raises(DamagedFileError):
        read(Made("half.png", half[: len(half) // 2], {}))


@pytest.mark.parametrize("mode", ["1", "LA", "I;16"])
def test_whatever_a_picture_is_coloured_like_its_words_are_read(mode: str) -> None:
    page = sheet([FACTS[0].sentence], "", 1)
    if mode == "LA":  # black on nothing, as screens are saved
        page = Image.merge("LA", (Image.new("L", page.size), page.point(lambda value: 255 - value)))
    else:
        page = page.point(lambda value: value * 257, "I").convert("I;16") if mode == "I;16" else page.convert(mode)
    out = io.BytesIO()
    page.save(out, "TIFF")
    made = Made("a.tif", out.getvalue(), {FACTS[0]: "p1"})
    assert found_in(read(made), made) == dict(made.places)


def test_a_photo_turned_as_its_camera_says_is_read() -> None:
    page = sheet([FACTS[0].sentence], "", 1).rotate(90, expand=True)
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter to the right
    out = io.BytesIO()
    page.save(out, "JPEG", exif=turned)
    made = Made("a.jpg", out.getvalue(), {FACTS[0]: "p1"})
    assert found_in(read(made), made) == dict(made.places)
