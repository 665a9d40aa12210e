#!/usr/bin/env python3
"""The same forty facts in every format: right answer and right place for each.

    python -m scripts.measure.formats [--mode fast] [--only PDF] [--office] [--seeds] [--wrong]

Each format is a store of its own, asked all forty questions; nothing is abstained from. Scans are the PDFs as a scanner
gives them back: 200 dots an inch, askew, blurred, noisy, as JPEG; they need rag[ocr] and a Chinese font of the system
(Debian: fonts-noto-cjk). `--seeds` prints the seeds in two columns, scans them, and asks the development half of their
questions of each, beside the text files. `--office` adds the PDFs that LibreOffice makes of the Word, PowerPoint and
Excel files (Debian: libreoffice-writer, -calc, -impress), of which only the slides have pages that are known before.
`--wrong` shows each question that was answered wrongly, with the sentence shown.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
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
from rag.types import Answer, Citation, Embedder, Mode, Reader
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
    options.add_argument("--wrong", action="store_true", help="also what was answered wrongly")
    given = options.parse_args()
    settings = load_settings(min_confidence=0.0)
    embedder, reader = load_embedder(settings), load_reader(settings) if given.mode == "accurate" else None
    makers: dict[str, Callable[[], Made]] = {k: make for k, make in (MAKERS | SCANS).items() if given.only in k}
    if given.office:
        makers |= _by_office()
    print("| format | right answer | right place | seconds to read |\n|---|--:|--:|--:|")
    for kind, make in makers.items():
        row, wrong = measured(kind, make(), settings, embedder, reader, given.mode)
        placed = "–" if row.placed is None else f"{row.placed:.3f}"
        print(f"| {row.kind} | {row.right:.3f} | {placed} | {row.seconds:.2f} |", flush=True)
        if given.wrong:
            print("".join(f"    {question} {shown}\n" for question, shown in wrong.items()), end="", flush=True)
    if given.seeds:
        _ask_seeds(settings, embedder, reader, given.mode)


def measured(
    kind: str, made: Made, settings: Settings, embedder: Embedder, reader: Reader | None, mode: Mode
) -> tuple[Row, dict[str, str]]:
    """The row, and of each question answered wrongly what was shown."""
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
    placed = sum(_is_placed(fact, answers[fact].citations[0], made) for fact in right) if made.places else None
    row = Row(kind, len(right) / len(FACTS), None if placed is None else placed / len(FACTS), seconds)
    return row, {fact.question: answer.text for fact, answer in answers.items() if fact not in right}


def _is_right(fact: Fact, answer: Answer) -> bool:
    """Blanks aside: LibreOffice sets apart a figure and its unit ("137 吨")."""
    return bool(answer.citations) and fact.value in "".join(simplify(answer.citations[0].quote).split())


def _is_placed(fact: Fact, citation: Citation, made: Made) -> bool:
    member = citation.path.removeprefix(f"{made.name}/")
    return citation.locator == made.repeated.get(member, made.places)[fact]


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
    texts = {file.name: file.read_bytes() for file in sorted(SEEDS.glob("*.txt"))}
    printed = printed_seeds()
    print("\n| seeds | right answer | right file | seconds to read |\n|---|--:|--:|--:|")
    for kind, files in (
        ("text", texts),
        ("PDF, two columns", printed),
        ("scan, two columns", {name: scanned(Made(name, data, {})).data for name, data in printed.items()}),
    ):
        right, cited, seconds = ask_seeds(files, settings, embedder, reader, mode)
        print(f"| {kind} | {right:.3f} | {cited:.3f} | {seconds:.0f} |", flush=True)


def ask_seeds(
    files: Mapping[str, bytes], settings: Settings, embedder: Embedder, reader: Reader | None, mode: Mode
) -> tuple[float, float, float]:
    """(right answers, right file cited, seconds to read) over the questions of the development half that the seeds
    answer, nothing abstained from. Whatever a file holds, it has the name that the questions give."""
    questions = [one for one in open_set(SEEDS / "qa.jsonl").questions() if one.split == "dev" and one.answerable]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "seeds")
        folder.mkdir()
        for file, data in files.items():
            (folder / file).write_bytes(data)
        with open_store(Path(name, "vectorstore"), fingerprint_of(embedder), write=True) as store:
            began = time.perf_counter()
            report = ingest([folder], store, embedder, base=Path(name), limit_mb=100)
            print("".join(f"{error.message('en')}\n" for _, error in report.failed), end="", file=sys.stderr)
            seconds = time.perf_counter() - began
            assistant = LocalAssistant(store, embedder, settings, reader=reader)
            answers = [assistant.ask(one.question, one.history, mode=mode) for one in questions]
    right = [is_right(one, answer) for one, answer in zip(questions, answers, strict=True)]
    cited = [
        bool(answer.citations) and citation_is_right(answer.citations[0], one.documents, ())
        for one, answer in zip(questions, answers, strict=True)
        if one.documents
    ]
    return float(np.mean(right)), float(np.mean(cited)), seconds


def printed_seeds() -> dict[str, bytes]:
    """The files of the seeds as PDFs of two columns, by name."""
    return {file.name: print_in_columns(_as_written(file)) for file in sorted(SEEDS.glob("*.txt"))}


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


if __name__ == "__main__":
    main()
