"""Characters with their places on a page -> its lines in reading order: columns one after the other, tables by row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from rag.documents.readers.part import raised, tidy
from rag.documents.readers.tables import with_stop
from rag.text import needs_space

_WORD_GAP = 0.18  # of the size: a blank that was not printed as one
_CELL_GAP = 1.1  # of the size: what stands further off is another cell or column
_RAISED = 0.8  # of the size: what is smaller and stands higher is a superscript, and 10 with a raised 6 is not 106
_GUTTER = 0.7  # of the size: the narrowest strip between two columns of text
_CROSSING = 0.34  # of the lines: titles and figures may run across columns, not more
_PROSE = 9.0  # sizes: the width that half of a column's lines have at least; cells of a table are narrower
_FEW = 3  # lines: what is shorter is no column


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters that stand beside each other. Counted from the top left corner of the page."""

    left: float
    top: float
    right: float
    bottom: float
    size: float  # height of its characters
    text: str


@dataclass(frozen=True, slots=True)
class Printed:
    """A line as it is read."""

    text: str
    top: float
    size: float
    gap: int = 0  # empty lines before it
    cells: bool = False  # a row of a table
    inset: float | None = None  # sizes from the left edge of its column; None where no such edge is seen
    short: float = 0.0  # sizes that it ends before the right edge


def pieces_of(characters: Iterable[tuple[str, float, float, float, float]]) -> list[Piece]:
    """(character, left, top, right, bottom), as the file has them -> runs without a wide gap or a change of line."""
    found: list[Piece] = []
    run: list[str] = []
    left = top = right = bottom = size = 0.0
    blank = False

    def end() -> None:
        if text := tidy("".join(run)):
            found.append(Piece(left, top, right, bottom, size, text))
        run.clear()

    for character, a, b, c, d in characters:
        if character.isspace() or character in "\ufffe\u00ad\x02":
            if character in "\ufffe\x02" and run:  # PDFium's mark for a hyphen at the end of a line
                run.append("-")
            blank = True
            continue
        tall = d - b
        if tall <= 0:
            continue
        if character.isascii() and character.isdigit() and run and run[-1].isalnum():
            above = tall < _RAISED * size and d < bottom - (1 - _RAISED) * size / 2 and a - right < _WORD_GAP * size
            character = raised(character) if above else character
        same = min(d, bottom) - max(b, top) > 0.5 * min(tall, size or tall)
        if not run or not same or a - right > _CELL_GAP * size or a < right - size:
            end()
            left, top, right, bottom, size = a, b, c, d, tall
        elif blank or (a - right > _WORD_GAP * size and needs_space(run[-1], character)):
            run.append(" ")
        run.append(character)
        top, bottom, right, size = min(top, b), max(bottom, d), max(right, c), max(size, tall)
        blank = False
    end()
    return found


def printed_lines(pieces: Sequence[Piece]) -> list[Printed]:
    """The lines of one page in the order they are read in."""
    return _spaced([line for block in _blocks(list(pieces)) for line in _rows(block)])


def in_reading_order(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces of one page as its lines have them."""
    return [piece for block in _blocks(list(pieces)) for row in _grouped(block) for piece in row]


def _blocks(pieces: list[Piece]) -> list[list[Piece]]:
    """Blocks in reading order: what crosses a gutter parts the columns above it from those below."""
    gutter = _gutter(pieces)
    if gutter is None:
        return [pieces] if pieces else []
    crossing = sorted((p for p in pieces if p.left < gutter < p.right), key=lambda p: p.top)
    blocks: list[list[Piece]] = []
    begin = float("-inf")
    for across in [*crossing, None]:
        end = (across.top + across.bottom) / 2 if across else float("inf")
        zone = [p for p in pieces if begin <= (p.top + p.bottom) / 2 < end and not p.left < gutter < p.right]
        for side in ([p for p in zone if p.right <= gutter], [p for p in zone if p.left >= gutter]):
            blocks.extend(_blocks(side))
        if across:
            blocks.append([across])
            begin = end
    return _joined(blocks)


def _joined(blocks: list[list[Piece]]) -> list[list[Piece]]:
    """Lines that cross one after the other are one block: rows of a table stay together."""
    joined: list[list[Piece]] = []
    for block in blocks:
        if joined and len(block) == len(joined[-1][-1:]) == 1 and _near(joined[-1][-1], block[0]):
            joined[-1].extend(block)
        else:
            joined.append(block)
    return joined


def _near(above: Piece, below: Piece) -> bool:
    return abs(below.top - above.bottom) < 1.5 * below.size and abs(below.size - above.size) < 1


def _gutter(pieces: Sequence[Piece]) -> float | None:
    """Where a strip without text parts two columns of prose; None where there is no such strip."""
    if len(pieces) < 2 * _FEW:
        return None
    size = median(p.size for p in pieces)
    low, high = min(p.left for p in pieces), max(p.right for p in pieces)
    best: tuple[float, float] | None = None
    for at in sorted({p.left for p in pieces}):
        gutter = at - _GUTTER * size / 2
        if not low + 0.15 * (high - low) < gutter < high - 0.15 * (high - low):
            continue
        strip = (at - _GUTTER * size, at - 0.01)
        crossing = sum(p.left < strip[1] and p.right > strip[0] for p in pieces)
        left = [p for p in pieces if p.right <= strip[0]]
        right = [p for p in pieces if p.left >= strip[1]]
        if crossing > _CROSSING * len(pieces) or min(len(left), len(right)) < _FEW:
            continue
        if all(_is_prose(side, size) for side in (left, right)) and (best is None or (crossing, gutter) < best):
            best = crossing, gutter
    return best[1] if best else None


def _is_prose(pieces: Sequence[Piece], size: float) -> bool:
    return median(p.right - p.left for p in pieces) >= _PROSE * size


def _rows(pieces: Sequence[Piece]) -> list[Printed]:
    """The lines of a block; two of several pieces each, one below the other, are a table."""
    rows = _grouped(pieces)
    wide = [len(row) > 1 for row in rows]
    lines = []
    for n, row in enumerate(rows):
        table = wide[n] and any(wide[m] for m in (n - 1, n + 1) if 0 <= m < len(rows))
        cells = [piece.text for piece in row]
        text = with_stop(" | ".join(cells)) if table else " ".join(cells)
        lines.append(Printed(text, min(p.top for p in row), max(p.size for p in row), cells=table))
    return _with_edges(lines, [(row[0].left, row[-1].right) for row in rows])


def _with_edges(lines: Sequence[Printed], ends: Sequence[tuple[float, float]]) -> list[Printed]:
    """With how far they stand from the edges of their column, where several lines stand at each."""
    size = median(line.size for line in lines)
    left, right = _edge([a for a, _ in ends], size, min), _edge([b for _, b in ends], size, max)
    if left is None or right is None:
        return list(lines)
    return [
        replace(line, inset=(a - left) / size, short=(right - b) / size)
        for line, (a, b) in zip(lines, ends, strict=True)
    ]


def _edge(places: Sequence[float], size: float, outermost: Callable[..., float]) -> float | None:
    """Where, outermost, at least three lines begin or end; None where there is no such place."""
    return outermost((at for at in places if sum(abs(at - other) < size / 2 for other in places) >= _FEW), default=None)


def _grouped(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces at the same height, from left to right."""
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda p: ((p.top + p.bottom) / 2, p.left)):
        last = rows[-1][-1] if rows else None
        if last and min(piece.bottom, last.bottom) - max(piece.top, last.top) > 0.5 * min(piece.size, last.size):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [sorted(row, key=lambda p: p.left) for row in rows]


def _spaced(lines: Sequence[Printed]) -> list[Printed]:
    """How many empty lines stand before each, by the distance that most lines have."""
    steps = [b.top - a.top for a, b in pairwise(lines) if b.top > a.top]
    usual = median(steps) if steps else 0.0
    spaced = list(lines[:1])
    for above, line in pairwise(lines):
        step = line.top - above.top
        gap = max(0, round(step / usual - 1)) if usual and step > 0 else 0
        spaced.append(replace(line, gap=min(gap, 3)))
    return spaced
