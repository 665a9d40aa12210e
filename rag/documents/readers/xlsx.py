"""Excel, a document a sheet: .xlsx with openpyxl, which knows how figures are shown; older kinds with calamine."""

import datetime
import io
import math
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import regex

from rag.documents.readers.packed import open_packed
from rag.documents.readers.part import Part, Source, tidy
from rag.documents.readers.tables import rows_as_sentences

_SECTIONS = regex.compile(r'(?:"[^"]*"|\\.|[^;"\\])*')
_FORM = regex.compile(
    r'"(?P<text>[^"]*)"|\\(?P<one>.)|[_*].|\[\$(?P<currency>[^\]-]*)[^\]]*\]|\[[^\]]*\]'
    r"|(?P<number>General|[#0?][#0?,.]*)|(?P<sign>.)",
    flags=regex.IGNORECASE,
)
_NO_PLAIN_NUMBER = regex.compile(r"[a-z/@]", flags=regex.IGNORECASE)  # of a date, a fraction, a power of ten


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
    """A cell as Excel shows it: per cent, decimal places, thousands and what its format writes around the number
    (0.0"万元"); where the format is of another kind, the number itself."""
    value = cell.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return _plain(value)
    sections = _SECTIONS.findall(cell.number_format or "General")[::2] or ["General"]  # between them, empty matches
    place = 1 if value < 0 and len(sections) > 1 else 2 if value == 0 and len(sections) > 2 else 0
    pieces: list[str] = []
    number, number_at, percent = "", -1, 0
    for token in _FORM.finditer(sections[place]):
        sign = token["sign"] or ""
        if (token["number"] and number) or _NO_PLAIN_NUMBER.match(sign):
            return _plain(value)
        if token["number"]:
            number, number_at = token["number"], len(pieces)
        percent += sign == "%"
        pieces.append(token["text"] or token["one"] or token["currency"] or sign)
    if number:
        pieces[number_at] = _figure(value if place != 1 else -value, number, percent)
    return "".join(pieces).strip() or _plain(value)


def _figure(value: float, form: str, percent: int) -> str:
    """`value` by the digits of a format: "#,##0.0#", "0000", and "0.0,," in millions."""
    if not form.startswith(tuple("#0?")):
        return _plain(value)
    whole, _, fraction = form.rstrip(",").partition(".")
    thousands = len(form) - len(form.rstrip(","))
    most, least = sum(map(fraction.count, "0#?")), fraction.count("0")
    exact = Decimal(repr(value)).scaleb(2 * percent - 3 * thousands)
    rounded = exact.quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP, Context(prec=400))
    text = f"{abs(rounded):{',' if ',' in whole else ''}f}"
    for _ in range(most - least):
        text = text.removesuffix("0")
    before, point, behind = text.removesuffix(".").partition(".")
    shown = before.zfill(whole.count("0")) if "0" in whole else before.lstrip("0")
    return ("-" if rounded < 0 else "") + shown + point + behind


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.12g}" if abs(value) < 1e15 else str(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", timespec="minutes")
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="minutes")
    return str(value)
