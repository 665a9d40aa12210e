#!/usr/bin/env python3
"""PDF readers side by side: what is answered from what they read, and time a page.

    python -m scripts.measure.pdf_readers [--seeds]

Those that are not ours are taken where they are installed (pip install pdfplumber pypdf pdfminer.six pymupdf
docling-parse), each as its documentation reads a page's text. docling itself wants a model of the layout, from a hub:
its parser, which stands beneath, is read line by line. What they give is stored as the text file that one would make of
it. The forty facts in one column, in two and as a table (scripts/measure/formats.py): the share that stands in the text
in one piece, and the share answered right in fast mode, nothing abstained from. `--seeds` also asks the development
half of the seeds' questions, of the seeds printed in two columns. Times are medians of rounds in which each reader has
its turn.
"""

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rag.documents import read_documents
from rag.models import load_embedder
from rag.settings import load_settings
from scripts.measure.formats import ask_seeds, measured, printed_seeds
from tests.documents.corpus import FACTS, Made, pdf, pdf_table

Read = Callable[[bytes], str]

_OURS = "ours, on PDFium"
_ROUNDS = 5


def main() -> None:
    options = argparse.ArgumentParser(description="PDF readers side by side.")
    options.add_argument("--seeds", action="store_true", help="also the seeds, printed in two columns")
    given = options.parse_args()
    made = {"one column": pdf(), "two columns": pdf("columns.pdf", 2), "table": pdf_table()}
    readers = _installed(made["one column"])
    times = _milliseconds(readers, list(made.values()))
    settings = load_settings(min_confidence=0.0)
    embedder = load_embedder(settings)
    heads = [*(f"in one piece, {kind}" for kind in list(made)[:2]), *(f"right, {kind}" for kind in made)]
    print(f"| PDF reader | {' | '.join(heads)} | ms a page |\n|---|{'--:|' * (len(heads) + 1)}")
    for name, read in readers.items():
        whole = [_in_one_piece(read(one.data)) for one in list(made.values())[:2]]
        rows = [measured(name, _stored(name, read, one), settings, embedder, None, "fast")[0] for one in made.values()]
        shares = [*whole, *(row.right for row in rows)]
        print(f"| {name} | {' | '.join(f'{share:.3f}' for share in shares)} | {times[name]:.1f} |", flush=True)
    if given.seeds:
        printed = printed_seeds()
        print("\n| PDF reader | seeds in two columns, right |\n|---|--:|")
        for name, read in readers.items():
            files = {file: _stored(name, read, Made(file, data, {})).data for file, data in printed.items()}
            right, _, _ = ask_seeds(files, settings, embedder, None, "fast")
            print(f"| {name} | {right:.3f} |", flush=True)


def _stored(name: str, read: Read, made: Made) -> Made:
    """The file that is stored: the PDF itself for our own reader, for any other the text that it gives."""
    return made if name == _OURS else Made("a.txt", read(made.data).encode(), {})


def _in_one_piece(text: str) -> float:
    joined = "".join(text.split())
    return sum(fact.sentence in joined for fact in FACTS) / len(FACTS)


def _milliseconds(readers: dict[str, Read], made: list[Made]) -> dict[str, float]:
    """Of the processor, a page, at the median of rounds."""
    pages = sum(len(set(one.places.values())) for one in made)
    spent: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(_ROUNDS):
        for name, read in readers.items():
            began = time.process_time()
            for one in made:
                read(one.data)
            spent[name].append(1000 * (time.process_time() - began) / pages)
    return {name: statistics.median(found) for name, found in spent.items()}


def _installed(made: Made) -> dict[str, Read]:
    found: dict[str, Read] = {}
    for name, read in (
        (_OURS, _ours),
        ("pypdf", _pypdf),
        ("pdfminer.six", _pdfminer),
        ("pdfplumber", _pdfplumber),
        ("PyMuPDF (AGPL)", _pymupdf),
        ("docling-parse", _docling_parse),
    ):
        try:
            read(made.data)
        except ImportError:
            print(f"{name} is not installed: it is left out.", file=sys.stderr)
        else:
            found[name] = read
    return found


def _ours(data: bytes) -> str:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "a.pdf")
        file.write_bytes(data)
        return "\n".join(document.text for document in read_documents(file, "a.pdf", 100))


def _pypdf(data: bytes) -> str:
    import pypdf

    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)


def _pdfminer(data: bytes) -> str:
    from pdfminer.high_level import extract_text

    return str(extract_text(io.BytesIO(data)))


def _pdfplumber(data: bytes) -> str:
    import pdfplumber

    with pdfplumber.open(io.BytesIO(data)) as document:
        return "\n".join(page.extract_text() for page in document.pages)


def _pymupdf(data: bytes) -> str:
    import pymupdf

    with pymupdf.open("pdf", data) as document:
        return "\n".join(page.get_text() for page in document)


def _docling_parse(data: bytes) -> str:
    from docling_core.types.doc.page import TextCellUnit
    from docling_parse.pdf_parser import DoclingPdfParser

    document = DoclingPdfParser(loglevel="fatal").load(io.BytesIO(data))
    return "\n".join(
        line.text for _, page in document.iterate_pages() for line in page.iterate_cells(unit_type=TextCellUnit.LINE)
    )


if __name__ == "__main__":
    main()
