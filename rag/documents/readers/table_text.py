"""CSV and its like, with the standard library: a row reads as a sentence, by its number."""

import csv
import io
from collections.abc import Iterator

from rag.documents.readers.part import Part, Source
from rag.documents.readers.records import parts_of_records
from rag.documents.readers.tables import rows_as_sentences
from rag.documents.readers.text import text_of

_SEPARATORS = ",\t;|"
_SAMPLE = 50  # lines


def read(source: Source) -> Iterator[Part]:
    text = text_of(source)
    csv.field_size_limit(source.limits.characters)
    separator = "\t" if source.suffix == ".tsv" else _separator(text)
    rows = [(n, row) for n, row in enumerate(csv.reader(io.StringIO(text), delimiter=separator), 1) if any(row)]
    if sum(len(row) for _, row in rows) > source.limits.cells:
        source.over("cells", "单元格数", f"{source.limits.cells:,}")
    if source.fields and rows:
        names = rows[0][1]
        yield from parts_of_records(source, [(n, dict(zip(names, row, strict=False))) for n, row in rows[1:]], "R")
        return
    yield Part(tuple(rows_as_sentences(rows)), unit="R", title=source.stem)


def _separator(text: str) -> str:
    """The mark that parts most of the first lines into the same number of cells."""
    lines = [line for line in text.split("\n", _SAMPLE)[:_SAMPLE] if line.strip()]
    counts = {mark: [line.count(mark) for line in lines] for mark in _SEPARATORS}
    return max(_SEPARATORS, key=lambda mark: sum(n == counts[mark][0] > 0 for n in counts[mark]))
