"""Excel, a document a sheet: .xlsx with openpyxl, which knows how figures are shown; older kinds with calamine."""

import datetime
import io
from collections.abc import Iterable, Iterator
from typing import Any

from rag.documents.readers import number_format
from rag.documents.readers.packed import open_packed
from rag.documents.readers.part import Part, Source, tidy
from rag.documents.readers.tables import rows_as_sentences


def read(source: Source) -> Iterator[Part]:
    import openpyxl

    open_packed(source).close()
    book = openpyxl.load_workbook(io.BytesIO(source.data), read_only=True, data_only=True)
    budget = _Budget(source)
    for sheet in book.worksheets:
        if sheet.sheet_state == "visible":
            sheet.reset_dimensions()  # what a file says of its size may be far from the truth
            rows = budget.counted(sheet.iter_rows())
            yield from _part(sheet.title, ([_shown(cell) for cell in row] for row in rows))


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
