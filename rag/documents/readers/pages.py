"""Lines of printed pages -> paragraphs that know their page: running heads dropped, headings told by their size."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from statistics import median

import regex

from rag.documents.lines import is_item, without_bullet
from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.layout import Printed

_EDGE = 2  # lines at the head and the foot of a page that may be furniture
_SAME_HEIGHT = 12  # points, give or take as many: a scanned sheet lies elsewhere each time
_LARGER = 1.12  # times the size of the running text: a heading
_INDENT = (1.0, 4.5)  # sizes that the first line of a paragraph begins further in, where paragraphs are told so
_INDENTED = 3  # lines of a file that begin so
_AT_EDGE = 0.6  # sizes
_HANGING = (0.4, 4.0)  # sizes that the lines of a bullet point stand further in than its bullet
_FULL = 1.3  # sizes that a full line may lack, for a mark that may not begin the next one
_NARROW = 0.6  # sizes: a letter or a figure, which are not parted from those beside them
_LONGEST_HEADING = 80  # characters
_NUMBERS, _BEYOND = 3, 1000  # numbers of a line that may be the page's, and how far they may be from its place


def paragraphs_of(pages: Sequence[Sequence[Printed]]) -> tuple[Paragraph, ...]:
    """The paragraphs of all pages, numbered by page."""
    return tuple(_paragraphs(_without_running_heads(pages)))


def _without_running_heads(pages: Sequence[Sequence[Printed]]) -> list[Sequence[Printed]]:
    """Without the lines at head and foot that other pages print too, whatever number stands in them."""
    ends = [{*range(min(_EDGE, len(page))), *range(max(0, len(page) - _EDGE), len(page))} for page in pages]
    counts: Counter[tuple[str, int]] = Counter()
    for place, (page, end) in enumerate(zip(pages, ends, strict=True)):
        forms = set().union(*(_running(page[n], place) for n in end))
        counts.update({(text, height + off) for text, height in forms for off in (-1, 0, 1)})
    least = max(2, -(-len(pages) * 3 // 10))

    def runs(line: Printed, place: int) -> bool:
        return not line.cells and any(counts[form] >= least for form in _running(line, place))

    return [
        [line for n, line in enumerate(page) if n not in end or not runs(line, place)]
        for place, (page, end) in enumerate(zip(pages, ends, strict=True))
    ]


def _running(line: Printed, place: int) -> set[tuple[str, int]]:
    """What may stay the same from page to page: the text, each number as it is or as far as it is from the page's
    place, and about how high it stands. So the number of a page is told from a figure, which changes otherwise."""
    text = regex.sub(r"(?<=第)[一二三四五六七八九十百]+(?=页)|^[-\s]*[ivxlc]+[-\s]*$", "#", line.text.strip())
    parts = regex.split(r"(?<![0-9])([0-9]{1,6})(?![0-9])", text)  # every second one is a number
    ways = [
        (part, f"#{int(part) - place}") if n % 2 and n < 2 * _NUMBERS and int(part) < place + _BEYOND else (part,)
        for n, part in enumerate(parts)
    ]
    return {("".join(way), round(line.top / _SAME_HEIGHT)) for way in product(*ways)}


def _paragraphs(pages: Sequence[Sequence[Printed]]) -> Iterator[Paragraph]:
    sizes = [line.size for page in pages for line in page for _ in range(0, len(line.text), 10)]
    body = median(sizes) if sizes else 0.0
    ranks = sorted({round(line.size) for page in pages for line in page if _is_heading(line, body)}, reverse=True)
    lines = _whole_words([(number, line) for number, page in enumerate(pages, 1) for line in page])
    indents = sum(_is_indented(line) for _, line in lines) >= _INDENTED
    last: Paragraph | None = None
    previous: Printed | None = None
    item: Printed | None = None  # the first line of the bullet point that the last paragraph is
    for number, line in lines:
        here = Line(line.text, number)
        if _is_heading(line, body):
            level = min(ranks.index(round(line.size)) + 1, 6)
            new = Paragraph((here,), Kind.HEADING, level, settled=True)
            near = previous is not None and line.top - previous.top < 2.2 * line.size
            goes_on = near and last is not None and last.level == level and last.lines[-1].number == number
        elif line.cells:
            new, goes_on = Paragraph((here,), Kind.ITEM, settled=True), False
        else:
            new = Paragraph((here,), gap=line.gap)
            goes_on = previous is not None and (
                (indents and _goes_on(previous, line)) or (item is not None and _hangs(item, previous, line))
            )
        if last is not None and goes_on and last.kind is new.kind:
            last = replace(last, lines=(*last.lines, here))
        else:
            if last is not None:
                yield last
            last = new
            item = line if without_bullet(line.text) != line.text else None
        previous = line
    if last is not None:
        yield last


def _goes_on(above: Printed, line: Printed) -> bool:
    """Whether the print shows that a line continues the paragraph of the one read before it: it begins at the edge of
    its column, and would not have fitted in above, as far as it may not be broken."""
    if line.inset is None or above.inset is None or abs(line.inset) > _AT_EDGE or line.gap or above.cells:
        return False
    return _is_full(above, line)


def _hangs(item: Printed, above: Printed, line: Printed) -> bool:
    """Whether a line goes on with a bullet point: it begins further in than the bullet, and would not have fitted in
    above."""
    if line.inset is None or item.inset is None or line.gap or is_item(line.text):
        return False
    return _HANGING[0] < line.inset - item.inset < _HANGING[1] and _is_full(above, line)


def _is_full(above: Printed, line: Printed) -> bool:
    """Whether the first word of `line` would not have fitted in above."""
    whole = regex.match(r"[!-~]*", line.text)
    return above.short < _FULL + _NARROW * len(whole[0] if whole else "")


def _is_indented(line: Printed) -> bool:
    return line.inset is not None and _INDENT[0] < line.inset < _INDENT[1]


def _is_heading(line: Printed, body: float) -> bool:
    return (
        line.size > _LARGER * body
        and len(line.text) <= _LONGEST_HEADING
        and not line.cells
        and sum(map(str.isalpha, line.text)) >= 2
    )


def _whole_words(lines: list[tuple[int, Printed]]) -> list[tuple[int, Printed]]:
    """Words that a hyphen parts at the end of a line put together on the first of the two."""
    for at in range(len(lines) - 1):
        (number, line), (after, below) = lines[at], lines[at + 1]
        head, _, rest = below.text.partition(" ")
        if regex.search(r"\p{Ll}[-\u00ad\u2010]$", line.text) and regex.match(r"\p{Ll}", head) and rest:
            lines[at] = number, replace(line, text=line.text[:-1] + head)
            lines[at + 1] = after, replace(below, text=rest)
    return lines
