#!/usr/bin/env python3
"""The same forty facts in every format: right answer and right place for each, and PDF readers side by side.

    python -m scripts.measure.formats [--mode fast] [--only PDF] [--office]

Each format is a store of its own, asked all forty questions; nothing is abstained from. `--office` adds the PDFs that
LibreOffice makes of the Word, PowerPoint and Excel files (Debian: libreoffice-writer, -calc, -impress), of which only
the slides have pages that are known before. The PDF readers that are not ours are compared where they are installed
(pip install pdfplumber pypdf pdfminer.six): the share of facts that stand in their text in one piece, and time a page.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rag.assistant import LocalAssistant, fingerprint_of
from rag.documents import read_documents
from rag.ingest import ingest
from rag.models import load_embedder, load_reader
from rag.settings import Settings, load_settings
from rag.store import open_store
from rag.text import simplify
from rag.types import Answer, Embedder, Mode, Reader
from tests.documents.corpus import FACTS, MAKERS, Fact, Made, pdf, slides, word, workbook


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
    given = options.parse_args()
    settings = load_settings(min_confidence=0.0)
    embedder, reader = load_embedder(settings), load_reader(settings) if given.mode == "accurate" else None
    makers: dict[str, Callable[[], Made]] = {kind: make for kind, make in MAKERS.items() if given.only in kind}
    if given.office:
        makers |= _by_office()
    print("| format | right answer | right place | seconds to read |\n|---|--:|--:|--:|")
    for kind, make in makers.items():
        row = _measured(kind, make(), settings, embedder, reader, given.mode)
        placed = "–" if row.placed is None else f"{row.placed:.3f}"
        print(f"| {row.kind} | {row.right:.3f} | {placed} | {row.seconds:.2f} |", flush=True)
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
        read_documents(file, made.name, 100)
        seconds = time.perf_counter() - began
        with open_store(folder / "vectorstore", fingerprint_of(embedder), write=True) as store:
            ingest([file], store, embedder, base=folder, limit_mb=100)
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
