#!/usr/bin/env python3
"""The same forty facts in every format: right answer and right place for each, and PDF readers side by side.

    python -m scripts.measure.formats [--mode fast] [--only PDF] [--office] [--seeds] [--readers]

Each format is a store of its own, asked all forty questions; nothing is abstained from. Scans are the PDFs as a scanner
gives them back: 200 dots an inch, askew, blurred, noisy, as JPEG; they need rag[ocr] and a Chinese font of the system
(Debian: fonts-noto-cjk). `--seeds` prints the seeds in two columns, scans them, and asks the development half of their
questions of each, beside the text files. `--office` adds the PDFs that LibreOffice makes of the Word, PowerPoint and
Excel files (Debian: libreoffice-writer, -calc, -impress), of which only the slides have pages that are known before.
`--readers` compares the PDF readers that are not ours, where they are installed (pip install pdfplumber pypdf
pdfminer.six): the share of facts that stand in their text in one piece, and time a page.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pypdfium2
import regex
from PIL import Image, ImageFilter
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from rag.assistant import LocalAssistant, fingerprint_of
from rag.documents import read_documents
from rag.evaluate.metrics import citation_is_right, is_right
from rag.evaluate.sets import open_set
from rag.ingest import index_document, ingest
from rag.models import load_embedder, load_reader
from rag.settings import Settings, load_settings
from rag.store import open_store
from rag.text import simplify
from rag.types import Answer, Embedder, Mode, Reader
from tests.documents.corpus import FACTS, MAKERS, Fact, Made, pdf, slides, word, workbook

SEEDS = Path(__file__).parents[2] / "seeds"
_DOTS = 200  # an inch
_FONT, _SIZE, _WIDE, _LINES = "STSong-Light", 9.5, 230.0, 50  # of the seeds as they are printed
_QUALITY = 60  # of the JPEG that a scanner makes


@dataclass(frozen=True)
class Row:
    kind: str
    right: float  # share of the facts whose value the first sentence shown holds, of the right town
    placed: float | None  # share whose citation names the right place, too
    seconds: float  # to read the file


def main() -> None:
    options = argparse.ArgumentParser(description="Right answers and right places, format by format.")
    options.add_argument("--mode", choices=("fast", "accurate"), default="accurate")
    options.add_argument("--only", default="", help="formats whose name holds this")
    options.add_argument("--office", action="store_true", help="also the PDFs that LibreOffice makes of Office files")
    options.add_argument("--seeds", action="store_true", help="also the seeds, printed and scanned")
    options.add_argument("--readers", action="store_true", help="also PDF readers side by side")
    given = options.parse_args()
    settings = load_settings(min_confidence=0.0)
    embedder, reader = load_embedder(settings), load_reader(settings) if given.mode == "accurate" else None
    makers: dict[str, Callable[[], Made]] = {k: make for k, make in (MAKERS | SCANS).items() if given.only in k}
    if given.office:
        makers |= _by_office()
    print("| format | right answer | right place | seconds to read |\n|---|--:|--:|--:|")
    for kind, make in makers.items():
        row = _measured(kind, make(), settings, embedder, reader, given.mode)
        placed = "–" if row.placed is None else f"{row.placed:.3f}"
        print(f"| {row.kind} | {row.right:.3f} | {placed} | {row.seconds:.2f} |", flush=True)
    if given.seeds:
        _ask_seeds(settings, embedder, reader, given.mode)
    if given.readers:
        _compare_readers()


def _compare_readers() -> None:
    print("\n| PDF reader | facts, one column | facts, two columns | ms a page |\n|---|--:|--:|--:|")
    for name, read in _readers().items():
        one, two = (_read(read, pdf(columns=columns).data) for columns in (1, 2))
        print(f"| {name} | {one[0]:.3f} | {two[0]:.3f} | {1000 * (one[1] + two[1]) / 16:.0f} |", flush=True)


def _measured(kind: str, made: Made, settings: Settings, embedder: Embedder, reader: Reader | None, mode: Mode) -> Row:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / made.name
        file.write_bytes(made.data)
        began = time.perf_counter()
        documents = read_documents(file, made.name, 100)
        seconds = time.perf_counter() - began
        with open_store(folder / "vectorstore", fingerprint_of(embedder), write=True) as store:
            store.add(made.name, [index_document(document, embedder) for document in documents])
            store.refresh()
            assistant = LocalAssistant(store, embedder, settings, reader=reader)
            answers = {fact: assistant.ask(fact.question, mode=mode) for fact in FACTS}
    right = [fact for fact, answer in answers.items() if _is_right(fact, answer)]
    placed = sum(answers[fact].citations[0].locator == made.places[fact] for fact in right) if made.places else None
    return Row(kind, len(right) / len(FACTS), None if placed is None else placed / len(FACTS), seconds)


def _is_right(fact: Fact, answer: Answer) -> bool:
    return bool(answer.citations) and fact.value in simplify(answer.citations[0].quote)


def _by_office() -> dict[str, Callable[[], Made]]:
    program = shutil.which("soffice")
    if program is None:
        print("LibreOffice is not installed: its files are left out.", file=sys.stderr)
        return {}

    def printed(made: Made) -> Made:
        with tempfile.TemporaryDirectory() as name:
            file = Path(name, made.name)
            file.write_bytes(made.data)
            subprocess.run(
                [program, "--headless", "--convert-to", "pdf", "--outdir", name, file], check=True, capture_output=True
            )
            data = file.with_suffix(".pdf").read_bytes()
        pages = {fact: at.replace("slide", "p") for fact, at in made.places.items() if at.startswith("slide")}
        return Made(file.stem + ".pdf", data, pages)

    return {
        "LibreOffice PDF of Word": lambda: printed(word()),
        "LibreOffice PDF of slides": lambda: printed(slides()),
        "LibreOffice PDF of a workbook": lambda: printed(workbook()),
    }


# --- scans -------------------------------------------------------------------------------------------------------


def scanned(made: Made, kind: str = "PDF") -> Made:
    """A printed PDF as a scanner gives it back; the same each time."""
    random = np.random.default_rng(0)
    with pypdfium2.PdfDocument(made.data) as document:
        sheets = [_sheet(page.render(scale=_DOTS / 72).to_pil().convert("L"), random) for page in document]
    out = io.BytesIO()
    options = {"quality": _QUALITY} if kind == "PDF" else {"compression": "jpeg"}
    sheets[0].save(out, kind, save_all=True, append_images=sheets[1:], resolution=_DOTS, **options)
    return Made(f"scan.{kind.lower()}", out.getvalue(), made.places)


def _sheet(page: Image.Image, random: np.random.Generator) -> Image.Image:
    askew = page.rotate(random.uniform(-1.5, 1.5), Image.Resampling.BICUBIC, fillcolor=255)
    grey = np.asarray(askew.filter(ImageFilter.GaussianBlur(0.8)), dtype=np.float32) * 0.85 + 20
    return Image.fromarray((grey + random.normal(0, 14, grey.shape)).clip(0, 255).astype(np.uint8))


SCANS: dict[str, Callable[[], Made]] = {
    "scan": lambda: scanned(pdf()),
    "scan, two columns": lambda: scanned(pdf("columns.pdf", 2)),
    "scan, TIFF": lambda: scanned(pdf(), "TIFF"),
}


def _ask_seeds(settings: Settings, embedder: Embedder, reader: Reader | None, mode: Mode) -> None:
    """The development half that the seeds answer, nothing abstained from: right answers, and right file cited."""
    questions = [one for one in open_set(SEEDS / "qa.jsonl").questions() if one.split == "dev" and one.answerable]
    texts = {file.name: file.read_bytes() for file in sorted(SEEDS.glob("*.txt"))}
    printed = {name: print_in_columns(_as_written(SEEDS / name)) for name in texts}
    print(f"\n| seeds, {len(questions)} questions | right answer | right file | seconds to read |\n|---|--:|--:|--:|")
    for kind, files in (
        ("text", texts),
        ("PDF, two columns", printed),
        ("scan, two columns", {name: scanned(Made(name, data, {})).data for name, data in printed.items()}),
    ):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name, "seeds")
            folder.mkdir()
            for file, data in files.items():  # a PDF under the name that the questions give: what it holds decides
                (folder / file).write_bytes(data)
            with open_store(Path(name, "vectorstore"), fingerprint_of(embedder), write=True) as store:
                began = time.perf_counter()
                ingest([folder], store, embedder, base=Path(name), limit_mb=100)
                seconds = time.perf_counter() - began
                assistant = LocalAssistant(store, embedder, settings, reader=reader)
                answers = [assistant.ask(one.question, one.history, mode=mode) for one in questions]
        right = [is_right(one, answer) for one, answer in zip(questions, answers, strict=True)]
        cited = [
            bool(answer.citations) and citation_is_right(answer.citations[0], one.documents, ())
            for one, answer in zip(questions, answers, strict=True)
            if one.documents
        ]
        print(f"| {kind} | {np.mean(right):.3f} | {np.mean(cited):.3f} | {seconds:.0f} |", flush=True)


def _as_written(file: Path) -> str:
    """A paragraph a line: the files of the seeds break lines as the pages did that they were taken from."""
    found = []
    for document in read_documents(file, file.name, 100):
        title, _, body = document.text.partition("\n")
        found += [title, *([document.date] if document.date else []), body]
    return "\n".join(found)


def print_in_columns(text: str) -> bytes:
    """A text as a PDF of two columns, a paragraph a line, its first line indented; names and numbers stay whole."""
    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    lines = [line for paragraph in text.splitlines() for line in _typeset(paragraph.strip())]
    for n, (indent, line) in enumerate(lines):
        page, place = divmod(n, 2 * _LINES)
        if page and not place:
            canvas.showPage()
        if not place:
            canvas.setFont(_FONT, _SIZE)
        column, row = divmod(place, _LINES)
        canvas.drawString(56 + column * (_WIDE + 24) + indent, A4[1] - 70 - 14 * row, line)
    canvas.save()
    return out.getvalue()


def _typeset(paragraph: str) -> Iterator[tuple[float, str]]:
    """(points that it is indented by, line)."""
    line, indent = "", 2 * _SIZE
    for piece in regex.findall(r"(?:[!-~]{1,40}|.)[，。、；：？！”）》]*", paragraph):
        if line and pdfmetrics.stringWidth(line + piece, _FONT, _SIZE) > _WIDE - indent:
            yield indent, line
            line, indent = "", 0.0
        line += piece
    if line:
        yield indent, line


# --- PDF readers side by side ------------------------------------------------------------------------------------


def _readers() -> dict[str, Callable[[bytes], str]]:
    found: dict[str, Callable[[bytes], str]] = {"ours, on PDFium": _ours}
    for name, read in (("pdfplumber", _pdfplumber), ("pypdf", _pypdf), ("pdfminer.six", _pdfminer)):
        try:
            read(pdf().data)
        except ImportError:
            print(f"{name} is not installed: it is left out.", file=sys.stderr)
        else:
            found[name] = read
    return found


def _read(read: Callable[[bytes], str], data: bytes) -> tuple[float, float]:
    """(share of the facts that stand in the text in one piece, seconds)."""
    began = time.perf_counter()
    text = "".join(read(data).split())
    seconds = time.perf_counter() - began
    return sum(fact.sentence in text for fact in FACTS) / len(FACTS), seconds


def _ours(data: bytes) -> str:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "a.pdf")
        file.write_bytes(data)
        return "\n".join(document.text for document in read_documents(file, "a.pdf", 100))


def _pdfplumber(data: bytes) -> str:
    import pdfplumber

    with pdfplumber.open(io.BytesIO(data)) as document:
        return "\n".join(page.extract_text() for page in document.pages)


def _pypdf(data: bytes) -> str:
    import pypdf

    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)


def _pdfminer(data: bytes) -> str:
    from pdfminer.high_level import extract_text

    return str(extract_text(io.BytesIO(data)))


if __name__ == "__main__":
    main()
