"""Excel, a document a sheet: .xlsx with openpyxl, which knows how figures are shown; older kinds with calamine."""

import datetime
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

import regex

from rag.documents.readers import number_format
from rag.documents.readers.packed import open_packed
from rag.documents.readers.part import Part, Source, tidy
from rag.documents.readers.tables import rows_as_sentences

_ASIAN_DATES = (*range(27, 37), *range(50, 59))  # formats of Chinese, Japanese and Korean Excel, in no file by name
_MERGED = regex.compile(rb'mergeCell\s+ref="([A-Z]{1,3})(\d{1,7}):\1(\d{1,7})"\s*/?>')  # within one column
_MOST_RANGES = 100_000
_MOST_ROWS = 1_000  # of one range
_LONGEST_NAME = 100  # characters: a longer text is a note beside several rows, to be said once

Merged = Mapping[int, Mapping[int, int]]
"""First row -> column, from 0 -> last row, of cells merged over rows."""


def read(source: Source) -> Iterator[Part]:
    import openpyxl

    # A date is told in ISO whatever its format, so any format of dates will do.
    openpyxl.styles.numbers.BUILTIN_FORMATS.update(dict.fromkeys(_ASIAN_DATES, "yyyy-mm-dd"))
    with open_packed(source) as packed:
        book = openpyxl.load_workbook(io.BytesIO(source.data), read_only=True, data_only=True)
        budget = _Budget(source)
        for sheet in book.worksheets:
            if sheet.sheet_state == "visible":
                sheet.reset_dimensions()  # what a file says of its size may be far from the truth
                with packed.open(sheet._worksheet_path) as stream:
                    merged = _merged(stream)
                rows = ([_shown(cell) for cell in row] for row in sheet.iter_rows())
                yield from _part(sheet.title, budget.counted(_filled(rows, merged)))


def read_older(source: Source) -> Iterator[Part]:
    """.xls, .xlsb and .ods. Raises DamagedFileError also where calamine, which is Rust, panics."""
    try:
        yield from _read_older(source)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # no Exception, and no module has it to be named by
            raise
        source.damaged(error)


def _read_older(source: Source) -> Iterator[Part]:
    import python_calamine

    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(source.data))
    budget = _Budget(source)
    for info in book.sheets_metadata:
        if (
            info.visible == python_calamine.SheetVisibleEnum.Visible
            and info.typ == python_calamine.SheetTypeEnum.WorkSheet
        ):
            rows = budget.counted(book.get_sheet_by_name(info.name).to_python(skip_empty_area=False))
            yield from _part(info.name, ([_plain(value) for value in row] for row in rows))


class _Budget:
    """Counts cells over all sheets of a book."""

    def __init__(self, source: Source) -> None:
        self._source, self._left = source, source.limits.cells

    def counted(self, rows: Iterable[Any]) -> Iterator[Any]:
        for row in rows:
            self._left -= max(1, len(row))
            if self._left < 0:
                self._source.over("cells", "单元格数", f"{self._source.limits.cells:,}")
            yield row


def _merged(sheet: IO[bytes]) -> Merged:
    """What a sheet's XML says behind its rows, which openpyxl leaves out where it reads row by row."""
    from openpyxl.utils import column_index_from_string

    found: dict[int, dict[int, int]] = {}
    left, rest = _MOST_RANGES, b""
    while left > 0 and (chunk := sheet.read(1_000_000)):
        text = rest + chunk
        for match in _MERGED.finditer(text):
            first, last = int(match[2]), int(match[3])
            if first < last < first + _MOST_ROWS:
                found.setdefault(first, {})[column_index_from_string(match[1].decode()) - 1] = last
                left -= 1
        rest = text[-100:]
    return found


def _filled(rows: Iterable[list[str]], merged: Merged) -> Iterator[list[str]]:
    """The rows, what stands in a merged cell said in each row that has something of its own."""
    said: dict[int, tuple[str, int]] = {}
    for number, cells in enumerate(rows, 1):
        said = {column: (text, last) for column, (text, last) in said.items() if number <= last}
        if said and any(cells):
            cells.extend([""] * (max(said) + 1 - len(cells)))
            for column, (text, _) in said.items():
                cells[column] = cells[column] or text
        for column, last in merged.get(number, {}).items():
            if column < len(cells) and len(cells[column]) <= _LONGEST_NAME:
                said[column] = cells[column], last
        yield cells


def _part(name: str, rows: Iterable[list[str]]) -> Iterator[Part]:
    numbered = [(number, cells) for number, cells in enumerate(rows, 1) if any(cells)]
    if numbered:
        yield Part(tuple(rows_as_sentences(numbered)), unit=f"{tidy(name)}!R", title=tidy(name))


def _shown(cell: Any) -> str:
    value = cell.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _plain(value)
    return number_format.shown(value, cell.number_format or "General")


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return number_format.plain(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", timespec="minutes")
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="minutes")
    return str(value)
