"""Rows of cells -> paragraphs that read on their own: "name, header: value, header: value."."""

from collections.abc import Sequence

import regex

from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.part import tidy
from rag.text import has_han, is_finished

Row = tuple[int, Sequence[str]]
"""(the row's number, its cells)."""

_FIGURE = regex.compile(r"^[\s\p{Sc}(（+\-−–—/*]*[\d.,:：%％‰年月日时分秒/\-–—\s()（）]+$")
_AMOUNT = regex.compile(r"[\s\p{Sc}(（+\-−–—]*\d[\d.,]*\s*(\P{N}{1,6})")
_YEAR = regex.compile(r"(?:19|20)\d{2}年?")
_HEAD_AMONG = 10  # rows: titles and notes may stand above a head, not more of them than this


def rows_as_sentences(rows: Sequence[Row]) -> list[Paragraph]:
    """A paragraph for each row that holds something.

    The head is the first row of several different names, figures aside; each row below it says of its cells what they
    are. Rows above it, and rows of one cell in a table of several columns, are titles and notes and stay as they are.
    Without a head, a row is its cells alone, as a printed one.
    """
    filled = [(number, [tidy(cell.replace("\n", " ")) for cell in cells]) for number, cells in rows]
    filled = [(number, cells) for number, cells in filled if any(cells)]
    at = _head_at([cells for _, cells in filled])
    head = filled[at][1] if at is not None else []
    found = []
    for n, (number, cells) in enumerate(filled):
        held = [cell for cell in cells if cell]
        headed = at is not None and n > at and not len(held) == 1 < sum(map(bool, head))
        row = " | ".join(held)
        text = _sentence(head, cells) if headed else with_stop(row) if at is None and len(held) > 1 else row
        found.append(Paragraph((Line(text, number),), Kind.ITEM, settled=True))
    return found


def _sentence(head: Sequence[str], cells: Sequence[str]) -> str:
    names = [*head, *[""] * (len(cells) - len(head))]
    return sentence_of([(name, cell) for name, cell in zip(names, cells, strict=False) if cell])


def sentence_of(cells: Sequence[tuple[str, str]]) -> str:
    """(name, value) of each cell -> a sentence, in the punctuation of its script: "白鹭县，面积：12公顷，人口：3万。".

    What the row is about, a name in its first cell, stands without its header. A row is then read as prose is: the
    trained reader takes a neighbour's row far less often than where each cell has its header (docs/quality.md).
    """
    chinese = any(has_han(name + value) for name, value in cells)
    comma, colon = ("，", "：") if chinese else (", ", ": ")
    about = len(cells) > 1 and not _is_figure(cells[0][1]) and not is_finished(cells[0][1])
    said = [
        f"{name}{colon}{value}" if name and not (about and place == 0) else value
        for place, (name, value) in enumerate(cells)
    ]
    return with_stop(comma.join(said))


def with_stop(row: str) -> str:
    """A row as a sentence that ends, so that it is not read together with the next one."""
    return row if not row or is_finished(row) else f"{row}。" if has_han(row) else f"{row}."


def _head_at(rows: Sequence[Sequence[str]]) -> int | None:
    """Which row names the columns: at least two names, all different, none a figure, and rows below it.

    A cell in the unit of one below it ("137吨" above "198吨") is an amount: the table has no head.
    """
    columns = max((sum(map(bool, row)) for row in rows), default=0)
    for at, row in enumerate(rows[:_HEAD_AMONG]):
        names = [cell for cell in row if cell]
        if len(names) < 2:
            continue
        wide = len(names) * 2 >= columns and len(rows) > at + 1
        named = len(set(names)) == len(names) and not any(_is_figure(name) for name in names)
        amounts = any(_unit(cell) and _unit(cell) in _units(rows[at + 1 :], n) for n, cell in enumerate(row))
        return at if wide and named and not amounts else None
    return None


def _units(rows: Sequence[Sequence[str]], column: int) -> set[str]:
    return {_unit(row[column]) for row in rows if column < len(row)}


def _unit(cell: str) -> str:
    """What follows the number that a cell begins with; "" where it holds anything else, or a year."""
    amount = _AMOUNT.fullmatch(cell)
    return amount[1] if amount and not _YEAR.fullmatch(cell) else ""


def _is_figure(cell: str) -> bool:
    """Whether a cell holds a number, an amount, a date: what stands under a head, never in it. A year may head a
    column of its figures."""
    return _FIGURE.match(cell) is not None and not _YEAR.fullmatch(cell)
